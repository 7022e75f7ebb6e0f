import type { JumpLimit } from './jump-limit.js';

/** Rows behind a far fall within which time has to jump up again, or the fall was meant. */
const ROWS_MAX = 100;

/**
 * Tells whether a row that falls further behind the one before it than time may jump is meant. It is
 * where the rows of another symbol begin, which go on from there. It is not where time jumps up
 * again, to near the row before: then it is a time that was never set, or a slip.
 */
export class FarFall {
  readonly #limit: JumpLimit;
  readonly #before = new Int32Array(2);
  readonly #last = new Int32Array(2);
  #rows = 0;

  constructor(limit: JumpLimit) {
    this.#limit = limit;
  }

  begin(before: Int32Array, words: Int32Array, row: number): void {
    this.#before.set(before);
    this.#last.set(words.subarray(2 * row, 2 * row + 2));
    this.#rows = 0;
  }

  /** Sees the next row whose time can be read. @returns Whether the fall was meant, once that is sure. */
  see(words: Int32Array, row: number): boolean | undefined {
    if (this.#limit.isAhead(this.#last, 0, words, row)) {
      return !this.#limit.isNear(this.#before, 0, words, row);
    }
    this.#last[0] = words[2 * row]!;
    this.#last[1] = words[2 * row + 1]!;
    return ++this.#rows === ROWS_MAX ? true : undefined;
  }
}
