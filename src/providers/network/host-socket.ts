import { type RawData, WebSocket } from 'ws';
import type { Clock, TimerHandle } from '../../core/clock.js';
import { asProviderError, messageOf, ProviderError, responseError } from '../../core/provider-error.js';
import { providerErrorKind } from '../../core/provider-error-kind.js';
import type { Socket, SocketEnd, SocketListener, SocketOptions } from '../contract/network.js';
import type { ReceiveTimes } from './receive-times.js';
import { ReceivedFrame } from './received-frame.js';
import { shownUrl, urlOf } from './shown-url.js';

const OPEN_MS_MAX = 10_000;
const FRAME_BYTES_MAX = 16 * 1_024 * 1_024;
/** With so many bytes waiting to be sent, nothing more is taken. */
export const SEND_BYTES_MAX = 1_024 * 1_024;
/** How long the other side may take to answer a close. */
export const CLOSE_MS_MAX = 2_000;
const PROTOCOLS = ['wss:', 'ws:'];
/** No code was sent; the connection broke off. */
export const NO_CODE = 1_005;
export const BROKEN_OFF = 1_006;

interface SocketParts {
  readonly id: number;
  /** Whose it is, for messages. */
  readonly who: string;
  readonly clock: Clock;
  readonly times: ReceiveTimes;
  /** Cuts the socket, open or not. */
  readonly stopping: AbortSignal;
}

/** Opens a socket by `ws`. */
export function openHostSocket(
  url: string | URL,
  options: SocketOptions & { readonly signal: AbortSignal },
  parts: SocketParts,
): Promise<Socket> {
  const { who, clock } = parts;
  const { signal, openMsMax = OPEN_MS_MAX, headers = {}, protocols = [] } = options;
  const { frameBytesMax = FRAME_BYTES_MAX, compress = false } = options;
  return new Promise((resolve, reject) => {
    const target = urlOf(url, PROTOCOLS, who);
    const at = `${who} at ${shownUrl(target)}`;
    const client = new WebSocket(target, [...protocols], {
      headers: { ...headers },
      maxPayload: frameBytesMax,
      perMessageDeflate: compress,
      rejectUnauthorized: true, // also where NODE_TLS_REJECT_UNAUTHORIZED=0 would turn it off
    });
    const socket = new HostSocket(client, at, parts);
    const settle = () => {
      clock.clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      client.off('unexpected-response', onRefusal);
      client.off('open', onOpen);
    };
    const fail = (error: unknown) => {
      settle();
      reject(error);
      socket.cut();
    };
    const onAbort = () => fail(signal.reason);
    const timer = clock.setTimeout(
      () => fail(new ProviderError('unavailable', `${at} did not open within ${openMsMax} ms`)),
      openMsMax,
    );
    const onRefusal: Refused = (request, { statusCode: status = 0, headers: found }) => {
      fail(responseError({ status, headers: found }, at, Number(clock.wall()) / 1e6));
      request.destroy();
    };
    const onOpen = () => {
      settle();
      client.pause(); // until somebody listens
      resolve(socket);
    };
    client.on('unexpected-response', onRefusal);
    client.on('open', onOpen);
    socket.onEarlyEnd(({ error, code }) => fail(error ?? socket.brokenOff(code)));
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

type Refused = (
  request: { destroy(): unknown },
  response: { readonly statusCode?: number | undefined; readonly headers: unknown },
) => void;

class HostSocket implements Socket {
  readonly id: number;
  readonly #client: WebSocket;
  readonly #at: string;
  readonly #clock: Clock;
  readonly #times: ReceiveTimes;
  readonly #stopping: AbortSignal;
  readonly #onStop = () => this.cut();
  /** What came before anybody listens. */
  #early: ReceivedFrame[] = [];
  #earlyEnd: ((end: SocketEnd) => void) | undefined;
  #listener: SocketListener | undefined;
  #end: SocketEnd | undefined;
  #error: unknown;
  #isOwn = false;
  #closing: TimerHandle;

  constructor(client: WebSocket, at: string, { id, clock, times, stopping }: SocketParts) {
    this.id = id;
    this.#client = client;
    this.#at = at;
    this.#clock = clock;
    this.#times = times;
    this.#stopping = stopping;
    stopping.addEventListener('abort', this.#onStop, { once: true });
    client.on('message', (data, isBinary) => this.#receive(data, !isBinary));
    client.on('ping', () => this.#alive());
    client.on('pong', () => this.#alive());
    client.on('error', (error) => {
      this.#error ??= this.#errorOf(error);
    });
    client.on('close', (code, reason) => this.#ended(code, reason.toString('utf8')));
  }

  /** Calls back if it ends before anybody listens. */
  onEarlyEnd(callback: (end: SocketEnd) => void): void {
    this.#earlyEnd = callback;
  }

  listen(listener: SocketListener): void {
    this.#listener = listener;
    this.#earlyEnd = undefined;
    const early = this.#early;
    this.#early = [];
    for (const frame of early) this.#deliver(frame);
    if (this.#end) listener.closed(this.#end);
    else this.resume();
  }

  send(message: string | Uint8Array): boolean {
    const client = this.#client;
    if (client.readyState !== WebSocket.OPEN || client.bufferedAmount > SEND_BYTES_MAX) return false;
    client.send(message);
    return true;
  }

  ping(): void {
    if (this.#client.readyState === WebSocket.OPEN) this.#client.ping();
  }

  pause(): void {
    if (!this.#isOwn) this.#client.pause();
  }

  resume(): void {
    this.#client.resume();
  }

  close(code = 1_000): void {
    if (this.#end || this.#isOwn) return;
    this.#isOwn = true;
    this.#closing = this.#clock.setTimeout(() => this.#client.terminate(), CLOSE_MS_MAX);
    this.#client.resume(); // or the answer would not be read
    this.#client.close(code);
  }

  /** Ends it without a word to the other side. */
  cut(): void {
    this.#isOwn = true;
    this.#client.terminate();
  }

  /** The error of a connection that ended though nobody asked. */
  brokenOff(code: number): ProviderError {
    return new ProviderError('disconnected', `${this.#at} closed the connection (code ${code})`);
  }

  #receive(data: RawData, isText: boolean): void {
    if (this.#isOwn) return;
    this.#times.stamp();
    const { ms, sub } = this.#times;
    const frame = new ReceivedFrame(data as Uint8Array, isText, ms, sub); // `nodebuffer` is the default type
    if (this.#listener) this.#deliver(frame);
    else this.#early.push(frame);
  }

  #deliver(frame: ReceivedFrame): void {
    if (this.#isOwn) return;
    try {
      this.#listener?.frame(frame);
    } catch (error) {
      this.#error ??= error;
      this.cut();
    }
  }

  #alive(): void {
    if (this.#isOwn) return;
    try {
      this.#listener?.alive?.();
    } catch (error) {
      this.#error ??= error;
      this.cut();
    }
  }

  #ended(code: number, reason: string): void {
    this.#clock.clearTimeout(this.#closing);
    this.#stopping.removeEventListener('abort', this.#onStop);
    const error = this.#error;
    this.#end = { code, reason, isOwn: this.#isOwn, ...(error !== undefined && { error }) };
    this.#earlyEnd?.(this.#end);
    this.#listener?.closed(this.#end);
  }

  #errorOf(error: Error & { readonly code?: unknown }): unknown {
    const { code } = error;
    // What a server sent that is no WebSocket: too long, no UTF-8, wrong bits.
    const isOfFrame = typeof code === 'string' && code.startsWith('WS_ERR_');
    if (providerErrorKind(error) !== undefined) {
      return asProviderError(error, this.#at, Number(this.#clock.wall()) / 1e6);
    }
    const kind = isOfFrame ? 'protocol' : 'disconnected';
    return new ProviderError(kind, `${this.#at}: ${messageOf(error)}`, { cause: error });
  }
}
