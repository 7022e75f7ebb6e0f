import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { ROWS, runToEnd, TestStore } from '../support/checkpointed-run.js';
import { crashAt, ENDS, everyOperation, needless } from '../support/crash-at.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { buryRuns, OUTPUTS, read, remainsOf, runWhole, startRun, upTo } from '../support/file-runs.js';

/** What is replaced. */
const OLD = upTo(3, 100);

const fast = () => new CrashingFileSystem().fs;

/** Of the run, whoever owns it. */
const files = (path: string): string[] =>
  remainsOf(path)
    .filter((name) => name.endsWith('.staged'))
    .map((name) => basename(name));

describe.each(ENDS)('a run that $end before any operation', (end) => {
  it.each(OUTPUTS)('gives every row once when it is gone on with, in %s', async (name) => {
    const reached = await everyOperation(name, async (at, path) => {
      const store = new TestStore();
      const reached = await crashAt(at, end, path, (fs) => runToEnd(path, store, { fs }));
      await runToEnd(path, store, { fs: fast() });
      expect([at, read(path)]).toEqual([at, upTo(ROWS)]);
      expect([at, needless(path, end)]).toEqual([at, []]);
      return reached;
    });
    expect(reached).toBeGreaterThan(80);
  });

  it.each(['out.jsonl', 'zipped', 'parted'])(
    'gives every row once when a takeover is what it did, in %s',
    async (name) => {
      await everyOperation(name, async (at, path) => {
        const store = new TestStore();
        const { epoch, save } = store.claim();
        const first = await startRun(path, { epoch, checkpointed: true, fs: fast() });
        await first.write(ticks(3));
        const { position } = await first.prepare();
        save(position, 3);
        await first.write(ticks(3, 50)); // and it stands still from here on
        const reached = await crashAt(at, end, path, (fs) => runToEnd(path, store, { fs }));
        await runToEnd(path, store, { fs: fast() });
        expect([at, read(path)]).toEqual([at, upTo(ROWS)]);

        // The first owner wakes up.
        await expect(first.sink.commit(position).then(() => first.flush())).rejects.toMatchObject({
          code: 'FENCED',
        });
        await first.close();
        expect([at, read(path), needless(path, end)]).toEqual([at, upTo(ROWS), []]);
        return reached;
      });
    },
  );

  it.each(['out', 'parted'])(
    'shows the old parts or the new ones, never both, when it replaces, in %s',
    async (name) => {
      const seen = new Set<string>();
      await everyOperation(name, async (at, path) => {
        await runWhole(path, ticks(3, 100), { rotate: { rows: 2 }, fs: fast() });
        const reached = await crashAt(at, end, path, (fs) =>
          runWhole(path, ticks(ROWS), { ifExists: 'replace', rotate: { rows: 2 }, fs }),
        );
        const meanwhile = read(path);
        const isOld = meanwhile.every((row) => OLD.includes(row));
        expect([at, isOld || meanwhile.every((row) => row < ROWS)]).toEqual([at, true]);
        // Whoever opens it next finishes what was decided.
        await runWhole(path, [], { ifExists: 'append', fs: fast() });
        const found = read(path).join();
        expect([at, needless(path, end)]).toEqual([at, []]);
        expect([OLD.join(), upTo(ROWS).join()]).toContain(found);
        seen.add(found);
        return reached;
      });
      expect(seen.size).toBe(2);
    },
  );

  it('shows the old parts or none, when it replaces partitions and has no row', async () => {
    const seen = new Set<string>();
    await everyOperation('parted', async (at, path) => {
      await runWhole(path, ticks(3, 100), { rotate: { rows: 2 }, fs: fast() });
      const reached = await crashAt(at, end, path, (fs) => runWhole(path, [], { ifExists: 'replace', fs }));
      await runWhole(path, [], { ifExists: 'append', fs: fast() });
      expect([at, needless(path, end)]).toEqual([at, []]);
      expect(['', OLD.join()]).toContain(read(path).join());
      seen.add(read(path).join());
      return reached;
    });
    expect(seen.size).toBe(2);
  });

  it('replaces once, and leaves what is added later, when a store decides', async () => {
    await everyOperation('out', async (at, path) => {
      const store = new TestStore();
      await runWhole(path, ticks(3, 100), { rotate: { rows: 2 }, fs: fast() });
      const reached = await crashAt(at, end, path, (fs) =>
        runToEnd(path, store, { ifExists: 'replace', fs }),
      );
      await runToEnd(path, store, { ifExists: 'replace', fs: fast() });
      expect([at, read(path)]).toEqual([at, upTo(ROWS)]);
      expect([at, needless(path, end)]).toEqual([at, []]);
      return reached;
    });
  });

  it('leaves whole parts and the rows in order, where no store decides', async () => {
    await everyOperation('out', async (at, path) => {
      const reached = await crashAt(at, end, path, (fs) =>
        runWhole(path, ticks(ROWS), { rotate: { rows: 2 }, fs }),
      );
      const found = read(path);
      expect([at, found]).toEqual([at, upTo(found.length)]);
      await runWhole(path, ticks(1, 500), { ifExists: 'append', fs: fast() });
      expect([at, read(path), needless(path, end)]).toEqual([at, [...found, 500], []]);
      return reached;
    });
  });
});

describe('a file system that fails once', () => {
  it.each(['zipped', 'out.jsonl.gz', 'parted'])(
    'costs no row and doubles none, whatever it fails at, in %s',
    async (name) => {
      await everyOperation(name, async (at, path) => {
        const store = new TestStore();
        const disk = new CrashingFileSystem();
        disk.failAt = at;
        let failure: unknown;
        await runToEnd(path, store, { fs: disk.fs }).catch((error: unknown) => {
          failure = error;
        });
        const reached = disk.log.length > at;
        const operation = disk.log[at];
        await disk.kill();
        if (failure) {
          expect([operation, failure]).toMatchObject([
            operation,
            { code: expect.stringMatching(/^(OUTPUT_FAILED|FENCED)$/) },
          ]);
          buryRuns(path);
          await runToEnd(path, store, { fs: fast() });
        }
        expect([at, operation, read(path)]).toEqual([at, operation, upTo(ROWS)]);
        return reached;
      });
    },
  );

  it.each(['by', 'out', 'out.jsonl', 'out.jsonl.gz'])(
    'leaves no descriptor and no copy of a resume that it made fail, in %s',
    async (name) => {
      const options = {
        checkpointed: true,
        ...(name === 'by' && { partitionBy: ['hour'], compression: 'gzip' }),
      };
      const reached = await everyOperation(name, async (at, path) => {
        const first = await startRun(path, { ...options, fs: fast() });
        await first.write([...ticks(2), ...ticks(2, 3_600), ...ticks(2, 7_200)]);
        const { position } = await first.prepare();
        await first.close();
        const before = files(path);

        const disk = new CrashingFileSystem();
        const second = await startRun(path, { ...options, resuming: true, fs: disk.fs });
        disk.failAt = disk.log.length + at;
        const failure = await second.sink.resume(position).then(
          () => undefined,
          (error: unknown) => error,
        );
        const failed = disk.log[disk.failAt];
        disk.failAt = Number.POSITIVE_INFINITY;
        await second.close();
        expect([failed, disk.openHandles]).toEqual([failed, 0]);
        if (failure) expect([failed, files(path)]).toEqual([failed, before]);
        return failed !== undefined;
      });
      expect(reached).toBeGreaterThan(20);
    },
  );

  it.each(['out', 'out.jsonl', 'out.jsonl.gz'])(
    'leaves nothing of a run whose first checkpoint could not be synced, in %s',
    async (name) => {
      const path = join(temporaryDirectory(), name);
      const disk = new CrashingFileSystem();
      const run = await startRun(path, { checkpointed: true, fs: disk.fs });
      await run.write(ticks(2));
      disk.between = async (operation) => {
        if (operation.startsWith('sync ')) disk.failAt = disk.log.length;
      };
      await expect(run.prepare()).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
      disk.between = undefined;
      disk.failAt = Number.POSITIVE_INFINITY;
      await run.close();
      expect(remainsOf(path)).toEqual([]);
    },
  );

  it('hands out no position when a part fails to end while the folder is synced', async () => {
    const path = join(temporaryDirectory(), 'out');
    const disk = new CrashingFileSystem();
    const run = await startRun(path, { checkpointed: true, rotate: { rows: 3 }, fs: disk.fs });
    await run.write(ticks(2));
    let goOn = () => {};
    const reached = new Promise<void>((resolve) => {
      disk.between = async (operation) => {
        if (!/^sync .*\.tickloom\/\w+\/[\w-]+$/.test(operation)) return;
        disk.between = undefined;
        resolve();
        await new Promise<void>((released) => {
          goOn = released;
        });
      };
    });
    const prepared = run.prepare().catch((error: unknown) => error);
    await reached;
    disk.between = async (operation) => {
      if (operation.startsWith('sync ')) disk.failAt = disk.log.length;
    };
    await expect(run.write(ticks(1, 2))).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    disk.between = undefined;
    goOn();
    expect(await prepared).toMatchObject({ code: 'OUTPUT_FAILED' });
    await run.close();
  });

  it.each(['zipped', 'parted'])(
    'costs no row and doubles none when a takeover is what fails, in %s',
    async (name) => {
      await everyOperation(name, async (at, path) => {
        const store = new TestStore();
        const { epoch, save } = store.claim();
        const options = { epoch, checkpointed: true, rotate: { rows: 2 } };
        const first = await startRun(path, { ...options, fs: fast() });
        await first.write(ticks(4));
        save((await first.prepare()).position, 4);
        await first.write(ticks(3, 50));
        const disk = new CrashingFileSystem();
        disk.failAt = at;
        await runToEnd(path, store, { fs: disk.fs }).catch((error: unknown) => {
          expect([disk.log[at], error]).toMatchObject([disk.log[at], { code: 'OUTPUT_FAILED' }]);
        });
        const operation = disk.log[at];
        await disk.kill();
        await runToEnd(path, store, { fs: fast() });
        await first.close();
        expect([at, operation, read(path)]).toEqual([at, operation, upTo(ROWS)]);
        return operation !== undefined;
      });
    },
  );

  it.each(['out', 'parted'])(
    'leaves the old parts or the new ones and no others, when it replaces, in %s',
    async (name) => {
      const seen = new Set<string>();
      await everyOperation(name, async (at, path) => {
        await runWhole(path, ticks(3, 100), { rotate: { rows: 2 }, fs: fast() });
        const disk = new CrashingFileSystem();
        disk.failAt = at;
        const options = { ifExists: 'replace', rotate: { rows: 2 }, fs: disk.fs };
        const isDone = await runWhole(path, ticks(ROWS), options).then(
          () => true,
          () => false,
        );
        const operation = disk.log[at];
        await disk.kill();
        buryRuns(path);
        await runWhole(path, [], { ifExists: 'append', fs: fast() });
        const found = read(path).join();
        expect([at, operation, isDone ? [upTo(ROWS).join()] : [OLD.join(), upTo(ROWS).join()]]).toEqual([
          at,
          operation,
          expect.arrayContaining([found]),
        ]);
        // An empty folder that could not be removed stays.
        const mayRemain = operation?.startsWith('rmdir ') === true;
        expect([at, operation, needless(path, { powerCut: mayRemain })]).toEqual([at, operation, []]);
        seen.add(found);
        return operation !== undefined;
      });
      expect(seen.size).toBe(2);
    },
  );

  it('ends the run when it is a sync that fails, which may be tried again, and shows nothing after it', async () => {
    const reached = await everyOperation('out', async (at, path) => {
      const disk = new CrashingFileSystem();
      disk.failAt = at;
      const failure = await runToEnd(path, new TestStore(), { fs: disk.fs }).then(
        () => undefined,
        (error: unknown) => error,
      );
      const isSync = disk.log[at]?.startsWith('sync ');
      const after = disk.log
        .slice(at)
        .filter((line) => line.startsWith('rename ') && line.endsWith('.jsonl'));
      if (isSync && failure) {
        expect([disk.log[at], failure]).toMatchObject([
          disk.log[at],
          { code: 'OUTPUT_FAILED', retryable: true },
        ]);
        expect([disk.log[at], after]).toEqual([disk.log[at], []]);
      }
      // Only the entry of a run that has ended may be a little less durable.
      if (isSync && !failure) expect(disk.log[at]).toMatch(/runs(\/ended-\d+)?$/);
      await disk.kill();
      return disk.log.length > at;
    });
    expect(reached).toBeGreaterThan(80);
  });
});
