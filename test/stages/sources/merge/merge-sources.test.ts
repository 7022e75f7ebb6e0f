import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import { explain } from '../../../../src/cli/commands/explain.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { Random } from '../../../../src/core/random.js';
import { type SourceSpec, uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline, type PipelineOptions } from '../../../../src/runtime/pipeline-builder.js';
import { called } from '../../../support/called-command.js';
import { countingSink } from '../../../support/counting-sink.js';
import {
  factsOf,
  hasRecordedData,
  recordedPath,
  recordedTitle,
  scratchFolder,
} from '../../../support/recorded-data.js';
import { duckdb } from '../../sinks/duckdb.js';

const scratch = scratchFolder();
afterAll(() => scratch.remove());

const DAY = Date.parse('2024-03-04T00:00:00Z');

/** Rows in order of time, many of them of one instant. */
function csvOf(seed: number, rows: number): string {
  const random = new Random(seed);
  const times = Array.from({ length: rows }, () => DAY + random.below(rows)).sort((a, b) => a - b);
  const lines = times.map(
    (ms, i) => `${new Date(ms).toISOString()},${'ABC'[random.below(3)]},${seed * 10_000 + i}`,
  );
  return ['time,symbol,price', ...lines, ''].join('\n');
}

const files = [1, 2, 3].map((seed) => scratch.write(`trades-${seed}.csv`, csvOf(seed, 300 * seed)));
const replayOf = (path: string | readonly string[]) =>
  ({
    use: 'replay',
    path,
    kind: 'trade',
    columns: { time: 'time', symbol: 'symbol', price: 'price' },
  }) as SourceSpec;

async function rowsOf(source: object, options: PipelineOptions & { batchRows?: number } = {}) {
  const rows: Row[] = [];
  const { batchRows = 8_192, ...more } = options;
  const spec = uncheckedSpec({ name: 'merged', batchRows, source, sink: { use: 'null' } });
  const report = await createPipeline(spec, { sink: countingSink(rows), ...more }).run();
  expect(report.error).toBeUndefined();
  return { rows, report };
}

const merged = (...sources: object[]) => ({ use: 'merge', sources });
const prices = (rows: readonly Row[]) => rows.map(({ price }) => price);

describe('merge of files, each a source of its own', () => {
  it.each([1, 7, 8_192])('equals ORDER BY of DuckDB, in batches of %i', async (batchRows) => {
    const { rows, report } = await rowsOf(merged(...files.map(replayOf)), { batchRows });
    expect(report).toMatchObject({
      outcome: 'completed',
      counters: { rowsIn: 1_800, rowsOut: 1_800 },
      rowsPending: 0,
    });
    const expected = await duckdb(
      `SELECT price FROM (${files
        .map(
          (path, i) =>
            `SELECT *, ${i} AS file, row_number() OVER () AS n FROM read_csv('${path}', parallel = false)`,
        )
        .join(' UNION ALL ')}) ORDER BY time, file, n`,
    );
    expect(prices(rows)).toEqual(expected.map(({ price }) => Number(price)));
  });

  it('equals the merge of the files by one source', async () => {
    const { rows } = await rowsOf(merged(...files.map(replayOf)));
    expect(rows).toEqual((await rowsOf(replayOf(files))).rows);
  });

  it('may be nested, and have operators before it', async () => {
    const where = { operators: [{ use: 'filter', where: "symbol = 'A'" }] };
    const { rows } = await rowsOf(
      merged({ ...replayOf(files[0]!), ...where }, merged(replayOf(files[1]!), replayOf(files[2]!))),
    );
    const flat = await rowsOf(merged(...files.map(replayOf)));
    expect(rows).toEqual(
      flat.rows.filter(({ price, symbol }) => (price as number) >= 20_000 || symbol === 'A'),
    );
  });

  it.each([1, 7, 8_192])('goes on from a checkpoint after any row, in batches of %i', async (batchRows) => {
    const source = merged(
      replayOf(files[0]!),
      // Out of order by the promise of the source, so that rows wait to be sorted.
      { ...replayOf(files[1]!), maxDelay: '50ms', operators: [{ use: 'filter', where: 'price > 0' }] },
      merged({ ...replayOf(files[2]!), operators: [{ use: 'filter', where: "symbol != 'B'" }] }),
    );
    const whole = await rowsOf(source, { batchRows });
    const random = new Random(batchRows);
    for (let round = 0; round < 4; round++) {
      const store = new MemoryCheckpointStore();
      const rows: Row[] = [];
      const stopAt = 1 + random.below(whole.rows.length - 1);
      for (let start = 0; start < 2; start++) {
        const sink = countingSink(rows, start === 0 ? stopAt : undefined, () => void pipeline.suspend());
        const spec = uncheckedSpec({
          name: 'merged',
          batchRows,
          source,
          batcher: { maxRows: 50 },
          sink: { use: 'null' },
        });
        const pipeline = createPipeline(spec, { sink, store });
        const report = await pipeline.run();
        expect(report.error).toBeUndefined();
        if (report.reason !== 'suspended') break;
      }
      expect(rows).toEqual(whole.rows);
    }
  });

  it('counts bad rows and bytes of all of them, and names the file of a row', async () => {
    const bad = scratch.write(
      'bad.csv',
      'time,symbol,price\n2024-03-04T00:00:00Z,A,x\n2024-03-04T00:00:00Z,A,1\n',
    );
    const rows: Row[] = [];
    const spec = uncheckedSpec({
      name: 'merged',
      source: merged(replayOf(files[0]!), replayOf(bad)),
      deadLetter: { path: `${scratch.folder}/bad.jsonl` },
      sink: { use: 'null' },
    });
    const report = await createPipeline(spec, { sink: countingSink(rows) }).run();
    expect(report.counters).toMatchObject({ rowsIn: 302, rowsRejected: 1, rowsOut: 301 });
    expect(report.counters.bytesIn).toBeGreaterThan(5_000);
    expect(readFileSync(`${scratch.folder}/bad.jsonl`, 'utf8')).toContain('bad.csv');
  });

  it('names the file and the line of a late row behind it', async () => {
    const time = (second: number) => `2024-03-04T00:00:0${second}Z`;
    const late = scratch.write(
      'late.csv',
      `time,symbol,price\n${time(1)},A,1\n${time(6)},A,2\n${time(2)},A,3\n`,
    );
    const other = scratch.write('other.csv', `time,symbol,price\n${time(3)},B,1\n${time(9)},B,2\n`);
    const spec = uncheckedSpec({
      name: 'merged',
      batchRows: 1,
      source: merged(replayOf(late), replayOf(other)),
      operators: [{ use: 'bars', every: '1s' }],
      sink: { use: 'null' },
    });
    const { error } = await createPipeline(spec, { sink: countingSink([]) }).run();
    expect(error).toMatchObject({ code: 'LATE_ROW' });
    expect(error?.message).toContain('late.csv:4');
  });

  it('says what to do about a source that tells no time before its end', async () => {
    const spec = uncheckedSpec({
      name: 'merged',
      batchRows: 100,
      source: { ...merged(replayOf(files[0]!), { ...replayOf(files[1]!), order: 'listed' }), rowsMax: 500 },
      sink: { use: 'null' },
    });
    const { error } = await createPipeline(spec, { sink: countingSink([]) }).run();
    expect(error).toMatchObject({ code: 'INPUT_LAGS', retryable: false });
    expect(error?.message).toContain('Source "replay" (source.sources[1]) lags behind the others');
    expect(error?.message).toContain('`order: time` of replay');
  });

  it('reads a source that tells no time to its end, where all its rows may wait', async () => {
    const source = merged(replayOf(files[0]!), { ...replayOf(files[1]!), order: 'listed' });
    expect((await rowsOf(source)).rows).toEqual(
      (await rowsOf(merged(...files.slice(0, 2).map(replayOf)))).rows,
    );
  });

  it('ends in order where it is drained', async () => {
    const rows: Row[] = [];
    const spec = uncheckedSpec({
      name: 'merged',
      batchRows: 7,
      batcher: { maxRows: 50 },
      source: merged(...files.map(replayOf)),
      sink: { use: 'null' },
    });
    const pipeline = createPipeline(spec, { sink: countingSink(rows, 500, () => void pipeline.drain()) });
    expect(await pipeline.run()).toMatchObject({ reason: 'drained', rowsPending: 0 });
    const { rows: whole } = await rowsOf(merged(...files.map(replayOf)));
    expect(rows).toEqual(whole.slice(0, rows.length));
    expect(rows.length).toBeLessThan(600);
  });
});

describe('examples/merge.yaml', () => {
  it('runs, and is explained as a tree', async () => {
    const path = new URL('../../../../examples/merge.yaml', import.meta.url).pathname;
    const spec = parse(readFileSync(path, 'utf8')) as object;
    const report = await createPipeline(uncheckedSpec(spec), { sink: countingSink([]) }).run();
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsOut: 180, rowsLate: 0 } });

    const { code, out } = await called((terminal) => explain([path], { set: [] }, terminal));
    expect(code).toBe(0);
    const stages = out.split('\n').filter((line) => /^ +(source|operators|batcher|sink)\S*: /.test(line));
    expect(stages).toEqual([
      '  source: merge, replayable, ends by itself',
      '    source.sources[0]: synthetic (new-york), replayable, ends by itself',
      '    source.sources[1]: synthetic (london), replayable, ends by itself',
      '      source.sources[1].operators[0]: filter',
      '  operators[0]: bars',
      '  batcher: smart',
      '  sink: parquet, transactional',
    ]);
  });
});

describe.runIf(hasRecordedData)(
  recordedTitle('merge of EURUSD as two brokers recorded it, in two zones'),
  () => {
    const FXCM = 'fx-ticks-lean/fxcm-eurusd/20140508_quote.zip';
    const OANDA = 'fx-ticks-lean/oanda-eurusd/20140508_quote.zip';
    const brokers = [
      { zip: FXCM, midnight: '2014-05-08T00:00:00-05:00', zone: '-05:00', symbol: 'FXCM' },
      { zip: OANDA, midnight: '2014-05-08T00:00:00Z', zone: 'UTC', symbol: 'OANDA' },
    ];

    it('equals ORDER BY of DuckDB', async () => {
      const paths = brokers.map(({ zip, symbol }) => {
        const unzipped = readFileSync(scratch.unzip(recordedPath(zip)));
        return scratch.write(`${symbol}.csv`, unzipped);
      });
      const sources = brokers.map(({ zone, symbol }, i) => ({
        use: 'replay',
        path: paths[i],
        header: false,
        kind: 'quote',
        columns: {
          time: { from: 1, unit: 'ms', date: '2014-05-08', zone },
          symbol: { value: symbol },
          bid: 2,
          ask: 3,
        },
      }));
      const { rows } = await rowsOf(merged(...sources));
      const total = brokers.reduce((sum, { zip }) => sum + factsOf<{ readonly rows: number }>(zip).rows, 0);
      expect(rows).toHaveLength(total);
      const expected = await duckdb(
        `SELECT (midnight + column0)::DOUBLE AS ms, symbol, bid, ask FROM (${brokers
          .map(
            ({ symbol, midnight }, i) =>
              `SELECT ${Date.parse(midnight)} AS midnight, '${symbol}' AS symbol, column0, column1 AS bid, column2 AS ask,
               ${i} AS file, row_number() OVER () AS n FROM read_csv('${paths[i]}', header = false, parallel = false)`,
          )
          .join(' UNION ALL ')}) ORDER BY midnight + column0, file, n`,
      );
      const differing = rows.findIndex(({ time, symbol, bid, ask }, i) => {
        const row = expected[i]!;
        return (
          Number((time as bigint) / 1_000_000n) !== row.ms ||
          symbol !== row.symbol ||
          bid !== Number(row.bid) ||
          ask !== Number(row.ask)
        );
      });
      expect(differing).toBe(-1);
    });
  },
);
