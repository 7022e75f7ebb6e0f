import { TWO_32 } from '../../../columns/int64.js';
import { doubleOfBits, INFINITY_HIGH } from './time-bits.js';

/** Times of rows, as words and, if the memory is aligned for it, as doubles with the same bits. */
export interface Times {
  readonly words: Int32Array;
  readonly doubles: Float64Array | undefined;
}

export function timesOf(column: Int32Array): Times {
  const isAligned = column.byteOffset % Float64Array.BYTES_PER_ELEMENT === 0;
  return {
    words: column,
    doubles: isAligned ? new Float64Array(column.buffer, column.byteOffset, column.length >> 1) : undefined,
  };
}

/**
 * A span of event time that finds how many rows are inside it.
 *
 * From 1970 to 2262, the bits of two times, read as doubles, compare like the times themselves, since
 * IEEE 754 orders its bits that way. This takes one load and two comparisons per row; the difference of
 * the words would take twice the time. Other spans are compared by words.
 */
export class TimeSpan {
  /** Whether the rows that `firstOutside` passed last are ordered by time. `false` if it does not know. */
  ascends = false;
  #startHigh = 0;
  #startLow = 0;
  #from = 0;
  #to = 0;
  /** The ends of the span as doubles with the same bits; NaN if these would not compare correctly. */
  #first = Number.NaN;
  #bound = Number.NaN;

  /**
   * @param startHigh - High word of an instant, signed. `startLow` is the low word, unsigned.
   * @param from - First ns since that instant inside the span. `to` is the first ns after it.
   */
  set(startHigh: number, startLow: number, from: number, to: number): void {
    this.#startHigh = startHigh;
    this.#startLow = startLow;
    this.#from = from;
    this.#to = to;
    this.#first = doubleOf(startHigh, startLow + from);
    this.#bound = doubleOf(startHigh, startLow + to);
  }

  /** The first of the rows `row` to `end` that is outside the span, or `end`. */
  firstOutside({ words, doubles }: Times, selection: Int32Array, row: number, end: number): number {
    if (doubles !== undefined && this.#first <= this.#bound) {
      return this.#firstOutsideByDoubles(doubles, selection, row, end);
    }
    this.ascends = false;
    const [startHigh, startLow, from, to] = [this.#startHigh, this.#startLow, this.#from, this.#to];
    for (; row < end; row++) {
      const place = selection[row]!;
      // A difference of high words that a double cannot hold exactly is still far outside.
      const ns = (words[2 * place + 1]! - startHigh) * TWO_32 + ((words[2 * place]! >>> 0) - startLow);
      if (!(ns >= from && ns < to)) return row;
    }
    return end;
  }

  #firstOutsideByDoubles(times: Float64Array, selection: Int32Array, row: number, end: number): number {
    const first = this.#first;
    const bound = this.#bound;
    let last = first;
    let ascends = true;
    for (; row + 4 <= end; row += 4) {
      const a = times[selection[row]!]!;
      const b = times[selection[row + 1]!]!;
      const c = times[selection[row + 2]!]!;
      const d = times[selection[row + 3]!]!;
      // If the four are in order, the first and the last one decide for all.
      if (last <= a && a <= b && b <= c && c <= d) {
        if (!(d < bound)) break;
      } else {
        const isInside =
          a >= first &&
          a < bound &&
          b >= first &&
          b < bound &&
          c >= first &&
          c < bound &&
          d >= first &&
          d < bound;
        if (!isInside) break;
        ascends = false;
      }
      last = d;
    }
    for (; row < end; row++) {
      const time = times[selection[row]!]!;
      if (!(time >= first && time < bound)) break;
      if (time < last) ascends = false;
      last = time;
    }
    this.ascends = ascends;
    return row;
  }
}

/**
 * The double with the same bits as a time between 1970 and 2262; NaN for other times. The first instant
 * of 1970 is excluded, since its 0 equals the −0 of the smallest time.
 *
 * @param low - A whole number that may exceed 32 bits.
 */
function doubleOf(high: number, low: number): number {
  const carried = high + Math.floor(low / TWO_32);
  if (carried < 0 || carried >= INFINITY_HIGH) return Number.NaN;
  const double = doubleOfBits(low, carried);
  return double > 0 ? double : Number.NaN;
}
