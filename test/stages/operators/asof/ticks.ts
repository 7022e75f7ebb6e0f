import { readFileSync } from 'node:fs';
import { Random } from '../../../../src/core/random.js';
import { hasRecordedData, recordedPath, scratchFolder } from '../../../support/recorded-data.js';
import { duckdb } from '../../sinks/duckdb.js';

/** When `ms` of a tick is 0. */
export const START_MS = Date.parse('2024-03-04T10:00:00Z');
export const DIRECTIONS = ['backward', 'forward', 'nearest'] as const;

export interface Tick {
  /** Since `START_MS`. */
  readonly ms: number;
  readonly symbol: string;
  /** The price of a trade, the bid of a quote. */
  readonly value: number;
}

/** Trades and quotes, each in order of time. */
export interface Ticks {
  readonly trades: readonly Tick[];
  readonly quotes: readonly Tick[];
}

/** Ticks of five symbols, many of them of one instant. */
function drawnTicks(seed: number): Ticks {
  const random = new Random(seed);
  const draw = (count: number): Tick[] =>
    Array.from({ length: count }, () => ({
      ms: random.below(2_000),
      symbol: 'ABCDE'[random.below(5)]!,
      value: random.below(100_000) / 100,
    })).sort((a, b) => a.ms - b.ms);
  return { trades: draw(500), quotes: draw(1_500) };
}

/** The first minutes after the market has opened at 09:30. */
function ticksOfAig(minutes: number): Ticks {
  const open = (9 * 60 + 30) * 60_000;
  return { trades: ticksIn('trade', open, minutes), quotes: ticksIn('quote', open, minutes) };
}

/** By title. @param minutes - Of the recording. */
export function ticksToJoin(minutes: number): Record<string, () => Ticks> {
  return {
    'drawn ticks': () => drawnTicks(1),
    ...(hasRecordedData && { 'recorded ticks of AIG': () => ticksOfAig(minutes) }),
  };
}

/** The columns `ms,symbol,value` of ticks. */
export const csvOf = (ticks: readonly Tick[]): string =>
  [
    'ms,symbol,value',
    ...ticks.map(({ ms, symbol, value }) => `${START_MS + ms},${symbol},${value}`),
    '',
  ].join('\n');

/** Rows `[ms, symbol, price, bid]`: each trade, in order, with its quote as DuckDB joins them. */
export async function joinedByDuckdb(
  direction: (typeof DIRECTIONS)[number],
  { trades, quotes }: { readonly trades: string; readonly quotes: string },
): Promise<unknown[][]> {
  const read = (path: string) =>
    `(SELECT row_number() OVER () AS n, * FROM read_csv('${path}', parallel = false))`;
  // Of quotes of one instant, the last one is before a row and the first one after it.
  const side = (one: 'first' | 'last') =>
    `(SELECT ms, symbol, ${one}(value ORDER BY n) AS bid FROM ${read(quotes)} GROUP BY ms, symbol)`;
  const before = `ASOF LEFT JOIN ${side('last')} b ON t.symbol = b.symbol AND t.ms >= b.ms`;
  const after = `ASOF LEFT JOIN ${side('first')} f ON t.symbol = f.symbol AND t.ms <= f.ms`;
  const joins = { backward: before, forward: after, nearest: `${before} ${after}` }[direction];
  const nearer = 'CASE WHEN f.ms IS NULL OR t.ms - b.ms <= f.ms - t.ms THEN b.bid ELSE f.bid END';
  const bid = { backward: 'b.bid', forward: 'f.bid', nearest: nearer }[direction];
  const rows = await duckdb(
    `SELECT (t.ms - ${START_MS})::INT AS ms, t.symbol AS symbol, t.value::DOUBLE AS price, (${bid})::DOUBLE AS bid
     FROM ${read(trades)} t ${joins} ORDER BY t.n`,
  );
  return rows.map(({ ms, symbol, price, bid }) => [ms, symbol, price, bid]);
}

function ticksIn(kind: 'trade' | 'quote', openMs: number, minutes: number): Tick[] {
  const scratch = scratchFolder();
  const path = scratch.unzip(recordedPath(`equity-ticks-lean/aig/20131007_${kind}.zip`));
  const ticks = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line): Tick => {
      const [ms, value] = line.split(',', 2).map(Number);
      return { ms: ms! - openMs, symbol: 'AIG', value: value! / 10_000 };
    });
  scratch.remove();
  // A quote of the other side has 0 for its bid.
  return ticks.filter(({ ms, value }) => ms >= 0 && ms < 60_000 * minutes && value > 0);
}
