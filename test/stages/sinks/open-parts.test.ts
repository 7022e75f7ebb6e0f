import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { PlainData } from '../../../src/core/plain-data.js';
import { stateFolderOf } from '../../../src/outputs/runs/state-folder.js';
import type { OpenFilesLimits } from '../../../src/outputs/staging/open-files.js';
import { csvSink } from '../../../src/stages/sinks/csv/csv.js';
import { CsvSinkOptions } from '../../../src/stages/sinks/csv/options.js';
import { jsonlSink } from '../../../src/stages/sinks/jsonl/jsonl.js';
import { JsonlSinkOptions } from '../../../src/stages/sinks/jsonl/options.js';
import { ParquetSinkOptions } from '../../../src/stages/sinks/parquet/options.js';
import { parquetSink } from '../../../src/stages/sinks/parquet/parquet.js';
import { tried } from '../../support/deep.js';
import { ALL_TYPES, batchOf, contextOf, temporaryDirectory } from './sink-rows.js';

const FORMATS = [
  'csv',
  'csv.gz',
  'jsonl',
  'jsonl.gz',
  'parquet',
  'parts.csv.gz',
  'parts.jsonl',
  'by.parquet',
  'by.csv.gz',
] as const;
type Format = (typeof FORMATS)[number];

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const sink of opened.splice(0)) await sink.close();
});

/** So small that journals follow one another, and that files are synced as they grow; or the usual ones. */
const LIMITS = [
  { journalBytesMax: 20_000, unsyncedBytesMax: 1, waitingBytesMax: 1 },
  { journalBytesMax: 1, unsyncedBytesMax: 4_000, waitingBytesMax: 20_000 },
  undefined,
];

function makeSink(
  format: Format,
  folder: string,
  rotateRows: number | undefined,
  resuming: boolean,
  limits?: OpenFilesLimits,
) {
  const dictionaries = new DictionarySet();
  const context = contextOf('job', { checkpointed: true, resuming, dictionaries });
  const rotate = rotateRows === undefined ? {} : { rotate: { rows: rotateRows } };
  const zipped = format.endsWith('.gz') ? { compression: 'gzip' } : {};
  const by = format.startsWith('by') ? { partitionBy: ['side', 'symbol'], openPartsMax: 40 } : {};
  const parts = { path: join(folder, 'out'), ...rotate, ...by };
  const fs = undefined; // the usual one
  const isCsv = format.includes('csv');
  const text = isDirectory(format) ? { ...parts, ...zipped } : { path: join(folder, `out.${format}`) };
  const sink = format.endsWith('parquet')
    ? parquetSink.create(
        ParquetSinkOptions.parse({ ...parts, rowGroupRows: 1_024 }),
        ALL_TYPES,
        context,
        fs,
        limits,
      )
    : isCsv
      ? csvSink.create(CsvSinkOptions.parse(text), ALL_TYPES, context, fs, limits)
      : jsonlSink.create(JsonlSinkOptions.parse(text), ALL_TYPES, context, fs, limits);
  opened.push(sink);
  return { sink, write: (rows: readonly Row[]) => sink.write(batchOf(ALL_TYPES, rows, dictionaries)) };
}

const isDirectory = (format: Format): boolean => /^(parquet|parts|by)/.test(format);

/** What the files hold, in their order; gzip unpacked, since members may end elsewhere. */
function contents(folder: string, format: Format): string[] {
  const out = join(folder, isDirectory(format) ? 'out' : `out.${format}`);
  const files = isDirectory(format)
    ? (readdirSync(out, { recursive: true }) as string[])
        .filter((name) => name.endsWith(format.endsWith('parquet') ? '.parquet' : format.replace(/^\w+/, '')))
        .sort()
        .map((name) => join(out, name))
    : [out];
  return files
    .map((file) => readFileSync(file))
    .map((bytes) => (format.endsWith('.gz') ? gunzipSync(bytes) : bytes))
    .map((bytes) => `${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex')}`);
}

const row = (i: number): Row => ({
  time: 1_704_067_200_000_000_000n + BigInt(i) * 1_000_000n,
  symbol: `SYM${(i * i) % 17}`,
  note: i % 3 === 0 ? null : `note ${i % 50}, "quoted"\n`,
  price: 100 + (i % 977) / 100,
  size: i % 5 === 0 ? Number.NaN : i / 3,
  level: i % 7,
  id: BigInt(i) * 1_000_003n,
  side: i % 2 === 0 ? 'buy' : 'sell',
  ok: i % 4 === 0,
});
const rowsFrom = (from: number, count: number): Row[] =>
  Array.from({ length: count }, (_, i) => row(from + i));

const TOTAL = 3_500;

/** What happens after a batch; `lost`: the process dies once it was prepared, and the store has not heard of it. */
type After = 'nothing' | 'checkpoint' | 'refused' | 'killed' | 'lost';
const steps = fc.array(
  fc.record({
    rows: fc.integer({ min: 1, max: 700 }),
    after: fc.constantFrom<After>('nothing', 'checkpoint', 'checkpoint', 'refused', 'killed', 'lost'),
  }),
  { minLength: 3, maxLength: 14 },
);

async function runThrough(
  format: Format,
  folder: string,
  rotateRows: number | undefined,
  plan: readonly { readonly rows: number; readonly after: After }[],
  limits?: OpenFilesLimits,
) {
  let accepted: { readonly position: PlainData; readonly rows: number } | undefined;
  let run = makeSink(format, folder, rotateRows, false, limits);
  let at = 0;
  await run.sink.open();
  const restart = async () => {
    run = makeSink(format, folder, rotateRows, accepted !== undefined, limits);
    await run.sink.open();
    if (accepted) await run.sink.resume(accepted.position);
    at = accepted?.rows ?? 0;
  };
  for (const { rows, after } of plan) {
    const count = Math.min(rows, TOTAL - at);
    if (count > 0) await run.write(rowsFrom(at, count));
    at += count;
    if (after === 'nothing' || (after !== 'checkpoint' && !accepted)) continue;
    if (after === 'killed') {
      await restart();
      continue;
    }
    const { position } = await run.sink.prepare(false);
    if (after === 'lost') await restart();
    if (after !== 'checkpoint') continue;
    accepted = { position: JSON.parse(JSON.stringify(position)) as PlainData, rows: at };
    await run.sink.commit(accepted.position);
  }
  await run.write(rowsFrom(at, TOTAL - at));
  const { position } = await run.sink.prepare(true);
  await run.sink.commit(position);
  await run.sink.flush();
  await run.sink.close();
}

describe.each(FORMATS)('a run into %s with checkpoints', (format) => {
  it('makes the files of an undisturbed run, to the byte, wherever it was cut, killed and gone on with', async () => {
    const undisturbed = new Map<number | undefined, string[]>();
    const rotations = [undefined, 800, 1_024, 2_300];
    for (const rotateRows of rotations) {
      const folder = temporaryDirectory();
      await runThrough(format, folder, rotateRows, []);
      undisturbed.set(rotateRows, contents(folder, format));
    }
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...rotations),
        steps,
        fc.constantFrom(...LIMITS),
        async (rotateRows, plan, limits) => {
          const folder = temporaryDirectory();
          await runThrough(format, folder, rotateRows, plan, limits);
          expect(contents(folder, format)).toEqual(undisturbed.get(rotateRows));
        },
      ),
      { numRuns: tried(6, 15, 30) },
    );
  });
});

describe('a checkpoint', () => {
  it.each(['parts.csv.gz', 'parts.jsonl', 'parquet'] as const)(
    'ends no part, however many there are, in %s',
    async (format) => {
      const folder = temporaryDirectory();
      const plan = Array.from({ length: 60 }, () => ({ rows: 50, after: 'checkpoint' as const }));
      await runThrough(format, folder, undefined, plan);
      expect(readdirSync(join(folder, 'out'))).toHaveLength(1);
    },
  );

  it('ends no gzip member that is short', async () => {
    const folder = temporaryDirectory();
    const plan = Array.from({ length: 60 }, () => ({ rows: 50, after: 'checkpoint' as const }));
    await runThrough('jsonl.gz', folder, undefined, plan);
    const file = readFileSync(join(folder, 'out.jsonl.gz'));
    const members = file.toString('latin1').split('\x1f\x8b\x08\0\0\0\0\0').length - 1;
    const longMembers = gunzipSync(file).length / 65_536;
    expect(longMembers).toBeGreaterThan(5);
    expect(members).toBeGreaterThan(1);
    expect(members).toBeLessThanOrEqual(longMembers + 1);
  });

  it.each([
    ['jsonl.gz', 'journal-00001'],
    ['parquet', 'journal-00001'],
    ['parquet', 'job-'],
  ] as const)('in %s is refused where one bit of %s was changed', async (format, name) => {
    const folder = temporaryDirectory();
    const run = makeSink(format, folder, undefined, false);
    await run.sink.open();
    await run.write(rowsFrom(0, format === 'parquet' ? 1_200 : 300));
    let { position } = await run.sink.prepare(false);
    if (name === 'job-') {
      // So far, its bytes are in the journal too.
      await run.write(rowsFrom(1_200, 1_200));
      ({ position } = await run.sink.prepare(false));
    }
    const state = stateFolderOf(join(folder, format === 'parquet' ? 'out' : 'out.jsonl.gz'));
    const staged = (readdirSync(state, { recursive: true }) as string[]).filter(
      (path) => path.endsWith('.staged') && path.includes(name),
    );
    expect(staged).toHaveLength(1);
    const path = join(state, staged[0]!);
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1] = bytes[bytes.length >> 1]! ^ 1;
    writeFileSync(path, bytes);
    const again = makeSink(format, folder, undefined, true);
    await again.sink.open();
    await expect(again.sink.resume(position)).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
      message: expect.stringContaining(name),
    });
  });
});
