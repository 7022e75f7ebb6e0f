import { expect } from 'vitest';
import type { TradeData } from './venue-trades.js';

/** What is looked at of a bar that came out. */
export interface GivenBar {
  readonly ms: number;
  readonly mark: string;
  /** Trades of the market. */
  readonly count: number;
  readonly open: number | null;
  readonly high: number | null;
  readonly low: number | null;
  readonly close: number | null;
}

interface Window {
  readonly prices: number[];
  /** A trade of it was withheld: it has to be marked. */
  lacks: boolean;
  /** It is between the trades before and after a withheld one: nobody who lacks it knows whether it was here. */
  mayLack: boolean;
}

/**
 * Checks bars by the trades of a venue and by what it has withheld, and by nothing else: it knows no records, no numbers
 * and no watermarks. Each bar that lacks a trade is a `gap`, no other one is, but for those up to the trades beside it,
 * and each has the trades that were given. The first and the last one may be `partial`.
 *
 * @param withheld - Ids of the trades that nobody was given.
 * @returns How many are marked as a `gap`.
 */
export function expectBarsOfTrades(
  bars: readonly GivenBar[],
  trades: readonly TradeData[],
  withheld: ReadonlySet<number>,
  barMs: number,
): number {
  const windows = windowsOf(trades, withheld, barMs);
  const [first, last] = [Math.min(...windows.keys()), Math.max(...windows.keys())];
  const byWindow = new Map(bars.map((bar) => [bar.ms / barMs, bar]));
  expect(byWindow.size).toBe(bars.length); // or two are of one window
  for (const [at, { prices, lacks }] of windows) {
    const bar = byWindow.get(at);
    if (prices.length === 0 && !lacks && !bar) continue;
    const [open, close] = [prices[0] ?? null, prices.at(-1) ?? null];
    const [high, low] = prices.length === 0 ? [null, null] : [Math.max(...prices), Math.min(...prices)];
    expect(bar).toMatchObject({ count: prices.length, open, high, low, close });
  }
  for (const { ms, mark } of bars) {
    const at = ms / barMs;
    const { lacks = false, mayLack = false } = windows.get(at) ?? {};
    const isEdge = at === first || at === last;
    const marks = [
      ...(lacks || mayLack ? ['gap'] : []),
      ...(lacks ? [] : ['complete']),
      ...(isEdge ? ['partial'] : []),
    ];
    expect([at - first, mark]).toEqual([at - first, expect.stringMatching(`^(${marks.join('|')})$`)]);
  }
  return bars.filter(({ mark }) => mark === 'gap').length;
}

function windowsOf(
  trades: readonly TradeData[],
  withheld: ReadonlySet<number>,
  barMs: number,
): Map<number, Window> {
  const windows = new Map<number, Window>();
  const windowOf = (at: number): Window => {
    const window = windows.get(at) ?? { prices: [], lacks: false, mayLack: false };
    windows.set(at, window);
    return window;
  };
  let given: number | undefined;
  let isMissing = false;
  for (const { t, T, p, X = 'MARKET' } of trades) {
    const at = Math.floor(T / barMs);
    const window = windowOf(at);
    if (withheld.has(t)) {
      window.lacks = true;
      isMissing = true;
      continue;
    }
    // Others are rows, and stay out of bars.
    if (X === 'MARKET') window.prices.push(Number(p));
    for (let between = given ?? at; isMissing && between <= at; between++) windowOf(between).mayLack = true;
    isMissing = false;
    given = at;
  }
  return windows;
}
