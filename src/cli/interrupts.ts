import { endBySignal } from './end-process.js';

export type InterruptSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

export const EXIT_CODE: Readonly<Record<InterruptSignal, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
};

/**
 * A terminal signals the whole process group, and npm forwards the signal as well, so one press of Ctrl-C
 * arrives twice, a few milliseconds apart.
 */
const SAME_PRESS_MS = 250;

export interface InterruptHandlers {
  /** Called the first time: end in good order. */
  settle(signal: InterruptSignal): void;
  /** Called the second time: end now. */
  force(signal: InterruptSignal): void;
}

/** Reports Ctrl-C, SIGTERM, and SIGHUP of a terminal that goes away. The third time, the process ends at once. */
export class Interrupts {
  readonly #handlers: InterruptHandlers;
  readonly #nowMs: () => number;
  readonly #listeners: Record<InterruptSignal, () => void>;
  #signal: InterruptSignal | undefined;
  #count = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(handlers: InterruptHandlers, nowMs: () => number = () => performance.now()) {
    this.#handlers = handlers;
    this.#nowMs = nowMs;
    this.#listeners = {
      SIGINT: () => this.notice('SIGINT'),
      SIGTERM: () => this.notice('SIGTERM'),
      SIGHUP: () => this.notice('SIGHUP'),
    };
  }

  /** The first signal; `undefined` if there was none. */
  get signal(): InterruptSignal | undefined {
    return this.#signal;
  }

  /** Exit code for the first signal; `undefined` if there was none. */
  get exitCode(): number | undefined {
    return this.#signal && EXIT_CODE[this.#signal];
  }

  watch(): void {
    for (const [signal, listener] of Object.entries(this.#listeners)) process.on(signal, listener);
  }

  close(): void {
    for (const [signal, listener] of Object.entries(this.#listeners)) process.off(signal, listener);
  }

  notice(signal: InterruptSignal): void {
    const now = this.#nowMs();
    if (now - this.#lastMs < SAME_PRESS_MS) return;
    this.#lastMs = now;
    this.#signal ??= signal;
    this.#count++;
    if (this.#count === 1) this.#handlers.settle(signal);
    else if (this.#count === 2) this.#handlers.force(signal);
    else endBySignal(this.#signal); // `process.exit` would wait for a thread that does not end
  }
}
