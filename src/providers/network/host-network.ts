import type { Clock } from '../../core/clock.js';
import { sharedAbort } from '../../core/shared-abort.js';
import type { HttpAnswer, RequestOptions, Socket, SocketOptions } from '../contract/network.js';
import { hostRequest } from './host-request.js';
import { openHostSocket } from './host-socket.js';
import type { OwnedNetwork } from './owned-network.js';
import { ReceiveTimes } from './receive-times.js';

/** The network of this machine: sockets by `ws`, HTTP by `fetch`. */
export class HostNetwork implements OwnedNetwork {
  readonly #who: string;
  readonly #clock: Clock;
  readonly #times: ReceiveTimes;
  readonly #stopping = sharedAbort();
  #connections = 0;

  /** @param provider - Whose it is, for messages. */
  constructor(provider: string, clock: Clock) {
    this.#who = `Provider "${provider}"`;
    this.#clock = clock;
    this.#times = new ReceiveTimes(clock);
  }

  openSocket(url: string | URL, options: SocketOptions = {}): Promise<Socket> {
    return this.#within(options.signal, (signal) =>
      openHostSocket(
        url,
        { ...options, signal },
        {
          id: ++this.#connections,
          who: this.#who,
          clock: this.#clock,
          times: this.#times,
          stopping: this.#stopping.signal,
        },
      ),
    );
  }

  request(url: string | URL, options: RequestOptions = {}): Promise<HttpAnswer> {
    return this.#within(options.signal, (signal) =>
      hostRequest(url, { ...options, signal }, { who: this.#who, clock: this.#clock }),
    );
  }

  close(): void {
    this.#stopping.abort();
  }

  /** Runs a call with a signal that aborts for its caller, and when the network is closed. */
  async #within<T>(outer: AbortSignal | undefined, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    outer?.throwIfAborted();
    const closed = this.#stopping.signal;
    closed.throwIfAborted();
    const own = new AbortController();
    const byOuter = () => own.abort(outer?.reason);
    const byClose = () => own.abort(closed.reason);
    outer?.addEventListener('abort', byOuter, { once: true });
    closed.addEventListener('abort', byClose, { once: true });
    try {
      return await call(own.signal);
    } finally {
      outer?.removeEventListener('abort', byOuter);
      closed.removeEventListener('abort', byClose);
    }
  }
}
