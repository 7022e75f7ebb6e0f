import {
  type Instant,
  instantOf,
  isAfter,
  isLaterThan,
  setDifference,
  setSum,
} from '../../../columns/instants.js';
import type { InputWatermarks } from './input-watermarks.js';
import { NO_ROW, type SideRows } from './side-rows.js';

/** Which row of the side input a row is joined with: the last at or before it, the first at or after it, the nearer of the two. */
export type Direction = 'backward' | 'forward' | 'nearest';

/** The side input has to be read before the row can be answered. */
export const UNKNOWN = -1;

export interface RowSearchSettings {
  readonly direction: Direction;
  /** Rows further apart than this are not joined; `undefined`: however far. */
  readonly toleranceNs: bigint | undefined;
  readonly side: { readonly sequence: number };
}

/** Finds the row of the side input to join a row with, once its watermark says that no better one can come. */
export class RowSearch {
  readonly #direction: Direction;
  readonly #tolerance: Instant | undefined;
  readonly #hasSequence: boolean;
  readonly #rows: SideRows;
  readonly #watermarks: InputWatermarks;
  readonly #scratch: Instant = { high: 0, low: 0 };
  readonly #other: Instant = { high: 0, low: 0 };

  constructor(
    { direction, toleranceNs, side }: RowSearchSettings,
    rows: SideRows,
    watermarks: InputWatermarks,
  ) {
    this.#direction = direction;
    this.#tolerance = toleranceNs === undefined ? undefined : instantOf(toleranceNs);
    this.#hasSequence = side.sequence >= 0;
    this.#rows = rows;
    this.#watermarks = watermarks;
  }

  /** The slot of the row to join with, `NO_ROW` if there is none, `UNKNOWN` while that cannot be known. */
  find(symbol: number, high: number, low: number): number {
    if (this.#direction === 'backward') return this.#backward(symbol, high, low);
    if (this.#direction === 'forward') return this.#forward(symbol, high, low);
    return this.#nearest(symbol, high, low);
  }

  #backward(symbol: number, high: number, low: number): number {
    if (!this.#watermarks.isPast(symbol, high, low)) return UNKNOWN;
    const slot = this.#lastAt(symbol, high, low);
    return slot !== NO_ROW && this.#isNear(slot, high, low) ? slot : NO_ROW;
  }

  #forward(symbol: number, high: number, low: number): number {
    const rows = this.#rows;
    const slot = this.#firstAt(symbol, high, low);
    if (slot !== NO_ROW && this.#isFirst(symbol, rows.high[slot]!, rows.low[slot]!)) {
      return this.#isNear(slot, high, low) ? slot : NO_ROW;
    }
    return this.#isNoneNear(symbol, high, low) ? NO_ROW : UNKNOWN;
  }

  /** Of two that are equally far, the earlier. */
  #nearest(symbol: number, high: number, low: number): number {
    const watermarks = this.#watermarks;
    if (!watermarks.isPast(symbol, high, low)) return UNKNOWN;
    const rows = this.#rows;
    const before = this.#lastAt(symbol, high, low);
    const after = before === NO_ROW ? rows.oldest[symbol]! : rows.newer[before]!;
    let isNearer = after !== NO_ROW;
    if (before !== NO_ROW) {
      // As far behind the row as `before` is ahead of it: what comes at or after that is not nearer.
      const distance = this.#scratch;
      setDifference(distance, high, low, { high: rows.high[before]!, low: rows.low[before]! });
      const limit = this.#other;
      setSum(limit, high, low, distance);
      isNearer &&= isAfter(limit.high, limit.low, { high: rows.high[after]!, low: rows.low[after]! });
      if (!isNearer && watermarks.hasReached(symbol, limit.high, limit.low)) {
        return this.#isNear(before, high, low) ? before : NO_ROW;
      }
    }
    if (isNearer && this.#isFirst(symbol, rows.high[after]!, rows.low[after]!)) {
      return this.#isNear(after, high, low) ? after : NO_ROW;
    }
    if (!this.#isNoneNear(symbol, high, low)) return UNKNOWN;
    return before !== NO_ROW && this.#isNear(before, high, low) ? before : NO_ROW;
  }

  /** Whether the first row that is known of an instant stays the first: with a sequence, a lesser one may come. */
  #isFirst(symbol: number, high: number, low: number): boolean {
    const watermarks = this.#watermarks;
    return !this.#hasSequence
      ? watermarks.hasReached(symbol, high, low)
      : watermarks.isPast(symbol, high, low);
  }

  /** Whether nothing at or after the instant is near enough, or comes at all. */
  #isNoneNear(symbol: number, high: number, low: number): boolean {
    const tolerance = this.#tolerance;
    if (this.#watermarks.all.high === Number.POSITIVE_INFINITY) return true;
    if (tolerance === undefined) return false;
    const last = this.#scratch;
    setSum(last, high, low, tolerance);
    return this.#watermarks.isPast(symbol, last.high, last.low);
  }

  /** The last row at or before an instant. */
  #lastAt(symbol: number, high: number, low: number): number {
    const rows = this.#rows;
    const highs = rows.high;
    const lows = rows.low;
    let slot = rows.cursor[symbol]!;
    if (slot === NO_ROW) slot = rows.oldest[symbol]!;
    if (slot === NO_ROW) return NO_ROW;
    if (isLaterThan(highs[slot]!, lows[slot]!, high, low)) {
      do slot = rows.older[slot]!;
      while (slot !== NO_ROW && isLaterThan(highs[slot]!, lows[slot]!, high, low));
    } else {
      for (let next = rows.newer[slot]!; next !== NO_ROW; next = rows.newer[slot]!) {
        if (isLaterThan(highs[next]!, lows[next]!, high, low)) break;
        slot = next;
      }
    }
    rows.cursor[symbol] = slot;
    return slot;
  }

  /** The first row at or after an instant. */
  #firstAt(symbol: number, high: number, low: number): number {
    const rows = this.#rows;
    const highs = rows.high;
    const lows = rows.low;
    let slot = rows.cursor[symbol]!;
    if (slot === NO_ROW) slot = rows.newest[symbol]!;
    if (slot === NO_ROW) return NO_ROW;
    // Back to before the instant, then on to the first that is not.
    while (slot !== NO_ROW && !isLaterThan(high, low, highs[slot]!, lows[slot]!)) slot = rows.older[slot]!;
    let first = slot === NO_ROW ? rows.oldest[symbol]! : rows.newer[slot]!;
    while (first !== NO_ROW && isLaterThan(high, low, highs[first]!, lows[first]!))
      first = rows.newer[first]!;
    rows.cursor[symbol] = first === NO_ROW ? rows.newest[symbol]! : first;
    return first;
  }

  #isNear(slot: number, high: number, low: number): boolean {
    const tolerance = this.#tolerance;
    if (tolerance === undefined) return true;
    const rows = this.#rows;
    const of = { high: rows.high[slot]!, low: rows.low[slot]! };
    const distance = this.#scratch;
    if (isAfter(of.high, of.low, { high, low })) setDifference(distance, of.high, of.low, { high, low });
    else setDifference(distance, high, low, of);
    return !isAfter(distance.high, distance.low, tolerance);
  }

  /** Whether what the row would have been joined with may have been dropped: it came behind its own watermark. */
  isMissing(symbol: number, high: number, low: number): boolean {
    const dropped = this.#rows.latestDropped(symbol);
    if (dropped === undefined) return false;
    if (this.#direction === 'forward') return !isAfter(high, low, dropped);
    const oldest = this.#rows.oldest[symbol]!;
    return oldest === NO_ROW || isLaterThan(this.#rows.high[oldest]!, this.#rows.low[oldest]!, high, low);
  }
}
