import { expect } from 'vitest';
import type { Row } from '../../../../src/columns/row-view.js';
import { type MarketRow, senderOf } from './faulty-market.js';
import { START_MS } from './router-rig.js';

export const BAR_MS = 1_000;

/**
 * How much may be marked around what is missing. `numbers`: from the last row of the symbol before it to the first one
 * after it, and around each change of streams. `stream`: from the last row of any symbol to the next one of any,
 * since nobody knows whose rows are missing. `history`: from the last row of the symbol that a stream has given to the
 * next one, since a history that fails may have had rows of it. `seams`: only around each change of streams.
 */
export type Precision = 'numbers' | 'stream' | 'history' | 'seams';

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

const windowOf = (ms: number): number => Math.floor(ms / BAR_MS);
const msOf = (row: Row): number => Number((row.time as bigint) / 1_000_000n) - START_MS;

/** What the market says of the rows and the bars that came out. It knows nothing of how they were made. */
export class MarketOracle {
  readonly #market: readonly MarketRow[];
  readonly #given: readonly Row[];
  readonly #bars: readonly Row[];
  /** Which stream has given a row, by its number of all; 0: a history. Absent: it is missing. */
  readonly #senders = new Map<number, string>();

  /** @param given - The rows that went into the bars, in order. */
  constructor(market: readonly MarketRow[], given: readonly Row[], bars: readonly Row[]) {
    this.#market = market;
    this.#given = given;
    this.#bars = bars;
    const byName = new Map(market.map((row) => [`${row.symbol} ${row.n}`, row]));
    for (const row of given) {
      const { provider, stream } = senderOf(row.size as number);
      const of = byName.get(`${row.symbol} ${row.price}`)!;
      expect(msOf(row)).toBe(of.ms);
      if (!this.#senders.has(of.nth)) this.#senders.set(of.nth, stream === 0 ? '' : `${provider}.${stream}`);
    }
  }

  get missing(): readonly MarketRow[] {
    return this.#market.filter(({ nth }) => !this.#senders.has(nth));
  }

  /** No row comes twice, and each symbol is in order. */
  expectOrder(): void {
    const last = new Map<unknown, number>();
    for (const { symbol, price } of this.#given) {
      expect([symbol, price, (price as number) > (last.get(symbol) ?? 0)]).toEqual([symbol, price, true]);
      last.set(symbol, price as number);
    }
  }

  /** Bars are marked where rows are missing, and nowhere else. */
  expectMarks(precision: Precision): void {
    const marks = new Map(this.#bars.map((bar) => [this.#keyOf(bar.symbol, msOf(bar)), bar]));
    for (const { symbol, ms, n } of this.missing) {
      const mark = marks.get(this.#keyOf(symbol, ms))?.mark;
      expect([`${symbol} ${n} at ${ms} is missing`, mark]).toEqual([
        `${symbol} ${n} at ${ms} is missing`,
        expect.stringMatching(/gap|partial/),
      ]);
    }
    const permitted = new Map<unknown, readonly Span[]>();
    for (const bar of this.#bars) {
      const window = windowOf(msOf(bar));
      const what = `${bar.symbol} ${window}`;
      if (!permitted.has(bar.symbol)) permitted.set(bar.symbol, this.#permitted(bar.symbol, precision));
      const isPermitted = permitted
        .get(bar.symbol)!
        .some(({ fromMs, toMs }) => windowOf(fromMs) <= window && window <= windowOf(toMs));
      if (bar.mark === 'gap') expect([what, bar.mark, isPermitted]).toEqual([what, bar.mark, true]);
      if (bar.mark === 'partial') expect(this.#edges).toContain(window);
    }
  }

  /** All bars are those of the market as it was. */
  expectWhole(): void {
    this.expectRows();
    const edges = this.#edges;
    // Whether the last window was over when the run was drained is up to the clock.
    const bars = this.#bars.map((bar) =>
      shown(bar, edges.includes(windowOf(msOf(bar))) && bar.mark === 'complete' ? 'partial' : bar.mark),
    );
    expect(bars.sort()).toEqual(
      barsOf(this.#market)
        .map((bar) => shown(bar, bar.mark))
        .sort(),
    );
  }

  /** No row is missing. */
  expectRows(): void {
    expect(this.missing).toEqual([]);
  }

  /** Bars have the rows that came, no less and no more. */
  expectBarsOfRows(): void {
    const rows = this.#market.filter(({ nth }) => this.#senders.has(nth));
    const bars = this.#bars.filter(({ count }) => (count as number) > 0).map((bar) => shown(bar, ''));
    expect(bars.sort()).toEqual(
      barsOf(rows)
        .map((bar) => shown(bar, ''))
        .sort(),
    );
  }

  /** The windows that were seen in part. */
  get #edges(): readonly number[] {
    return [windowOf(this.#market[0]!.ms), windowOf(this.#market.at(-1)!.ms)];
  }

  #keyOf(symbol: unknown, ms: number): string {
    return `${symbol} ${windowOf(ms)}`;
  }

  #permitted(symbol: unknown, precision: Precision): readonly Span[] {
    if (precision === 'seams') return this.#seams();
    const own = this.#market.filter((row) => row.symbol === symbol);
    if (precision === 'numbers')
      return [...this.#around(own, (row) => this.#senders.has(row.nth)), ...this.#seams()];
    const blind = [...this.#around(this.#market, (row) => this.#isStreamed(row)), ...this.#seams()];
    if (precision === 'stream') return blind;
    const streamed = own.filter((row) => this.#isStreamed(row)).map(({ ms }) => ms);
    return blind.map(({ fromMs, toMs }) => ({
      fromMs: streamed.findLast((ms) => ms <= fromMs) ?? 0,
      toMs: streamed.find((ms) => ms >= toMs) ?? Number.POSITIVE_INFINITY,
    }));
  }

  #isStreamed({ nth }: MarketRow): boolean {
    return (this.#senders.get(nth) ?? '') !== '';
  }

  /** From before to behind each run of rows that are not there. */
  #around(rows: readonly MarketRow[], isThere: (row: MarketRow) => boolean): Span[] {
    const spans: Span[] = [];
    let before: MarketRow | undefined;
    let isMissing = false;
    for (const row of rows) {
      if (!isThere(row)) {
        isMissing = true;
        continue;
      }
      if (isMissing) spans.push({ fromMs: before?.ms ?? 0, toMs: row.ms });
      isMissing = false;
      before = row;
    }
    if (isMissing) spans.push({ fromMs: before?.ms ?? 0, toMs: Number.POSITIVE_INFINITY });
    return spans;
  }

  /** From the last row of a stream to the first one of the next. */
  #seams(): Span[] {
    const streamed = this.#market.filter((row) => this.#isStreamed(row));
    return streamed.slice(1).flatMap((row, i) => {
      const before = streamed[i]!;
      const isSame = this.#senders.get(before.nth) === this.#senders.get(row.nth);
      return isSame ? [] : [{ fromMs: before.ms, toMs: row.ms }];
    });
  }
}

/** A bar in a line. */
const shown = ({ time, symbol, open, high, low, close, count }: Row, mark: unknown): string =>
  `${new Date(Number((time as bigint) / 1_000_000n)).toISOString()} ${symbol}: ${open} ${high} ${low} ${close} (${count}) ${mark}`;

/** The bars of rows of the market: the first and the last window were seen in part. */
function barsOf(rows: readonly MarketRow[]): (Row & { mark: string })[] {
  const bars = new Map<string, Row & { mark: string }>();
  const edges = [windowOf(rows[0]!.ms), windowOf(rows.at(-1)!.ms)];
  for (const { symbol, n, ms } of rows) {
    const window = windowOf(ms);
    const key = `${symbol} ${window}`;
    const known = bars.get(key);
    bars.set(key, {
      time: BigInt(START_MS + window * BAR_MS) * 1_000_000n,
      symbol,
      open: known?.open ?? n,
      high: n,
      low: known?.low ?? n,
      close: n,
      count: ((known?.count as number | undefined) ?? 0) + 1,
      mark: edges.includes(window) ? 'partial' : 'complete',
    });
  }
  return [...bars.values()];
}
