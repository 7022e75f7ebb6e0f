import { TWO_32 } from '../../columns/int64.js';
import type { FileDirection } from '../file-decoder.js';
import { spanText } from './span-text.js';

/** The limit on how far a time may be ahead of the row before, in the direction of the file. Exact. */
export class JumpLimit {
  /** The limit in whole units of 2³² ns. Times whose high words differ by less are within the limit. */
  readonly high: number;
  readonly #low: number;
  readonly #ns: number;
  readonly #isAscending: boolean;

  /** @param ns - The limit; Infinity: none. */
  constructor(ns: number, direction: FileDirection) {
    this.#ns = ns;
    this.#isAscending = direction === 'ascending';
    this.high = Math.floor(ns / TWO_32);
    this.#low = ns - this.high * TWO_32;
  }

  /** Whether time `j` of `to` is too far ahead of time `i` of `from`. */
  isAhead(from: Int32Array, i: number, to: Int32Array, j: number): boolean {
    return this.#isAscending ? this.#isPast(from, i, to, j) : this.#isPast(to, j, from, i);
  }

  /** Whether neither time is too far ahead of the other. */
  isNear(a: Int32Array, i: number, b: Int32Array, j: number): boolean {
    return !this.#isPast(a, i, b, j) && !this.#isPast(b, j, a, i);
  }

  /** The `expected` part of the message for a time that is too far from others. */
  expected(others: string): string {
    return `a time within ${spanText(this.#ns)} of ${others} (or set "maxJump")`;
  }

  #isPast(from: Int32Array, i: number, to: Int32Array, j: number): boolean {
    let high = to[2 * j + 1]! - from[2 * i + 1]!;
    let low = (to[2 * j]! >>> 0) - (from[2 * i]! >>> 0);
    if (low < 0) {
      low += TWO_32;
      high -= 1;
    }
    return high > this.high || (high === this.high && low > this.#low);
  }
}
