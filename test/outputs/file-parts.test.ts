import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import * as realFs from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { FileSystem } from '../../src/outputs/disk/file-system.js';
import { jsonlSink } from '../../src/stages/sinks/jsonl/jsonl.js';
import { JsonlSinkOptions } from '../../src/stages/sinks/jsonl/options.js';
import {
  ALL_TYPES,
  contextOf,
  pooledBatch,
  poolOf,
  TICKS,
  temporaryDirectory,
  ticks,
} from '../stages/sinks/sink-rows.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import {
  buryRuns,
  globbed,
  type RunOptions,
  remainsOf,
  runWhole,
  startRun,
  upTo,
} from '../support/file-runs.js';

const started: { close(): Promise<void> }[] = [];

/** Runs that "crashed" are never closed by their test, but this process lives on. */
afterEach(async () => {
  for (const sink of started.splice(0)) await sink.close();
});

async function start(path: string, options: RunOptions = {}) {
  const run = await startRun(path, options);
  started.push(run.sink);
  return run;
}

const RUN = '[a-z2-7]{10}';

/** A disk on which one call fails. */
function failing(code: string, fails: { open?: RegExp; write?: boolean; sync?: boolean }): FileSystem {
  const error = () => Object.assign(new Error(`${code}: injected`), { code });
  return {
    ...realFs,
    open: (async (path: string, flags: string) => {
      if (fails.open?.test(path)) throw error();
      const handle = await realFs.open(path, flags);
      if (!path.endsWith('.staged')) return handle;
      return new Proxy(handle, {
        get(target, key) {
          if ((key === 'write' && fails.write) || (key === 'sync' && fails.sync))
            return () => Promise.reject(error());
          const value = Reflect.get(target, key) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        },
      });
    }) as FileSystem['open'],
  };
}

describe('a directory of parts', () => {
  it('shows nothing before a flush, then a whole part and nothing beside it', async () => {
    const path = join(temporaryDirectory(), 'deep', 'out');
    const run = await start(path);
    await run.write(ticks(3));
    expect(readdirSync(path)).toEqual([]);
    const durable = await run.flush();
    expect(durable).toEqual({
      rows: 3,
      position: {
        run: expect.stringMatching(new RegExp(`^${RUN}$`)),
        epoch: 1,
        sequence: 1,
        published: 1,
        staged: [],
        replaces: false,
      },
    });
    const { run: id } = durable.position as { run: string };
    expect(run.sink.outputs()).toEqual([join(path, `job-${id}-00001-000001.jsonl`)]);
    expect(readdirSync(path)).toEqual([`job-${id}-00001-000001.jsonl`]);
    await run.close();
    expect([globbed(path), remainsOf(path)]).toEqual([[0, 1, 2], []]);
  });

  it('holds one part without rows after a run without rows, and no further one where there are some', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, []);
    expect(readdirSync(path)).toHaveLength(1);
    await runWhole(path, ticks(1), { ifExists: 'append' });
    await runWhole(path, [], { ifExists: 'append' });
    expect(readdirSync(path)).toHaveLength(2);
    expect(globbed(path)).toEqual([0]);
    await runWhole(path, [], { ifExists: 'replace' });
    expect(readdirSync(path)).toHaveLength(1);
    expect(globbed(path)).toEqual([]);
  });

  it('is left as it was by a run that ends without a flush', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(2));
    const run = await start(path, { ifExists: 'append' });
    await run.write(ticks(5, 2));
    await run.close();
    expect(globbed(path)).toEqual([0, 1]);
    expect(remainsOf(path)).toEqual([]);
  });

  it('refuses a second run before a row is read, and says what could be done', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(2));
    await expect(start(path)).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
      retryable: false,
      message: expect.stringMatching(/holds 1 file like "job-.*"ifExists: append".*"ifExists: replace"/),
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

  it('takes more parts under a run of its own when it is appended to', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(2));
    await runWhole(path, ticks(2, 2), { ifExists: 'append' });
    const names = readdirSync(path);
    expect(names).toHaveLength(2);
    for (const name of names) expect(name).toMatch(new RegExp(`^job-${RUN}-00001-000001\\.jsonl$`));
    expect(globbed(path)).toEqual([0, 1, 2, 3]);
  });

  it('keeps the old parts until the run that replaces them has flushed', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(2));
    const failed = await start(path, { ifExists: 'replace', rotate: { rows: 2 } });
    await failed.write(ticks(5, 10));
    expect(globbed(path)).toEqual([0, 1]);
    await failed.close();
    expect([globbed(path), remainsOf(path)]).toEqual([[0, 1], []]);

    await runWhole(path, ticks(5, 20), { ifExists: 'replace', rotate: { rows: 2 } });
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
    expect(globbed(path).length).toBeGreaterThan(6);
    expect(remainsOf(path).length).toBeGreaterThan(0);

    const second = await start(path, { resuming: true });
    await second.sink.resume(checkpoint.position);
    expect(globbed(path)).toEqual(upTo(6));
    await second.write(ticks(4, 6));
    const later = await second.flush();
    await second.write(ticks(1, 10));

    const third = await start(path, { resuming: true });
    await third.sink.resume(later.position);
    await third.write(ticks(5, 10));
    expect((await third.flush()).rows).toBe(5);
    await third.close();
    expect(globbed(path)).toEqual(upTo(15));
    expect(remainsOf(path)).toEqual([]);
  });

  it('leaves the rows of another run alone when one goes back to its checkpoint', async () => {
    const path = join(temporaryDirectory(), 'out');
    const crashed = await start(path);
    await crashed.write(ticks(2));
    const checkpoint = await crashed.flush();
    buryRuns(path);
    await runWhole(path, ticks(2, 100), { ifExists: 'append' });
    const resumed = await start(path, { resuming: true });
    await resumed.sink.resume(checkpoint.position);
    await resumed.close();
    expect(globbed(path)).toEqual([0, 1, 100, 101]);
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
    expect(globbed(path)).toEqual([0, 1, 2]);
  });

  it('refuses a checkpoint that is not of this directory', async () => {
    const run = await start(join(temporaryDirectory(), 'out'), { resuming: true });
    await expect(
      run.sink.resume({
        run: 'aaaaaaaaaa',
        epoch: 1,
        sequence: 4,
        published: 4,
        staged: [],
        replaces: false,
      }),
    ).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
    });
    await expect(run.sink.resume('nonsense')).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
    await run.close();
  });

  it('is not replaced under a run that adds to it, though "ifExists" was changed since the checkpoint', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(3, 100));
    const first = await start(path, { ifExists: 'replace', checkpointed: true });
    await first.write(ticks(2));
    const { position } = await first.prepare();
    buryRuns(path);

    const other = await start(path, { ifExists: 'append' });
    await other.write(ticks(1, 50));
    await other.flush();
    const goOn = () => start(path, { ifExists: 'append', checkpointed: true, resuming: true });
    await expect((await goOn()).sink.resume(position)).rejects.toMatchObject({ code: 'OUTPUT_IN_USE' });
    expect(globbed(path)).toEqual([50, 100, 101, 102]);
    await other.close();

    const second = await goOn();
    await second.sink.resume(position);
    await second.flush();
    await second.close();
    expect([globbed(path), remainsOf(path)]).toEqual([[0, 1], []]);
  });

  it('loses nothing that a dead run had published, and keeps nothing of what it had not', async () => {
    const path = join(temporaryDirectory(), 'out');
    const dead = await start(path, { rotate: { rows: 2 } });
    await dead.write(ticks(5));
    expect(remainsOf(path).length).toBeGreaterThan(0);
    buryRuns(path);
    await runWhole(path, ticks(1, 10), { ifExists: 'append' });
    expect(globbed(path)).toEqual([0, 1, 2, 3, 10]);
    expect(remainsOf(path)).toEqual([]);
  });

  it('replaces its parts, however its path is spelled', async () => {
    const path = join(temporaryDirectory(), 'out');
    for (const spelled of [`${join(path, '..')}/./out`, `${path}/`, `${join(path, '..')}//out/../out`]) {
      await runWhole(spelled, ticks(2), { ifExists: 'replace' });
      expect(globbed(path)).toEqual([0, 1]);
    }
  });

  it('leaves a run alone that is at work, when it is refused itself', async () => {
    const path = join(temporaryDirectory(), 'out');
    const working = await start(path, { rotate: { rows: 2 } });
    await working.write(ticks(3));
    for (const ifExists of ['error', 'append', 'replace']) {
      await expect(start(path, { ifExists })).rejects.toMatchObject({
        code: 'OUTPUT_IN_USE',
        retryable: false,
        message: expect.stringMatching(/a run of job "job" \(error, process \d+ on .*path of its own/),
      });
    }
    await working.write(ticks(1, 3));
    await working.flush();
    await working.close();
    expect(globbed(path)).toEqual(upTo(4));
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
    await expect(start(path, { fs: failing('EACCES', { open: /runs\/entering/ }) })).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringMatching(/runs\/entering-.*": permission denied; give this user the right/),
    });
  });

  it('shows no half part where a sync finds the disk full, and may be tried again', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(2));
    let armed = false;
    const broken = failing('ENOSPC', { sync: true });
    const fs: FileSystem = {
      ...realFs,
      open: ((...args: Parameters<FileSystem['open']>) =>
        (armed ? broken : realFs).open(...args)) as FileSystem['open'],
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
    expect([globbed(path), remainsOf(path)]).toEqual([[0, 1], []]);
    await runWhole(path, ticks(5, 2), { ifExists: 'append' });
    expect(globbed(path)).toEqual(upTo(7));
  });

  it('gives a batch back to its pool when it cannot be written', async () => {
    const path = join(temporaryDirectory(), 'out');
    const context = contextOf();
    const pool = poolOf(TICKS, context.dictionaries);
    const options = JsonlSinkOptions.parse({ path });
    const sink = jsonlSink.create(options, TICKS, context, failing('EIO', { open: /job-.*staged/ }));
    await sink.open();
    await expect(sink.write(pooledBatch(pool, ticks(3)))).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    expect(pool.outstanding).toBe(0);
    await sink.close();
  });

  it('refuses a directory of an earlier version, and leaves it as it is', async () => {
    const path = temporaryDirectory();
    writeFileSync(join(path, 'manifest.json'), '{"version":1}');
    for (const ifExists of ['error', 'append', 'replace']) {
      await expect(start(path, { ifExists })).rejects.toMatchObject({
        code: 'OUTPUT_EXISTS',
        message: expect.stringMatching(/manifest\.json" is of an earlier version.*choose another path/),
      });
    }
    expect(readdirSync(path)).toEqual(['manifest.json']);
  });
});

describe('a run without rows, gone on with after all of it is gone', () => {
  it('goes on where it was the first start of a store or a later one', async () => {
    for (const epoch of [1, 2]) {
      const path = join(temporaryDirectory(), 'out');
      await runWhole(path, ticks(2));
      const first = await start(path, { ifExists: 'append', checkpointed: true, epoch });
      await first.prepare(true);
      const { position } = await first.flush();
      await first.close(); // and the store never heard of the end
      const second = await start(path, {
        ifExists: 'append',
        checkpointed: true,
        resuming: true,
        epoch: epoch + 1,
      });
      await second.sink.resume(position);
      await second.flush();
      await second.close();
      expect([globbed(path), remainsOf(path)]).toEqual([[0, 1], []]);
    }
  });
});

describe('a directory whose replacement failed', () => {
  it('before it was decided is added to with its own columns alone', async () => {
    const path = join(temporaryDirectory(), 'out');
    await runWhole(path, ticks(2), { partitionBy: ['hour'] });
    const disk = new CrashingFileSystem();
    const run = await startRun(path, { ifExists: 'replace', fs: disk.fs });
    await run.write(ticks(2, 9));
    disk.between = async (operation) => {
      if (operation.includes('replacing-')) disk.failAt = disk.log.length;
    };
    await expect(run.flush()).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    disk.between = undefined;
    await run.close();
    await expect(runWhole(path, ticks(1), { ifExists: 'append' })).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
    });
    await runWhole(path, ticks(1, 2), { ifExists: 'append', partitionBy: ['hour'] });
    await runWhole(path, ticks(3, 9), { ifExists: 'replace' });
    await runWhole(path, ticks(1, 12), { ifExists: 'append' });
    expect([globbed(path), remainsOf(path)]).toEqual([[9, 10, 11, 12], []]);
  });
});

describe('two runs that begin to append to an empty directory at once', () => {
  it('with other columns are not both let in, in whatever order they look', async () => {
    for (let at = 0; at < 40; at++) {
      const path = join(temporaryDirectory(), 'out');
      const first = new CrashingFileSystem();
      let second: Promise<unknown> | undefined;
      const other = () => {
        const context = contextOf('job', { dictionaries: new DictionarySet() });
        const sink = jsonlSink.create(
          JsonlSinkOptions.parse({ path, ifExists: 'append' }),
          ALL_TYPES,
          context,
        );
        started.push(sink);
        return sink.open();
      };
      first.between = async () => {
        if (first.log.length < at || second) return;
        second = other().then(
          () => 'in',
          (error: { code: string }) => error.code,
        );
        await second;
      };
      const one = await start(path, { ifExists: 'append', fs: first.fs }).then(
        () => 'in',
        (error: { code: string }) => error.code,
      );
      const two = await (second ?? 'late');
      if (two !== 'late') expect([at, [one, two].sort()]).toEqual([at, ['OUTPUT_EXISTS', 'in']]);
      for (const sink of started.splice(0)) await sink.close();
      await first.kill();
    }
  });
});
