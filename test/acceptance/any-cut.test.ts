import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Row } from '../../src/columns/row-view.js';
import type { OpenSpec } from '../../src/plan/typed-spec.js';
import { createPipeline } from '../../src/runtime/pipeline-builder.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import { duckdb } from '../stages/sinks/duckdb.js';
import { countingSink } from '../support/counting-sink.js';
import { tried } from '../support/deep.js';
import { hasRecordedData, recordedPath, recordedTitle, scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

interface Quote {
  readonly ms: number;
  readonly symbol: string;
  readonly price: number;
}

/** Twenty minutes of EUR/USD at two houses: two symbols, with many quotes of one instant. */
function recordedQuotes(): Quote[] {
  const from = Date.parse('2014-05-08T12:20:00Z');
  const of = (zip: string, symbol: string, midnight: string): Quote[] =>
    readFileSync(SCRATCH.unzip(recordedPath(zip)), 'latin1')
      .trim()
      .split(/\r?\n/)
      .map((line) => line.split(',').map(Number))
      .map(([ms, bid, ask]) => ({ ms: Date.parse(midnight) + ms!, symbol, price: (bid! + ask!) / 2 }))
      .filter(({ ms }) => ms >= from && ms < from + 1_200_000);
  return [
    ...of('fx-ticks-lean/fxcm-eurusd/20140508_quote.zip', 'FXCM', '2014-05-08T00:00:00-05:00'),
    ...of('fx-ticks-lean/oanda-eurusd/20140508_quote.zip', 'OANDA', '2014-05-08T00:00:00Z'),
  ].sort((a, b) => a.ms - b.ms);
}

type Cut = 'by symbol' | 'in runs' | 'in turns' | 'backwards in runs';
let folders = 0;

/** Writes the quotes into files. Those of one instant stay together, so that their order does. @returns A glob. */
function cutIntoFiles(quotes: readonly Quote[], cut: Cut, count: number): string {
  const folder = `cut-${folders++}`;
  SCRATCH.makeFolder(folder);
  const files = Array.from({ length: count }, (): Quote[] => []);
  let instant = 0;
  quotes.forEach((quote, i) => {
    if (i > 0 && quote.ms !== quotes[i - 1]!.ms) instant++;
    const place =
      cut === 'by symbol'
        ? Number(quote.symbol === 'OANDA')
        : cut === 'in turns'
          ? instant % count
          : Math.floor((i * count) / quotes.length);
    // A run may not end within an instant.
    const before = quotes[i - 1];
    const isSameInstant = before !== undefined && before.ms === quote.ms && cut !== 'by symbol';
    const file = isSameInstant ? files.find((of) => of.at(-1) === before)! : files[place % count]!;
    file.push(quote);
  });
  files.forEach((rows, i) => {
    if (cut === 'backwards in runs') rows.reverse();
    const lines = rows.map(({ ms, symbol, price }) => `${ms},${symbol},${price}`);
    SCRATCH.write(`${folder}/${String(i).padStart(2, '0')}.csv`, `time,symbol,price\n${lines.join('\n')}\n`);
  });
  return `${SCRATCH.folder}/${folder}/*.csv`;
}

/** The bars of a spec, of two runs where it is cut short once there are so many. */
async function barsOf(spec: OpenSpec, stopAt: number): Promise<Row[]> {
  const rows: Row[] = [];
  let taken: Promise<Checkpoint> | undefined;
  const first = createPipeline(spec, {
    sink: countingSink(rows, stopAt, () => {
      taken ??= first.checkpoint().then(async (checkpoint) => {
        await first.stop();
        return checkpoint;
      });
      taken.catch(() => {}); // the run may end before it is taken
    }),
  });
  const report = await first.run();
  const checkpoint = await taken?.catch(() => undefined);
  if (report.outcome === 'completed') return rows;
  if (!checkpoint || report.outcome !== 'stopped') throw new Error(report.error?.message ?? report.outcome);
  const sure = rows.slice(0, checkpoint.states.sink as number);
  const rest: Row[] = [];
  const state = JSON.parse(JSON.stringify(checkpoint)) as Checkpoint;
  const second = await createPipeline(spec, { sink: countingSink(rest), checkpoint: state }).run();
  if (second.outcome !== 'completed') throw new Error(second.error?.message);
  return [...sure, ...rest];
}

describe.runIf(hasRecordedData)(recordedTitle('bars of recorded quotes'), () => {
  let quotes: Quote[];
  let bySql: Record<string, unknown>[];

  beforeAll(async () => {
    quotes = recordedQuotes();
    const whole = cutIntoFiles(quotes, 'in runs', 1).replace('*', '00');
    bySql = await duckdb(`
      WITH quotes AS (SELECT row_number() OVER () AS nr, * FROM read_csv('${whole}', parallel = false))
      SELECT time // 60000 * 60000 * 1000000 AS time, symbol, arg_min(price, nr) AS open, max(price) AS high,
             min(price) AS low, arg_max(price, nr) AS close, count(*)::INTEGER AS count
      FROM quotes GROUP BY 1, 2 ORDER BY 1, 2`);
  });

  it('are those of SQL, however the quotes are cut into files and batches, merged or listed, stopped or not', async () => {
    expect(quotes.length).toBeGreaterThan(4_000);
    const cases = fc.record({
      cut: fc.constantFrom<Cut>('by symbol', 'in runs', 'in turns', 'backwards in runs'),
      count: fc.integer({ min: 2, max: 9 }),
      batchRows: fc.constantFrom(1, 7, 8_192),
      isListed: fc.boolean(),
      stopAt: fc.integer({ min: 1, max: 60 }),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ cut, count, batchRows, isListed, stopAt }) => {
        const path = cutIntoFiles(quotes, cut, count);
        const order = isListed && (cut === 'by symbol' || cut === 'in runs') ? 'listed' : 'time';
        const bars = await barsOf(
          {
            name: 'cut',
            source: {
              use: 'replay',
              path,
              order,
              kind: 'trade',
              columns: { time: { from: 'time', unit: 'ms' }, symbol: 'symbol', price: 'price' },
            },
            operators: [{ use: 'bars', every: '1m' }],
            batcher: { maxRows: 5 },
            batchRows,
          },
          stopAt,
        );
        const exact = bars
          .map(({ time, symbol, open, high, low, close, count }) => ({
            time,
            symbol,
            open,
            high,
            low,
            close,
            count,
          }))
          .sort(
            (a, b) => Number((a.time as bigint) - (b.time as bigint)) || (a.symbol! < b.symbol! ? -1 : 1),
          );
        expect(exact).toEqual(bySql);
        if (order === 'time') expect(bars.map(({ mark }) => mark)).toEqual(marksOf(bars));
      }),
      { numRuns: tried(8, 12, 24), seed: 1 },
    );
  });
});

/** The first and the last minute were not seen whole. */
const marksOf = (bars: readonly Row[]): string[] =>
  bars.map(({ time }) => (time === bars[0]!.time || time === bars.at(-1)!.time ? 'partial' : 'complete'));
