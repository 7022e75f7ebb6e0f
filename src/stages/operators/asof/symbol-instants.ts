import type { MemoryShare } from '../../../columns/column-memory.js';

const SYMBOLS_MIN = 64;
const BYTES_PER_SYMBOL = 16;

/** An instant for each symbol, as words, or none: then it is before all others. Its memory is accounted for. */
export class SymbolInstants {
  /** By symbol: −∞ where there is none. */
  high = new Float64Array(0);
  low = new Float64Array(0);
  readonly #memory: MemoryShare;

  constructor(memory: MemoryShare) {
    this.#memory = memory;
  }

  has(symbol: number): boolean {
    return symbol < this.high.length && this.high[symbol] !== Number.NEGATIVE_INFINITY;
  }

  /** @throws {PipelineError} `MEMORY_EXHAUSTED` if there is no memory for one more symbol. */
  set(symbol: number, high: number, low: number): void {
    if (symbol >= this.high.length) this.#grow(symbol + 1);
    this.high[symbol] = high;
    this.low[symbol] = low;
  }

  /** Sets the instant of a symbol, unless that has a later one. Throws like `set`. */
  raise(symbol: number, high: number, low: number): void {
    if (symbol < this.high.length) {
      const own = this.high[symbol]!;
      if (high < own || (high === own && low <= this.low[symbol]!)) return;
    }
    this.set(symbol, high, low);
  }

  /** Symbols that have an instant, each with its words. */
  entries(): (readonly [number, number, number])[] {
    const entries: (readonly [number, number, number])[] = [];
    this.high.forEach((high, symbol) => {
      if (high !== Number.NEGATIVE_INFINITY) entries.push([symbol, high, this.low[symbol]!]);
    });
    return entries;
  }

  close(): void {
    this.high = new Float64Array(0);
    this.low = new Float64Array(0);
    this.#memory.resize(0);
  }

  #grow(symbols: number): void {
    const length = Math.max(SYMBOLS_MIN, symbols, 2 * this.high.length);
    this.#memory.resize(BYTES_PER_SYMBOL * length);
    const high = new Float64Array(length).fill(Number.NEGATIVE_INFINITY);
    high.set(this.high);
    this.high = high;
    const low = new Float64Array(length);
    low.set(this.low);
    this.low = low;
  }
}
