import type { JumpLimit } from './jump-limit.js';

/** Reading stops when this many refused rows in succession agree with one another. */
export const STRAYS_MAX = 10;

/**
 * Counts successive rows whose times are refused but agree with one another. If there are many, the
 * file itself continues at another time: this is not a single mistake, and all later rows would be
 * refused.
 */
export class StrayRun {
  readonly #limit: JumpLimit;
  readonly #last = new Int32Array(2);
  #count = 0;

  constructor(limit: JumpLimit) {
    this.#limit = limit;
  }

  get isRunning(): boolean {
    return this.#count > 0;
  }

  /** Counts a row whose time is refused. @returns How many agree so far. */
  see(words: Int32Array, row: number): number {
    this.#count = this.#count > 0 && this.#limit.isNear(this.#last, 0, words, row) ? this.#count + 1 : 1;
    this.#last[0] = words[2 * row]!;
    this.#last[1] = words[2 * row + 1]!;
    return this.#count;
  }

  /** Ends the run, at a row whose time is accepted. */
  end(): void {
    this.#count = 0;
  }
}

/** A file continues at another time. The caller, which knows the file, reports where. */
export class StrayRunError extends Error {
  /** The last row of the run, counted from the first row that was read. */
  readonly row: number;
  /** What was expected of its time. */
  readonly expected: string;

  constructor(row: number, expected: string) {
    super('rows whose times are refused agree with one another');
    this.row = row;
    this.expected = expected;
  }
}
