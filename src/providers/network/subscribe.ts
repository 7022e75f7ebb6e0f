import { type Clock, sleep } from '../../core/clock.js';
import { ProviderError } from '../../core/provider-error.js';
import { millis } from '../../core/units.js';
import type { CallGate } from '../../engine/call-gate.js';
import type { Socket } from '../contract/network.js';

/** What is subscribed to on each connection, in messages of several channels. */
export interface Subscriptions {
  /** Symbols, or names of channels: whatever the supplier calls them. */
  readonly channels: readonly string[];
  /** Greatest number of channels in one message. Default: 100. */
  readonly channelsPerMessage?: number | undefined;
  /** Makes the message for some of the channels. `id` counts from 1 on each connection. */
  message(channels: readonly string[], id: number): string | Uint8Array;
  /** Permits that a message costs at the gate. Default: none, it does not pass the gate. */
  readonly cost?: number | undefined;
  /** Least ms between two messages. Default: 0. */
  readonly everyMs?: number | undefined;
  /**
   * Ms after the last message within which all of them must be confirmed (`Connection.acknowledge`), or the connection
   * is given up. Default: no confirmation is waited for.
   */
  readonly acknowledgeMsMax?: number | undefined;
}

const CHANNELS_PER_MESSAGE = 100;

interface SubscriberParts {
  readonly provider: string;
  readonly clock: Clock;
  readonly gate: CallGate;
  readonly socket: Pick<Socket, 'send'>;
  /** That of the connection. */
  readonly signal: AbortSignal;
}

/** Sends the subscriptions of one connection at their pace, and waits until they are confirmed. */
export class Subscriber {
  readonly #parts: SubscriberParts;
  readonly #unconfirmed = new Set<number>();
  /** Whether all messages were sent, so that the last confirmation is that of all. */
  #isSent = false;
  #onConfirmed: (() => void) | undefined;

  constructor(parts: SubscriberParts) {
    this.#parts = parts;
  }

  /** @throws the reason of the signal, if the connection ends before. */
  async subscribe({
    channels,
    channelsPerMessage = CHANNELS_PER_MESSAGE,
    message,
    cost,
    everyMs = 0,
    acknowledgeMsMax,
  }: Subscriptions): Promise<void> {
    const { clock, gate, signal } = this.#parts;
    let id = 0;
    for (let at = 0; at < channels.length; at += channelsPerMessage) {
      if (at > 0 && everyMs > 0) await sleep(clock, millis(everyMs), signal);
      signal.throwIfAborted();
      const text = message(channels.slice(at, at + channelsPerMessage), ++id);
      if (acknowledgeMsMax !== undefined) this.#unconfirmed.add(id); // before it is sent: the answer may come at once
      if (cost === undefined) this.#send(text);
      else await gate.call(() => this.#send(text), { cost, signal });
    }
    this.#isSent = true;
    if (acknowledgeMsMax !== undefined) await this.#confirmed(acknowledgeMsMax);
  }

  /** The message with this id was confirmed. @returns Whether it was the last of all that was waited for. */
  acknowledge(id: number): boolean {
    if (!this.#unconfirmed.delete(id) || this.#unconfirmed.size > 0) return false;
    this.#onConfirmed?.();
    return this.#isSent;
  }

  #send(text: string | Uint8Array): void {
    const { socket, provider, signal } = this.#parts;
    signal.throwIfAborted();
    if (socket.send(text)) return;
    throw new ProviderError('disconnected', `Provider "${provider}": a subscription could not be sent`);
  }

  async #confirmed(msMax: number): Promise<void> {
    const { clock, signal, provider } = this.#parts;
    if (this.#unconfirmed.size === 0) return;
    const isInTime = await new Promise<boolean>((resolve) => {
      const end = (value: boolean) => () => {
        clock.clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        resolve(value);
      };
      const onAbort = end(false);
      const timer = clock.setTimeout(end(false), msMax);
      this.#onConfirmed = end(true);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
    signal.throwIfAborted();
    if (isInTime) return;
    throw new ProviderError(
      'unavailable',
      `Provider "${provider}" did not confirm ${this.#unconfirmed.size} subscriptions within ${msMax} ms`,
    );
  }
}
