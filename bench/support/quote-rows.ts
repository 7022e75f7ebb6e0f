import { Random } from '../../src/core/random.js';
import type { SourceSpec } from '../../src/plan/typed-spec.js';

/** A quote as programs without columns hold it. */
export interface QuoteRow {
  /** µs since 1970: a double holds them exactly, a ns would not fit. */
  readonly time: number;
  readonly symbol: string;
  readonly bid: number;
  readonly ask: number;
  readonly bidSize: number;
  readonly askSize: number;
}

export interface QuoteRowsSettings {
  readonly rows: number;
  readonly seed: number;
  readonly symbols: number;
  readonly intervalUs: number;
}

const START_US = Date.UTC(2024, 0, 2) * 1_000;
const START_TICKS = 10_000;
const TICKS_MIN = 2;

/**
 * The quotes of the source `synthetic` with its defaults, row by row: the same numbers as
 * `src/stages/sources/synthetic/quote-walk.ts`, at the cost of one object a row and no more. A reflection
 * at the upper end is left out: no run gets there.
 */
export function* quoteRows({ rows, seed, symbols, intervalUs }: QuoteRowsSettings): Generator<QuoteRow> {
  const names = symbolNames(symbols);
  const ticksOf = new Int32Array(symbols).fill(START_TICKS);
  let [a, b, c, counter] = new Random(seed).state();

  for (let row = 0; row < rows; row++) {
    const draw = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + draw) | 0;

    const symbol = Math.imul(draw >>> 16, symbols) >>> 16;
    const move = (Math.imul(draw & 0xffff, 3) >>> 16) - 1;
    let next = (ticksOf[symbol]! + move) | 0;
    if (next < TICKS_MIN) next = 2 * TICKS_MIN - next;
    ticksOf[symbol] = next;

    const free = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + free) | 0;

    yield {
      time: START_US + row * intervalUs,
      symbol: names[symbol]!,
      bid: (next - 1) / 100,
      ask: (next + 1) / 100,
      bidSize: 1 + (Math.imul(free >>> 16, 100) >>> 16),
      askSize: 1 + (Math.imul(free & 0xffff, 100) >>> 16),
    };
  }
}

/** The same quotes as the options of `synthetic`. */
export function syntheticSpec({ rows, seed, symbols, intervalUs }: QuoteRowsSettings): SourceSpec {
  return { use: 'synthetic', rows, seed, symbols, interval: `${intervalUs}us` };
}

function symbolNames(symbols: number): string[] {
  const digits = Math.max(3, String(symbols - 1).length);
  return Array.from({ length: symbols }, (_, i) => `SYM${String(i).padStart(digits, '0')}`);
}
