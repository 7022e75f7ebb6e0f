import type { ControlRecord } from '../../columns/control-record.js';
import type { Nanos } from '../../core/units.js';

/** The times of rows that were dropped in a row. Allocates nothing until it is told. */
export class DroppedSpan {
  #rows = 0;
  #fromMs = 0;
  #fromSub = 0;
  #toMs = 0;
  #toSub = 0;
  #symbol = -1;
  #isOneSymbol = true;

  get isEmpty(): boolean {
    return this.#rows === 0;
  }

  /**
   * @param ms - Event time in whole ms since 1970.
   * @param sub - The ns past it.
   */
  add(symbol: number, ms: number, sub: number): void {
    if (this.#rows === 0 || ms < this.#fromMs || (ms === this.#fromMs && sub < this.#fromSub)) {
      this.#fromMs = ms;
      this.#fromSub = sub;
    }
    if (this.#rows === 0 || ms > this.#toMs || (ms === this.#toMs && sub > this.#toSub)) {
      this.#toMs = ms;
      this.#toSub = sub;
    }
    if (this.#rows === 0) this.#symbol = symbol;
    else if (symbol !== this.#symbol) this.#isOneSymbol = false;
    this.#rows++;
  }

  /** Returns the `gap` that tells of these rows, and begins anew. */
  take(nameOf: (symbol: number) => string | null, reason: string): ControlRecord {
    const symbol = this.#isOneSymbol ? nameOf(this.#symbol) : null;
    const record = {
      type: 'gap',
      from: nanosOf(this.#fromMs, this.#fromSub),
      to: (nanosOf(this.#toMs, this.#toSub) + 1n) as Nanos, // a gap ends before its `to`
      ...(symbol !== null && { symbol }),
      reason,
    } as const;
    this.#rows = 0;
    this.#isOneSymbol = true;
    return record;
  }
}

/** An instant from whole ms since 1970 and the ns past it. */
export const nanosOf = (ms: number, subMsNs: number): Nanos =>
  (BigInt(ms) * 1_000_000n + BigInt(subMsNs)) as Nanos;
