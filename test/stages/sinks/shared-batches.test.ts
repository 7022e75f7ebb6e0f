import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/columns/batch.js';
import { BatchPool } from '../../../src/columns/batch-pool.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Row } from '../../../src/columns/row-view.js';
import { shareBatch } from '../../../src/columns/shared-batch.js';
import { nanos } from '../../../src/core/units.js';
import { ownColumnsFor } from '../../../src/engine/read-only-stage.js';
import type { Sink } from '../../../src/engine/sink.js';
import type { StageContext } from '../../../src/engine/stage.js';
import { callbackSink } from '../../../src/stages/sinks/callback.js';
import { consoleSink } from '../../../src/stages/sinks/console/console.js';
import { ConsoleSinkOptions } from '../../../src/stages/sinks/console/options.js';
import { csvSink } from '../../../src/stages/sinks/csv/csv.js';
import { CsvSinkOptions } from '../../../src/stages/sinks/csv/options.js';
import { jsonlSink } from '../../../src/stages/sinks/jsonl/jsonl.js';
import { JsonlSinkOptions } from '../../../src/stages/sinks/jsonl/options.js';
import { nullSink } from '../../../src/stages/sinks/null/null.js';
import { ParquetSinkOptions } from '../../../src/stages/sinks/parquet/options.js';
import { parquetSink } from '../../../src/stages/sinks/parquet/parquet.js';
import { rowsIn } from '../../support/batch-rows.js';
import { hashOf } from '../../support/column-hash.js';
import { ALL_TYPES, contextOf, pooledBatch, temporaryDirectory } from './sink-rows.js';

/** Makes a sink in a directory, and collects what it writes elsewhere. */
type MakeSink = (directory: string, context: StageContext, written: unknown[]) => Sink;

const SINKS: Readonly<Record<string, MakeSink>> = {
  null: () => nullSink.create({}, ALL_TYPES, contextOf()),
  console(_directory, context, written) {
    const write = (text: string, done: () => void) => {
      written.push(text);
      done();
    };
    const stream = { write, on() {}, off() {} };
    return consoleSink.create(ConsoleSinkOptions.parse({ rows: 30 }), ALL_TYPES, context, stream);
  },
  'callback that writes into its batches': (_directory, context, written) =>
    callbackSink((batch) => {
      written.push(rowsIn(batch));
      for (const data of batch.columns) data.fill(0);
      batch.controls.length = 0;
    }).create({}, ALL_TYPES, context),
  csv: (directory, context) =>
    csvSink.create(CsvSinkOptions.parse({ path: join(directory, 'out.csv') }), ALL_TYPES, context),
  'csv, by partition': (directory, context) =>
    csvSink.create(
      CsvSinkOptions.parse({ path: join(directory, 'out'), partitionBy: ['symbol', 'day'] }),
      ALL_TYPES,
      context,
    ),
  'jsonl with control records': (directory, context) =>
    jsonlSink.create(
      JsonlSinkOptions.parse({ path: join(directory, 'out.jsonl'), controls: true }),
      ALL_TYPES,
      context,
    ),
  'parquet, rotated': (directory, context) =>
    parquetSink.create(
      ParquetSinkOptions.parse({ path: join(directory, 'out'), rotate: { rows: 7 } }),
      ALL_TYPES,
      context,
    ),
  'parquet, by partition': (directory, context) =>
    parquetSink.create(
      ParquetSinkOptions.parse({ path: join(directory, 'out'), partitionBy: ['symbol', 'side'] }),
      ALL_TYPES,
      context,
    ),
};

const anyRow: fc.Arbitrary<Row> = fc.record({
  time: fc
    .integer({ min: 1_704_067_200, max: 1_704_300_000 })
    .map((seconds) => BigInt(seconds) * 1_000_000_000n),
  symbol: fc.constantFrom('A', 'B'),
  note: fc.option(fc.string()),
  price: fc.integer(),
  size: fc.option(fc.integer()),
  level: fc.integer(),
  id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  side: fc.constantFrom('unknown', 'buy', 'sell'),
  ok: fc.boolean(),
});

/** The bytes of all files, without the parts of their names that differ between two runs. */
function filesIn(directory: string): string[] {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return paths
    .filter((path) => !path.includes('.tickloom') && statSync(join(directory, path)).isFile())
    .map(
      (path) => `${path.split('/').slice(0, -1).join('/')}: ${readFileSync(join(directory, path), 'latin1')}`,
    );
}

/** What a sink writes of batches that have other owners, too, or have not. */
async function writtenBy(make: MakeSink, batches: readonly (readonly Row[])[], isShared: boolean) {
  const directory = temporaryDirectory();
  const dictionaries = new DictionarySet();
  const written: unknown[] = [];
  const sink = make(directory, contextOf('job', { dictionaries }), written);
  const pool = new BatchPool(ALL_TYPES, 32, dictionaries);
  const others: { batch: Batch; hash: string }[] = [];
  await sink.open?.();
  for (const rows of batches) {
    const batch = pooledBatch(pool, rows);
    batch.controls.push({ row: 0, record: { type: 'reset', at: nanos(0n), reason: 'test' } });
    const [mine, other] = (isShared ? shareBatch(batch, 2) : [batch]) as [Batch, Batch?];
    if (other) others.push({ batch: other, hash: hashOf(other.columns) });
    ownColumnsFor(sink, mine);
    await sink.write(mine);
  }
  await sink.flush();
  await sink.close?.();
  for (const { batch, hash } of others) {
    expect(hashOf(batch.columns)).toBe(hash);
    expect(batch.controls).toHaveLength(1);
    batch.release();
  }
  expect(pool.outstanding).toBe(0);
  dictionaries.memory.close();
  expect(dictionaries.memory.current).toBe(0);
  return [...written, ...filesIn(directory)];
}

describe('a sink that is given batches which others read, too', () => {
  it.each(Object.keys(SINKS))(
    'writes the same as of its own, and changes nothing for the others: %s',
    (name) => {
      const batches = fc.array(fc.array(anyRow, { minLength: 1, maxLength: 12 }), {
        minLength: 1,
        maxLength: 3,
      });
      return fc.assert(
        fc.asyncProperty(batches, async (given) => {
          const make = SINKS[name]!;
          expect(await writtenBy(make, given, true)).toEqual(await writtenBy(make, given, false));
        }),
        { numRuns: 8 },
      );
    },
  );
});
