import type { MemoryShare } from '../../../columns/column-memory.js';
import type { EventOrder } from '../../../columns/event-order.js';
import {
  AFTER_ALL,
  BEFORE_ALL,
  type Instant,
  instantOf,
  instantOfText,
  isAfter,
  isBefore,
  setDifference,
  textOfInstant,
} from '../../../columns/instants.js';
import { SymbolInstants } from './symbol-instants.js';

/** Saved watermarks, as texts of instants. */
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
  readonly #own: SymbolInstants;
  readonly #scratch: Instant = { high: 0, low: 0 };

  /** @param memory - For what it keeps by symbol. */
  constructor({ scope, maxDelayNs }: EventOrder, memory: MemoryShare) {
    this.#own = new SymbolInstants(memory);
    this.#speaksForAll = scope === 'all';
    this.#maxDelay = instantOf(BigInt(maxDelayNs));
  }

  /** Notes a row that was read. */
  passRow(symbol: number, high: number, low: number): void {
    const at = this.#scratch;
    setDifference(at, high, low, this.#maxDelay);
    if (this.#speaksForAll) this.#raiseAll(at);
    else this.#own.raise(symbol, at.high, at.low);
  }

  /** Notes a `watermark` record. @param symbol - `undefined`: the record is for all symbols. */
  passRecord(atNs: bigint, symbol: number | undefined): void {
    const at = instantOf(atNs);
    if (symbol === undefined) this.#raiseAll(at);
    else this.#own.raise(symbol, at.high, at.low);
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
      isBefore(high, low, this.all) || (symbol < this.#own.high.length && this.#isOwnPast(symbol, high, low))
    );
  }

  /** Whether no more rows of the symbol before this instant are expected. */
  hasReached(symbol: number, high: number, low: number): boolean {
    const { all } = this;
    if (!isAfter(high, low, all)) return true;
    if (symbol >= this.#own.high.length) return false;
    const own = this.#own.high[symbol]!;
    return high < own || (high === own && low <= this.#own.low[symbol]!);
  }

  /** Returns the watermark of a symbol, in an object that the next call reuses. */
  of(symbol: number): Readonly<Instant> {
    const { all } = this;
    if (symbol >= this.#own.high.length) return all;
    const own = this.#scratch;
    own.high = this.#own.high[symbol]!;
    own.low = this.#own.low[symbol]!;
    return isAfter(own.high, own.low, all) ? own : all;
  }

  #isOwnPast(symbol: number, high: number, low: number): boolean {
    const own = this.#own.high[symbol]!;
    return high < own || (high === own && low < this.#own.low[symbol]!);
  }

  #raiseAll({ high, low }: Readonly<Instant>): void {
    const { all } = this;
    if (!isAfter(high, low, all)) return;
    all.high = high;
    all.low = low;
  }

  close(): void {
    this.#own.close();
  }

  snapshot(): WatermarkState {
    const symbols = this.#own
      .entries()
      .map(([symbol, high, low]) => [symbol, textOfInstant({ high, low })] as const);
    return { all: textOfInstant(this.all), symbols };
  }

  restore(state: WatermarkState): void {
    this.#raiseAll(instantOfText(state.all));
    for (const [symbol, text] of state.symbols) {
      const { high, low } = instantOfText(text);
      this.#own.raise(symbol, high, low);
    }
  }
}
