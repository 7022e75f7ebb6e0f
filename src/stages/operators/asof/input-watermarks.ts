import type { EventOrder } from '../../../columns/event-order.js';
import {
  AFTER_ALL,
  BEFORE_ALL,
  type Instant,
  instantOf,
  isAfter,
  isBefore,
  setDifference,
} from './instants.js';

/** Saved watermarks. Instants are strings, since their words may be infinite, which JSON cannot hold. */
export interface WatermarkState {
  readonly all: string;
  readonly symbols: readonly (readonly [number, string])[];
}

/**
 * Tracks the watermarks of one input, from its `watermark` records and its rows. Depending on the event
 * order, a row advances the watermark of all symbols or only of its own.
 */
export class InputWatermarks {
  readonly all: Instant = { ...BEFORE_ALL };
  readonly #speaksForAll: boolean;
  readonly #maxDelay: Instant;
  /** Watermarks per symbol, which count if they are after `all`. */
  #high = new Float64Array(0);
  #low = new Float64Array(0);
  readonly #scratch: Instant = { high: 0, low: 0 };

  constructor({ scope, maxDelayNs }: EventOrder) {
    this.#speaksForAll = scope === 'all';
    this.#maxDelay = instantOf(BigInt(maxDelayNs));
  }

  /** Notes a row that was read. */
  passRow(symbol: number, high: number, low: number): void {
    const at = this.#scratch;
    setDifference(at, high, low, this.#maxDelay);
    if (this.#speaksForAll) this.#raiseAll(at);
    else this.#raise(symbol, at);
  }

  /** Notes a `watermark` record. @param symbol - `undefined`: the record is for all symbols. */
  passRecord(atNs: bigint, symbol: number | undefined): void {
    const at = instantOf(atNs);
    if (symbol === undefined) this.#raiseAll(at);
    else this.#raise(symbol, at);
  }

  /** Notes that the input has ended: no more rows are expected. */
  end(): void {
    this.#raiseAll(AFTER_ALL);
  }

  get hasEnded(): boolean {
    return this.all.high === Number.POSITIVE_INFINITY;
  }

  /** Whether no more rows of the symbol at or before this instant are expected. */
  isPast(symbol: number, high: number, low: number): boolean {
    return (
      isBefore(high, low, this.all) || (symbol < this.#high.length && this.#isOwnPast(symbol, high, low))
    );
  }

  /** Whether no more rows of the symbol before this instant are expected. */
  hasReached(symbol: number, high: number, low: number): boolean {
    const { all } = this;
    if (!isAfter(high, low, all)) return true;
    if (symbol >= this.#high.length) return false;
    const own = this.#high[symbol]!;
    return high < own || (high === own && low <= this.#low[symbol]!);
  }

  /** Returns the watermark of a symbol, in an object that the next call reuses. */
  of(symbol: number): Readonly<Instant> {
    const { all } = this;
    if (symbol >= this.#high.length) return all;
    const own = this.#scratch;
    own.high = this.#high[symbol]!;
    own.low = this.#low[symbol]!;
    return isAfter(own.high, own.low, all) ? own : all;
  }

  #isOwnPast(symbol: number, high: number, low: number): boolean {
    const own = this.#high[symbol]!;
    return high < own || (high === own && low < this.#low[symbol]!);
  }

  #raiseAll({ high, low }: Readonly<Instant>): void {
    const { all } = this;
    if (!isAfter(high, low, all)) return;
    all.high = high;
    all.low = low;
  }

  #raise(symbol: number, { high, low }: Readonly<Instant>): void {
    if (symbol >= this.#high.length) this.#grow(symbol + 1);
    const own = this.#high[symbol]!;
    if (high < own || (high === own && low <= this.#low[symbol]!)) return;
    this.#high[symbol] = high;
    this.#low[symbol] = low;
  }

  #grow(symbols: number): void {
    const length = Math.max(64, symbols, 2 * this.#high.length);
    const high = new Float64Array(length).fill(Number.NEGATIVE_INFINITY);
    high.set(this.#high);
    this.#high = high;
    const low = new Float64Array(length);
    low.set(this.#low);
    this.#low = low;
  }

  snapshot(): WatermarkState {
    const symbols: [number, string][] = [];
    this.#high.forEach((high, symbol) => {
      if (high !== Number.NEGATIVE_INFINITY) symbols.push([symbol, `${high}:${this.#low[symbol]!}`]);
    });
    return { all: `${this.all.high}:${this.all.low}`, symbols };
  }

  restore(state: WatermarkState): void {
    const read = (text: string): Instant => {
      const [high, low] = text.split(':').map(Number);
      return { high: high!, low: low! };
    };
    this.#raiseAll(read(state.all));
    for (const [symbol, text] of state.symbols) this.#raise(symbol, read(text));
  }
}
