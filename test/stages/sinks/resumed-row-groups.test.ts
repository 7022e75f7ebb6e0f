import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetMetadataAsync } from 'hyparquet';
import { afterEach, describe, expect, it } from 'vitest';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { PlainData } from '../../../src/core/plain-data.js';
import { ParquetSinkOptions } from '../../../src/stages/sinks/parquet/options.js';
import { parquetSink } from '../../../src/stages/sinks/parquet/parquet.js';
import { duckdb } from './duckdb.js';
import { ALL_TYPES, batchOf, contextOf, temporaryDirectory } from './sink-rows.js';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const sink of opened.splice(0)) await sink.close();
});

async function start(path: string, rowGroupRows: number, resumeAt?: PlainData) {
  const dictionaries = new DictionarySet();
  const resuming = resumeAt !== undefined;
  const context = contextOf('job', { checkpointed: true, resuming, dictionaries });
  // Row groups smaller than the options allow, so that few rows fill many.
  const options = { ...ParquetSinkOptions.parse({ path }), rowGroupRows };
  const sink = parquetSink.create(options, ALL_TYPES, context);
  opened.push(sink);
  await sink.open();
  if (resumeAt !== undefined) await sink.resume(resumeAt);
  return { sink, write: (rows: readonly Row[]) => sink.write(batchOf(ALL_TYPES, rows, dictionaries)) };
}

const row = (i: number): Row => ({
  time: 1_704_067_200_000_000_000n + BigInt(i),
  symbol: `S${(i * i) % 17}`,
  note: i % 3 === 0 ? null : `note ${i % 50}`,
  price: 100 + i / 100,
  size: i % 5 === 0 ? null : i / 3,
  level: i,
  id: BigInt(i) * 1_000_003n,
  side: i % 2 === 0 ? 'buy' : 'sell',
  ok: i % 4 === 0,
});
const rowsFrom = (from: number, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => row(from + i));

async function finish({ sink }: Awaited<ReturnType<typeof start>>): Promise<void> {
  const { position } = await sink.prepare(true);
  await sink.commit(position);
  await sink.flush();
  await sink.close();
}

async function rowGroupsOf(path: string): Promise<number[]> {
  const names = readdirSync(path).filter((name) => name.endsWith('.parquet'));
  expect(names).toHaveLength(1);
  const { row_groups } = await parquetMetadataAsync(await asyncBufferFromFile(join(path, names[0]!)));
  return row_groups.map(({ num_rows }) => Number(num_rows));
}

const readBack = (path: string) =>
  duckdb(
    `SELECT epoch_ns(time) AS time, symbol, note, price, size, level, id, side, ok FROM read_parquet('${path}/*.parquet') ORDER BY level`,
  );

describe('a parquet file that is gone on with', () => {
  it('holds each row once in row groups no larger than was set, wherever it was cut and whatever the sizes', async () => {
    const size = fc.integer({ min: 1, max: 90 });
    const starts = fc.array(
      fc.record({ size, cuts: fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 3 }) }),
      { minLength: 2, maxLength: 4 },
    );
    await fc.assert(
      fc.asyncProperty(starts, async (plan) => {
        const path = join(temporaryDirectory(), 'out');
        let at = 0;
        let position: PlainData | undefined;
        let run: Awaited<ReturnType<typeof start>> | undefined;
        for (const { size, cuts } of plan) {
          run = await start(path, size, position);
          for (const count of cuts) {
            if (count > 0) await run.write(rowsFrom(at, count));
            at += count;
            ({ position } = await run.sink.prepare(false));
            position = JSON.parse(JSON.stringify(position)) as PlainData;
          }
        }
        if (at === 0) await run!.write(rowsFrom(at++, 1));
        await finish(run!);
        expect(await readBack(path)).toEqual(rowsFrom(0, at));
        const groups = await rowGroupsOf(path);
        expect(Math.max(...groups)).toBeLessThanOrEqual(Math.max(...plan.map((one) => one.size)));
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    ['lower', 40, [40, 40, 40, 25]],
    ['as it was', 100, [100, 45]],
    ['higher', 1_000, [145]],
  ])('fills row groups of the size that is set now, where that is %s', async (_what, size, groups) => {
    const path = join(temporaryDirectory(), 'out');
    const first = await start(path, 100);
    await first.write(rowsFrom(0, 30));
    await first.sink.prepare(false);
    await first.write(rowsFrom(30, 65));
    const { position } = await first.sink.prepare(false);
    const second = await start(path, size, position);
    await second.write(rowsFrom(95, 50));
    await finish(second);
    expect(await rowGroupsOf(path)).toEqual(groups);
    expect(await readBack(path)).toEqual(rowsFrom(0, 145));
  });
});
