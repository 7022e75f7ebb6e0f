import type { Readable } from 'node:stream';

const PERIOD_MS = 200;
const PERIODS_MAX = 5;

/**
 * Holds what is read of a stream to so much in a period, in any measure. A stream that has more waits until it is
 * read, and with it whoever writes to it, as for any pipe. What was taken above it counts for the next periods, but no
 * stream waits for longer than a second.
 */
export class Pace {
  readonly #stream: Readable;
  readonly #perPeriod: number;
  #left: number;
  #timer: NodeJS.Timeout | undefined;
  #isLifted = false;

  constructor(stream: Readable, perPeriod: number) {
    this.#stream = stream;
    this.#perPeriod = perPeriod;
    this.#left = perPeriod;
    stream.on('close', () => this.lift());
  }

  spend(amount: number): void {
    if (this.#isLifted) return;
    this.#left = Math.max(this.#left - amount, -PERIODS_MAX * this.#perPeriod);
    this.#timer ??= setTimeout(this.#refill, PERIOD_MS);
    if (this.#left <= 0) this.#stream.pause();
  }

  /** Reads on without a bound: nobody can write to the stream any more. */
  lift(): void {
    this.#isLifted = true;
    clearTimeout(this.#timer);
    this.#stream.resume();
  }

  readonly #refill = () => {
    this.#left = Math.min(this.#perPeriod, this.#left + this.#perPeriod);
    this.#timer = this.#left < this.#perPeriod ? setTimeout(this.#refill, PERIOD_MS) : undefined;
    if (this.#left > 0) this.#stream.resume();
  };
}
