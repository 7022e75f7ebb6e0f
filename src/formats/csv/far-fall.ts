import type { JumpLimit } from './jump-limit.js';

/** If time has not jumped up again after this many rows, the fall was meant. */
const ROWS_MAX = 100;

/**
 * Decides whether a far fall is meant: a step back in time beyond the jump limit. It is meant if the
 * rows of another symbol begin there, and later rows continue from it. It is not meant if time then
 * jumps up again to near the row before: such a time was never set, or is a mistake.
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

  /** Checks the next row with a readable time. @returns Whether the fall was meant; `undefined` until that is known. */
  see(words: Int32Array, row: number): boolean | undefined {
    if (this.#limit.isAhead(this.#last, 0, words, row)) {
      return !this.#limit.isNear(this.#before, 0, words, row);
    }
    this.#last[0] = words[2 * row]!;
    this.#last[1] = words[2 * row + 1]!;
    return ++this.#rows === ROWS_MAX ? true : undefined;
  }
}
