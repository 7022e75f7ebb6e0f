import type { TradeData } from './venue-trades.js';

const LENGTHS_MS: Readonly<Record<string, number>> = {
  '1s': 1_000,
  '1m': 60_000,
  '3m': 180_000,
  '5m': 300_000,
};

export const klineMs = (interval: string): number => {
  const ms = LENGTHS_MS[interval];
  if (ms === undefined) throw new Error(`the venue has no bars of ${interval}`);
  return ms;
};

interface Kline {
  readonly open: number;
  readonly first: string;
  high: string;
  low: string;
  last: string;
  volume: number;
  turnover: number;
  count: number;
  /** Of the first and the last trade. */
  ids: readonly number[];
}

/** Bars of the trades of the market as the venue makes them: one after another, flat ones where nothing is traded. */
export class VenueKlines {
  readonly #ms: number;
  readonly ended: Kline[] = [];
  current: Kline | undefined;

  constructor(interval: string) {
    this.#ms = klineMs(interval);
  }

  /** @returns The bars that have ended with it. */
  take({ T, p, q, t, X = 'MARKET' }: TradeData): readonly Kline[] {
    if (X !== 'MARKET') return [];
    const from = this.ended.length;
    const open = Math.floor(T / this.#ms) * this.#ms;
    while (this.current && this.current.open < open) {
      this.ended.push(this.current);
      this.current = flat(this.current.open + this.#ms, this.current.last);
    }
    if (!this.current || this.current.count === 0) this.current = flat(open, p);
    const bar = this.current;
    if (Number(p) > Number(bar.high)) bar.high = p;
    if (Number(p) < Number(bar.low)) bar.low = p;
    bar.last = p;
    bar.volume += Number(q);
    bar.turnover += Number(p) * Number(q);
    bar.ids = [...bar.ids.slice(0, 1), t];
    bar.count++;
    return this.ended.slice(from);
  }

  /** As the messages of the stream `kline` have them. */
  message(symbol: string, interval: string, bar: Kline, isEnded: boolean, E: number): string {
    const { open, first, high, low, last, volume, turnover, count, ids } = bar;
    const k = {
      t: open,
      T: open + this.#ms - 1,
      s: symbol,
      i: interval,
      f: ids[0] ?? -1,
      L: ids.at(-1) ?? -1,
      o: first,
      c: last,
      h: high,
      l: low,
      v: volume.toFixed(8),
      n: count,
      x: isEnded,
      q: turnover.toFixed(8),
      V: '0',
      Q: '0',
      B: '0',
    };
    const stream = `${symbol.toLowerCase()}@kline_${interval}`;
    return JSON.stringify({ stream, data: { e: 'kline', E, s: symbol, k } });
  }

  /** As `klines` answers. */
  row({ open, first, high, low, last, volume, turnover, count }: Kline): readonly unknown[] {
    const end = open + this.#ms - 1;
    const [v, q] = [volume.toFixed(8), turnover.toFixed(8)];
    return [open, first, high, low, last, v, end, q, count, '0', '0', '0'];
  }
}

const flat = (open: number, price: string): Kline => ({
  open,
  first: price,
  high: price,
  low: price,
  last: price,
  volume: 0,
  turnover: 0,
  count: 0,
  ids: [],
});

export interface KlineRequest {
  readonly interval: string;
  readonly startTime: number;
  readonly endTime: number;
  readonly limit: number;
}

/** As `klines` answers, with the bar that goes on. */
export function klines(
  trades: readonly TradeData[],
  { interval, startTime, endTime, limit }: KlineRequest,
): readonly unknown[] {
  const all = new VenueKlines(interval);
  for (const trade of trades) all.take(trade);
  const bars = all.current ? [...all.ended, all.current] : all.ended;
  return bars
    .filter(({ open }) => open >= startTime && open <= endTime)
    .slice(0, limit)
    .map((bar) => all.row(bar));
}
