import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { PlainData } from '../../../src/core/plain-data.js';
import { csvSink } from '../../../src/stages/sinks/csv/csv.js';
import { CsvSinkOptions } from '../../../src/stages/sinks/csv/options.js';
import { ParquetSinkOptions } from '../../../src/stages/sinks/parquet/options.js';
import { parquetSink } from '../../../src/stages/sinks/parquet/parquet.js';
import { duckdb, typesOf } from './duckdb.js';
import { batchOf, contextOf, TICKS, temporaryDirectory, ticks } from './sink-rows.js';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const sink of opened.splice(0)) await sink.close();
});

const CSV = ['out.csv', 'out.csv.gz', 'plain', 'zipped'] as const;
type Place = (typeof CSV)[number] | 'parquet';

async function start(folder: string, place: Place, resumeAt?: PlainData) {
  const dictionaries = new DictionarySet();
  const resuming = resumeAt !== undefined;
  const context = contextOf('job', { checkpointed: true, resuming, dictionaries });
  const path = join(folder, place);
  const zipped = place === 'zipped' ? { compression: 'gzip' } : {};
  const sink =
    place === 'parquet'
      ? parquetSink.create(ParquetSinkOptions.parse({ path }), TICKS, context)
      : csvSink.create(CsvSinkOptions.parse({ path, ...zipped }), TICKS, context);
  opened.push(sink);
  await sink.open();
  if (resumeAt !== undefined) await sink.resume(resumeAt);
  return { sink, write: (rows: readonly Row[]) => sink.write(batchOf(TICKS, rows, dictionaries)) };
}
type Started = Awaited<ReturnType<typeof start>>;

async function checkpoint({ sink }: Started): Promise<PlainData> {
  const { position } = await sink.prepare(false);
  await sink.commit(position);
  return JSON.parse(JSON.stringify(position)) as PlainData;
}

async function finish({ sink }: Started): Promise<void> {
  const { position } = await sink.prepare(true);
  await sink.commit(position);
  await sink.flush();
  await sink.close();
}

/** Lines of all files. */
function linesOf(folder: string, place: Place): string[] {
  const path = join(folder, place);
  const files = place.startsWith('out') ? [path] : readdirSync(path).map((name) => join(path, name));
  return files
    .map((file) => readFileSync(file))
    .map((bytes) => (/gz$|zipped/.test(place) ? gunzipSync(bytes) : bytes).toString())
    .flatMap((text) => text.split('\n').slice(0, -1));
}

describe.each(CSV)('a run into %s without rows that is gone on with', (place) => {
  it('has its header once', async () => {
    const folder = temporaryDirectory();
    const second = await start(folder, place, await checkpoint(await start(folder, place)));
    await finish(await start(folder, place, await checkpoint(second)));
    expect(linesOf(folder, place)).toEqual(['time,symbol,price']);
  });

  it('has its header once, though an earlier start had written rows', async () => {
    const folder = temporaryDirectory();
    const first = await start(folder, place);
    const position = await checkpoint(first);
    await first.write(ticks(5));
    await first.sink.prepare(false);
    await finish(await start(folder, place, position));
    expect(linesOf(folder, place)).toEqual(['time,symbol,price']);
  });
});

describe.each(CSV)('a run into %s that is gone on with', (place) => {
  it('from before its first row has its header once', async () => {
    const folder = temporaryDirectory();
    const second = await start(folder, place, await checkpoint(await start(folder, place)));
    const third = await start(folder, place, await checkpoint(second));
    await third.write(ticks(2));
    await finish(third);
    expect(linesOf(folder, place)).toHaveLength(3);
    expect(linesOf(folder, place)[0]).toBe('time,symbol,price');
  });

  it('from after its first rows has its header once', async () => {
    const folder = temporaryDirectory();
    const first = await start(folder, place);
    await first.write(ticks(2));
    const second = await start(folder, place, await checkpoint(first));
    const third = await start(folder, place, await checkpoint(second));
    await finish(third);
    expect(linesOf(folder, place)).toHaveLength(3);
    expect(linesOf(folder, place)[0]).toBe('time,symbol,price');
  });

  it('from behind its end, which no checkpoint had told, has its header once', async () => {
    const folder = temporaryDirectory();
    const { sink } = await start(folder, place);
    const { position } = await sink.prepare(true);
    const second = await start(folder, place, position);
    await second.sink.flush();
    await second.sink.close();
    expect(linesOf(folder, place)).toEqual(['time,symbol,price']);
  });
});

describe('a run into Parquet that is gone on with from before its first row', () => {
  it.each([0, 2])('leaves its columns, with %i rows', async (count) => {
    const folder = temporaryDirectory();
    const second = await start(folder, 'parquet', await checkpoint(await start(folder, 'parquet')));
    const third = await start(folder, 'parquet', await checkpoint(second));
    if (count > 0) await third.write(ticks(count));
    await finish(third);
    const all = `read_parquet('${join(folder, 'parquet')}/*.parquet')`;
    expect(Object.keys(await typesOf(all))).toEqual(['time', 'symbol', 'price']);
    expect(await duckdb(`SELECT * FROM ${all}`)).toHaveLength(count);
  });
});
