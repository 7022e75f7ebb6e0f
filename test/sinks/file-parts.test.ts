import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import * as realFs from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DictionarySet } from '../../src/core/dictionary.js';
import type { Row } from '../../src/core/row-view.js';
import { nanos } from '../../src/core/units.js';
import { JsonlSinkOptions } from '../../src/settings/jsonl-sink-options.js';
import type { FileSystem } from '../../src/sinks/files/file-system.js';
import type { Manifest } from '../../src/sinks/files/manifest.js';
import { jsonlSink } from '../../src/sinks/jsonl.js';
import { batchOf, contextOf, pooledBatch, poolOf, TICKS, temporaryDirectory, ticks } from './sink-rows.js';

interface RunOptions {
  readonly job?: string;
  readonly fs?: FileSystem;
  readonly resuming?: boolean;
  readonly [option: string]: unknown;
}

const started: { close(): Promise<void> }[] = [];

/** Runs that "crashed" are never closed by their test, but this process lives on. */
afterEach(async () => {
  for (const sink of started.splice(0)) await sink.close();
});

/** A run that has opened its sink. */
async function start(path: string, { job = 'job', fs, resuming = false, ...options }: RunOptions = {}) {
  const context = contextOf(job, { resuming, dictionaries: new DictionarySet() });
  const sink = jsonlSink.create(JsonlSinkOptions.parse({ path, ...options }), TICKS, context, fs);
  await sink.open();
  started.push(sink);
  return {
    sink,
    write: (rows: readonly Row[]) => sink.write(batchOf(TICKS, rows, context.dictionaries)),
    flush: () => sink.flush(),
    close: () => sink.close(),
  };
}

async function runWhole(path: string, rows: readonly Row[], options: RunOptions = {}) {
  const run = await start(path, options);
  await run.write(rows);
  await run.flush();
  await run.close();
}

const manifestOf = (path: string) =>
  JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')) as Manifest;

/** What a reader sees that trusts the manifest: seconds since the first tick. */
const listed = (path: string) => manifestOf(path).parts.flatMap(({ file }) => seconds(join(path, file)));
/** What one sees that takes every file. */
const globbed = (path: string) =>
  readdirSync(path)
    .filter((name) => /^[^.].*\.jsonl$/.test(name))
    .sort()
    .flatMap((name) => seconds(join(path, name)));
const seconds = (file: string) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => (Date.parse((JSON.parse(line) as { time: string }).time) - Date.UTC(2024, 0, 1)) / 1_000);
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);
const hidden = (path: string) => readdirSync(path).filter((name) => name.startsWith('.'));

/** A disk on which one call fails. */
function failing(
  code: string,
  fails: { open?: RegExp; write?: boolean; rename?: RegExp; sync?: boolean },
): FileSystem {
  const error = () => Object.assign(new Error(`${code}: injected`), { code });
  return {
    ...realFs,
    open: (async (path: string, flags: string) => {
      if (fails.open?.test(path)) throw error();
      const handle = await realFs.open(path, flags);
      if (flags !== 'w' || path.includes('manifest')) return handle;
      return new Proxy(handle, {
        get(target, key) {
          if ((key === 'write' && fails.write) || (key === 'sync' && fails.sync))
            return () => Promise.reject(error());
          const value = Reflect.get(target, key) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    }) as FileSystem['open'],
    rename: async (from, to) => {
      if (fails.rename?.test(String(to))) throw error();
      await realFs.rename(from, to);
    },
  };
}

describe('a directory of parts', () => {
  it('shows nothing before a flush, then a whole part and its line in the manifest', async () => {
    const path = join(temporaryDirectory(), 'deep', 'out');
    const run = await start(path);
    await run.write(ticks(3));
    expect(globbed(path)).toEqual([]);
    expect(listed(path)).toEqual([]);
    const durable = await run.flush();
    expect(durable).toEqual({ rows: 3, position: { run: 1, epoch: 1, sequence: 1 } });
    expect(run.sink.outputs()).toEqual([join(path, 'job-00001-000001.jsonl')]);
    expect(manifestOf(path)).toMatchObject({
      version: 1,
      job: 'job',
      epoch: 1,
      parts: [
        {
          file: 'job-00001-000001.jsonl',
          epoch: 1,
          sequence: 1,
          rows: 3,
          bytes: readFileSync(run.sink.outputs()[0]!).length,
          firstTime: '2024-01-01T00:00:00.000000000Z',
          lastTime: '2024-01-01T00:00:02.000000000Z',
        },
      ],
    });
    await run.close();
    expect(hidden(path)).toEqual([]);
  });

  it('holds a manifest and no part after a run without rows', async () => {
    const path = join(temporaryDirectory(), 'out');
    const run = await start(path);
    expect(await run.flush()).toEqual({ rows: 0, position: { run: 1, epoch: 1, sequence: 0 } });
    await run.close();
    expect(readdirSync(path)).toEqual(['manifest.json']);
    // So the next run finds nothing that it could spoil.
    await runWhole(path, ticks(1));
    expect(listed(path)).toEqual([0]);
  });

  it('is left as it was by a run that ends without a flush', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(2));
    const run = await start(path, { ifExists: 'append' });
    await run.write(ticks(5, 2));
    await run.close();
    expect(listed(path)).toEqual([0, 1]);
    expect(globbed(path)).toEqual([0, 1]);
    expect(hidden(path)).toEqual([]);
  });

  it('refuses a second run before a row is read, and says what could be done', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(2));
    await expect(start(path)).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      retryable: false,
      message: expect.stringMatching(
        /1 part with 2 rows from job "job".*"ifExists: append".*"ifExists: replace"/,
      ),
    });
  });

  it('refuses files that are not its own, too', async () => {
    const path = join(temporaryDirectory(), 'out');
    mkdirSync(path);
    writeFileSync(join(path, 'mine.jsonl'), '{}\n');
    await expect(start(path)).rejects.toMatchObject({
      message: expect.stringContaining('1 file like "mine.jsonl"'),
    });
    await runWhole(path, ticks(1), { ifExists: 'replace' });
    expect(readFileSync(join(path, 'mine.jsonl'), 'utf8')).toBe('{}\n');
  });

  it('takes more parts under a new epoch when it is appended to', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(2));
    await runWhole(path, ticks(2, 2), { ifExists: 'append' });
    expect(manifestOf(path).parts.map(({ file }) => file)).toEqual([
      'job-00001-000001.jsonl',
      'job-00002-000001.jsonl',
    ]);
    expect(listed(path)).toEqual([0, 1, 2, 3]);
  });

  it('keeps the old parts until the run that replaces them has flushed', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(2));
    const failed = await start(path, { ifExists: 'replace', rotate: { rows: 2 } });
    await failed.write(ticks(5, 10));
    expect(globbed(path)).toEqual([0, 1]);
    await failed.close();
    expect([listed(path), globbed(path), hidden(path)]).toEqual([[0, 1], [0, 1], []]);

    await runWhole(path, ticks(5, 20), { ifExists: 'replace', rotate: { rows: 2 } });
    expect(listed(path)).toEqual(upTo(5, 20));
    expect(globbed(path)).toEqual(upTo(5, 20));
  });

  it('loses and doubles nothing when a run goes on after a crash', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(2));
    const first = await start(path, { ifExists: 'append', rotate: { rows: 3 } });
    await first.write(ticks(4, 2));
    const checkpoint = await first.flush();
    // Past the checkpoint: parts that count, and one that is open when the thread dies.
    await first.write(ticks(8, 6));
    expect(listed(path).length).toBeGreaterThan(6);
    expect(hidden(path).length).toBeGreaterThan(0);

    const second = await start(path, { resuming: true });
    await second.sink.resume(checkpoint.position);
    expect(listed(path)).toEqual(upTo(6));
    await second.write(ticks(4, 6));
    const later = await second.flush();
    await second.write(ticks(1, 10));

    const third = await start(path, { resuming: true });
    await third.sink.resume(later.position);
    await third.write(ticks(5, 10));
    expect((await third.flush()).rows).toBe(5);
    await third.close();
    expect(listed(path)).toEqual(upTo(15));
    expect(globbed(path)).toEqual(upTo(15));
    expect(hidden(path)).toEqual([]);
  });

  it('leaves the rows of another run alone when one goes back to its checkpoint', async () => {
    const path = join(temporaryDirectory(), 'out');
    const crashed = await start(path);
    await crashed.write(ticks(2));
    const checkpoint = await crashed.flush();
    await runWhole(path, ticks(2, 100), { ifExists: 'append' });
    const resumed = await start(path, { resuming: true });
    await resumed.sink.resume(checkpoint.position);
    await resumed.close();
    expect(listed(path)).toEqual([0, 1, 100, 101]);
  });

  it('goes back to a checkpoint from before the first row', async () => {
    const path = join(temporaryDirectory(), 'out');
    const crashed = await start(path, { rotate: { rows: 1 } });
    const checkpoint = await crashed.flush();
    await crashed.write(ticks(3));
    const resumed = await start(path, { resuming: true });
    await resumed.sink.resume(checkpoint.position);
    await resumed.write(ticks(3));
    await resumed.flush();
    await resumed.close();
    expect(listed(path)).toEqual([0, 1, 2]);
  });

  it('refuses a checkpoint that is not of this directory', async () => {
    const run = await start(join(temporaryDirectory(), 'out'), { resuming: true });
    await expect(run.sink.resume({ run: 1, epoch: 1, sequence: 4 })).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
    });
    await expect(run.sink.resume('nonsense')).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
    await run.close();
  });

  it('drops a part that a dead run renamed and did not live to list', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(1));
    writeFileSync(join(path, 'job-00001-000002.jsonl'), '{}\n');
    writeFileSync(join(path, '.job-00001-000003.jsonl.tmp'), '{');
    writeFileSync(join(path, '.other-00001-000001.jsonl.tmp'), '{');
    await runWhole(path, ticks(1, 1), { ifExists: 'append' });
    expect(globbed(path)).toEqual([0, 1]);
    expect(hidden(path)).toEqual(['.other-00001-000001.jsonl.tmp']);
  });

  it('stops a run that another one has followed', async () => {
    const path = join(temporaryDirectory(), 'out');
    const stale = await start(path);
    await stale.write(ticks(2));
    await runWhole(path, ticks(2, 50), { job: 'other' });
    await expect(stale.flush()).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining('taken over by a run of job "other"'),
    });
    await stale.close();
    expect(globbed(path)).toEqual([50, 51]);
  });

  it('lists control records with where they stand', async () => {
    const path = join(temporaryDirectory(), 'out');
    const run = await start(path, { rotate: { rows: 2 } });
    const gap = { type: 'gap', from: nanos(0n), to: nanos(1n), reason: 'lost' } as const;
    await run.sink.write(batchOf(TICKS, ticks(4), undefined, [{ row: 3, record: gap }]));
    await run.sink.write(
      batchOf(TICKS, [], undefined, [{ row: 0, record: { type: 'end', how: 'drained' } }]),
    );
    await run.flush();
    await run.close();
    expect(manifestOf(path).controls).toEqual([
      {
        run: 1,
        epoch: 1,
        sequence: 2,
        row: 1,
        record: {
          type: 'gap',
          from: '1970-01-01T00:00:00.000000000Z',
          to: '1970-01-01T00:00:00.000000001Z',
          reason: 'lost',
        },
      },
      { run: 1, epoch: 1, sequence: 2, row: 2, record: { type: 'end', how: 'drained' } },
    ]);
  });

  it('does not list watermarks, of which there is no end', async () => {
    const path = join(temporaryDirectory(), 'out');
    const run = await start(path);
    const watermark = { type: 'watermark', at: nanos(0n) } as const;
    const reset = { type: 'reset', at: nanos(0n), reason: 'x' } as const;
    const controls = [watermark, reset, watermark].map((record, row) => ({ row, record }));
    await run.sink.write(batchOf(TICKS, ticks(3), undefined, controls));
    await run.flush();
    await run.close();
    expect(manifestOf(path).controls).toMatchObject([{ row: 1, record: { type: 'reset' } }]);
  });

  it('lists its parts by name, however its path is spelled', async () => {
    const path = join(temporaryDirectory(), 'out');
    for (const spelled of [`${join(path, '..')}/./out`, `${path}/`, `${join(path, '..')}//out/../out`]) {
      await runWhole(spelled, ticks(2), { ifExists: 'replace' });
      expect(listed(path)).toEqual([0, 1]);
    }
  });

  it('leaves a run alone that is at work, when it is refused itself', async () => {
    const path = join(temporaryDirectory(), 'out');
    const working = await start(path, { rotate: { rows: 2 } });
    await working.write(ticks(3));
    await expect(start(path)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await working.write(ticks(1, 3));
    await working.flush();
    await working.close();
    expect(listed(path)).toEqual(upTo(4));
  });

  it('lists a bounded number of control records, over all parts, and counts the others', async () => {
    const path = join(temporaryDirectory(), 'out');
    const run = await start(path);
    const reset = { type: 'reset', at: nanos(0n), reason: 'x' } as const;
    const controls = Array.from({ length: 6_000 }, () => ({ row: 1, record: reset }));
    for (let part = 0; part < 3; part++) {
      await run.sink.write(batchOf(TICKS, ticks(1, part), undefined, controls));
      await run.flush();
    }
    await run.close();
    expect(manifestOf(path).controls).toHaveLength(10_000);
    expect(manifestOf(path).controlsOmitted).toBe(8_000);
  });

  it.runIf(existsSync('/proc/self'))('fails under /proc, where no directory can be made', async () => {
    for (const path of ['/proc/tickloom/out', '/proc/tickloom/out.jsonl']) {
      await expect(start(path)).rejects.toMatchObject({
        code: 'OUTPUT_FAILED',
        message: expect.stringContaining('no directory can be made there'),
      });
    }
  });

  it('says which part of the path is no directory', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'file'), '');
    await expect(start(join(directory, 'file', 'out'))).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      retryable: false,
      message: expect.stringMatching(
        /file\/out": a part of the path is a file, expected a directory.*ENOTDIR/,
      ),
    });
    await expect(start(join(directory, 'file'))).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
  });

  it('says where it may not write, before a row is read', async () => {
    const path = join(temporaryDirectory(), 'out');
    await expect(start(path, { fs: failing('EACCES', { open: /manifest/ }) })).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringMatching(/manifest\.json": permission denied; give this user the right/),
    });
  });

  it.each([
    ['while it writes', { write: true }],
    ['while it syncs', { sync: true }],
    ['while it renames the part', { rename: /jsonl$/ }],
    ['while it renames the manifest', { rename: /manifest/ }],
  ])('shows no half part on a full disk (%s), and may be tried again', async (_when, fails) => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(2));
    let armed = false;
    const broken = failing('ENOSPC', fails);
    const fs: FileSystem = {
      ...realFs,
      open: ((...args: Parameters<FileSystem['open']>) =>
        (armed ? broken : realFs).open(...args)) as FileSystem['open'],
      rename: (from, to) => (armed ? broken : realFs).rename(from, to),
    };
    const run = await start(path, { ifExists: 'append', fs });
    armed = true;
    const failed = (async () => {
      await run.write(ticks(5, 2));
      await run.flush();
    })();
    await expect(failed).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      retryable: true,
      message: expect.stringContaining('the disk is full; free some space'),
    });
    armed = false;
    await run.close();
    expect([listed(path), globbed(path), hidden(path)]).toEqual([[0, 1], [0, 1], []]);
    await runWhole(path, ticks(5, 2), { ifExists: 'append' });
    expect(listed(path)).toEqual(upTo(7));
  });

  it('gives a batch back to its pool when it cannot be written', async () => {
    const path = join(temporaryDirectory(), 'out');
    const context = contextOf();
    const pool = poolOf(TICKS, context.dictionaries);
    const options = JsonlSinkOptions.parse({ path });
    const sink = jsonlSink.create(options, TICKS, context, failing('EIO', { open: /job-.*jsonl/ }));
    await sink.open();
    await expect(sink.write(pooledBatch(pool, ticks(3)))).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    expect(pool.outstanding).toBe(0);
    await sink.close();
  });

  it('refuses a manifest that it does not understand, and leaves it there', async () => {
    const path = temporaryDirectory();
    for (const text of ['{', '{"version":2}', '{"version":1,"parts":[{"file":"../x"}]}']) {
      writeFileSync(join(path, 'manifest.json'), text);
      await expect(start(path, { ifExists: 'replace' })).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
      expect(readFileSync(join(path, 'manifest.json'), 'utf8')).toBe(text);
    }
  });
});

describe('one file', () => {
  const file = () => join(temporaryDirectory(), 'out.jsonl');

  it('appears whole with the flush, and not at all without one', async () => {
    const path = file();
    const failed = await start(path);
    await failed.write(ticks(3));
    expect(() => readFileSync(path)).toThrow('ENOENT');
    await failed.close();
    expect(readdirSync(join(path, '..'))).toEqual([]);
    await runWhole(path, ticks(3));
    expect(seconds(path)).toEqual([0, 1, 2]);
    expect(readdirSync(join(path, '..'))).toEqual(['out.jsonl']);
  });

  it('is refused, added to or replaced when it is there', async () => {
    const path = file();
    await runWhole(path, ticks(2));
    await expect(start(path)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    await runWhole(path, ticks(2, 2), { ifExists: 'append' });
    expect(seconds(path)).toEqual([0, 1, 2, 3]);
    const failed = await start(path, { ifExists: 'replace' });
    await failed.write(ticks(1, 9));
    await failed.close();
    expect(seconds(path)).toEqual([0, 1, 2, 3]);
    await runWhole(path, ticks(1, 9), { ifExists: 'replace' });
    expect(seconds(path)).toEqual([9]);
  });

  it('shows whole commits only, and goes on from one after a crash', async () => {
    const path = file();
    const first = await start(path);
    await first.write(ticks(2));
    const checkpoint = await first.flush();
    await first.write(ticks(2, 2));
    expect(seconds(path)).toEqual([0, 1]);
    await first.flush();
    expect(seconds(path)).toEqual([0, 1, 2, 3]);
    const second = await start(path, { resuming: true });
    await second.sink.resume(checkpoint.position);
    await second.write(ticks(3, 2));
    await second.flush();
    await second.close();
    expect(seconds(path)).toEqual(upTo(5));
  });

  it('is not published by a run that finds the file of another in its place', async () => {
    for (const ifExists of ['error', 'append', 'replace']) {
      const path = file();
      if (ifExists !== 'error') await runWhole(path, ticks(1));
      const slow = await start(path, { job: 'slow', ifExists });
      await slow.write(ticks(2, 10));
      await runWhole(path, ticks(2, 20), { job: 'quick', ifExists });
      await expect(slow.flush()).rejects.toMatchObject({
        code: 'OUTPUT_FAILED',
        message: expect.stringMatching(/was written by another run .* Give each job a path of its own/),
      });
      await slow.close();
      expect(seconds(path)).toEqual(ifExists === 'append' ? [0, 20, 21] : [20, 21]);
      expect(readdirSync(join(path, '..'))).toEqual(['out.jsonl']);
    }
  });

  it('holds the rows of one run only when a job runs twice at once', async () => {
    const path = file();
    const first = await start(path);
    await first.write(ticks(2, 10));
    const second = await start(path);
    await second.write(ticks(2, 20));
    await expect(first.flush()).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining('was taken over by another run of job "job"'),
    });
    await first.close();
    await second.flush();
    await second.close();
    expect(seconds(path)).toEqual([20, 21]);
  });

  it('leaves nothing of a run that died, once its job runs again', async () => {
    const path = file();
    const dead = await start(path);
    await dead.write(ticks(3));
    writeFileSync(join(path, '..', '.out.jsonl.job-2-00000000.tmp'), 'of another job');
    await runWhole(path, ticks(2));
    expect(readdirSync(join(path, '..')).sort()).toEqual(['.out.jsonl.job-2-00000000.tmp', 'out.jsonl']);
    expect(seconds(path)).toEqual([0, 1]);
  });

  it('may be added to or replaced through a link, which stays one', async () => {
    const path = file();
    const link = join(temporaryDirectory(), 'link.jsonl');
    await runWhole(path, ticks(2));
    symlinkSync(path, link);
    await runWhole(link, ticks(2, 2), { ifExists: 'append' });
    expect(seconds(path)).toEqual(upTo(4));
    await runWhole(link, ticks(1, 9), { ifExists: 'replace' });
    expect(seconds(path)).toEqual([9]);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readdirSync(join(link, '..'))).toEqual(['link.jsonl']);
  });

  it('is not added to when its last line has no end', async () => {
    const path = file();
    writeFileSync(path, '{"time":"2024-01-01T00:00:00.000000000Z"}');
    await expect(start(path, { ifExists: 'append' })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining('expected its last line to end in a line break, found "}"'),
    });
  });

  it('is not written where a directory stands', async () => {
    const path = file();
    mkdirSync(path);
    await expect(start(path)).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining('there is a directory of this name'),
    });
  });
});
