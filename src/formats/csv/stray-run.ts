import type { JumpLimit } from './jump-limit.js';

/** Rows one after the other that may lie too far from those before them and yet agree with one another. */
export const STRAYS_MAX = 10;

/**
 * Counts rows in a row whose times are refused, and yet agree with one another: then it is the file
 * that goes on elsewhere, not a slip, and all that follows would be refused.
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

  /** A row whose time is refused. @returns How many agree by now. */
  see(words: Int32Array, row: number): number {
    this.#count = this.#count > 0 && this.#limit.isNear(this.#last, 0, words, row) ? this.#count + 1 : 1;
    this.#last[0] = words[2 * row]!;
    this.#last[1] = words[2 * row + 1]!;
    return this.#count;
  }

  /** A row whose time is meant. */
  end(): void {
    this.#count = 0;
  }
}

/** A file goes on elsewhere in time. Whoever knows the file says where. */
export class StrayRunError extends Error {
  /** The last of the rows, counted from the first that was read. */
  readonly row: number;
  /** What was expected of it. */
  readonly expected: string;

  constructor(row: number, expected: string) {
    super('rows whose times are refused agree with one another');
    this.row = row;
    this.expected = expected;
  }
}
