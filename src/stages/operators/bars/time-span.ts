import { TWO_32 } from '../../../columns/int64.js';
import { doubleOfBits, INFINITY_HIGH } from './time-bits.js';

/** Times of rows, as words and, where memory is aligned for it, as the doubles of the same bits. */
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
 * A span of event time, and how far rows lie in it.
 *
 * From 1970 to 2262, the bits of two times, read as doubles, compare as the times themselves do:
 * that is how IEEE 754 orders its bits. A load and two comparisons a row, where the difference of
 * the words takes twice the time. Other spans are compared by words.
 */
export class TimeSpan {
  /** Whether the rows that `firstOutside` passed last are in order of time, as far as it looked. */
  ascends = false;
  #startHigh = 0;
  #startLow = 0;
  #from = 0;
  #to = 0;
  /** The ends as doubles of the same bits; NaN where those do not compare as they should. */
  #first = Number.NaN;
  #bound = Number.NaN;

  /**
   * @param startHigh - High word of an instant, signed. `startLow`: the low one, unsigned.
   * @param from - Least ns since that instant that lies in the span. `to`: the first that does not.
   */
  set(startHigh: number, startLow: number, from: number, to: number): void {
    this.#startHigh = startHigh;
    this.#startLow = startLow;
    this.#from = from;
    this.#to = to;
    this.#first = doubleOf(startHigh, startLow + from);
    this.#bound = doubleOf(startHigh, startLow + to);
  }

  /** The first of the rows `row` to `end` outside of the span, or `end`. */
  firstOutside({ words, doubles }: Times, selection: Int32Array, row: number, end: number): number {
    if (doubles !== undefined && this.#first <= this.#bound) {
      return this.#firstOutsideByDoubles(doubles, selection, row, end);
    }
    this.ascends = false;
    const [startHigh, startLow, from, to] = [this.#startHigh, this.#startLow, this.#from, this.#to];
    for (; row < end; row++) {
      const place = selection[row]!;
      // A difference of high words that is too large for a double still lands far outside.
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
      // In order, the first and the last one speak for all four.
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
 * The double of the same bits as a time after 1970 began and before 2262; NaN of another. The first
 * instant of 1970 is left out, since its 0 equals the −0 of the least time of all.
 *
 * @param low - Whole, and may be past 32 bits.
 */
function doubleOf(high: number, low: number): number {
  const carried = high + Math.floor(low / TWO_32);
  if (carried < 0 || carried >= INFINITY_HIGH) return Number.NaN;
  const double = doubleOfBits(low, carried);
  return double > 0 ? double : Number.NaN;
}
