import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { FileSystem } from '../../src/outputs/disk/file-system.js';
import { inspectOutput } from '../../src/outputs/inspect/inspect-output.js';
import { planRelease, type ReleaseOptions, release } from '../../src/outputs/inspect/release-runs.js';
import { stateFolderOf } from '../../src/outputs/runs/state-folder.js';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { ROWS, runToEnd, TestStore } from '../support/checkpointed-run.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import {
  buryRuns,
  disguiseRuns,
  isOneFile,
  makeRun,
  OUTPUTS,
  read,
  remainsOf,
  runWhole,
  startRun,
  upTo,
} from '../support/file-runs.js';

const newPath = (name = 'out') => join(temporaryDirectory(), name);
const FAR = { host: 'far-away' };

/** As the command does. */
async function releaseAll(path: string, options: ReleaseOptions = {}, fs?: FileSystem) {
  const view = await inspectOutput(path, fs);
  const plan = planRelease(view, options);
  await release(view, plan, fs);
  return plan;
}

/** A run of another host that stands still, after a checkpoint that a store has. */
async function farRun(path: string, store = new TestStore()) {
  const { epoch, save } = store.claim();
  const rotate = isOneFile(path) ? undefined : { rows: 2 };
  const run = await startRun(path, { epoch, checkpointed: true, rotate });
  await run.write(ticks(3));
  const { position } = await run.prepare();
  save(position, 3);
  await run.write(ticks(4, 50));
  disguiseRuns(path, FAR);
  return { run, store, position };
}

describe('a release', () => {
  it.each(OUTPUTS)('lets the next run open what a run of another host held (%s)', async (name) => {
    const path = newPath(name);
    const far = await startRun(path);
    await far.write(ticks(3));
    disguiseRuns(path, FAR);
    await expect(startRun(path)).rejects.toMatchObject({
      code: 'OUTPUT_IN_USE',
      message: expect.stringContaining(`tickloom release "${path}"`),
    });
    const { free } = await releaseAll(path);
    expect(free.map(({ liveness }) => liveness)).toEqual(['elsewhere']);
    expect(remainsOf(path)).toEqual([]);
    await runWhole(path, ticks(2));
    expect(read(path)).toEqual([0, 1]);
    await far.close();
  });

  it.each(OUTPUTS)('leaves what a store can go on with, whoever hands out the epochs (%s)', async (name) => {
    const path = newPath(name);
    const { run, store } = await farRun(path);
    const { keep } = await releaseAll(path);
    expect(keep).toHaveLength(1);
    await runToEnd(path, store);
    expect([read(path), remainsOf(path)]).toEqual([upTo(ROWS), []]);
    await run.close();
  });

  it.each(OUTPUTS)('has a run that was at work after all publish nothing more (%s)', async (name) => {
    const path = newPath(name);
    const { run } = await farRun(path);
    await releaseAll(path);
    const before = read(path);
    await runWhole(path, ticks(2, 90), { ifExists: isOneFile(path) ? 'replace' : 'append' });
    await expect(run.flush()).rejects.toMatchObject({ code: 'FENCED' });
    await run.close();
    expect(read(path)).toEqual(isOneFile(path) ? [90, 91] : [...before, 90, 91]);
  });

  it.each(OUTPUTS)(
    'of what is staged leaves nothing to go on with, and says so to who tries (%s)',
    async (name) => {
      const path = newPath(name);
      const { run, store } = await farRun(path);
      const { remove } = await releaseAll(path, { staged: true });
      expect(remove).toHaveLength(1);
      expect(remainsOf(path)).toEqual([]);
      const before = read(path);
      await expect(runToEnd(path, store)).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
      await expect(run.flush()).rejects.toMatchObject({ code: 'FENCED' });
      expect(read(path)).toEqual(before);
      await run.close();
      await runWhole(path, ticks(1, 90), { ifExists: 'replace' });
      expect(read(path)).toEqual([90]);
    },
  );

  it('does not touch a run at work, and names its process to who asks for it', async () => {
    const path = newPath();
    const run = await startRun(path, { ifExists: 'append', checkpointed: true });
    await run.write(ticks(2));
    await run.prepare();
    const view = await inspectOutput(path);
    const { live, ...others } = await releaseAll(path, { staged: true });
    expect([live.length, others]).toEqual([1, { free: [], bury: [], remove: [], keep: [], finish: [] }]);
    expect(() => planRelease(view, { run: view.runs[0]!.entry!.run })).toThrow(
      new RegExp(`process ${process.pid} on .* is at work .* is not released`),
    );
    await run.flush();
    await run.close();
    expect(read(path)).toEqual([0, 1]);
  });

  it('leaves entries of a run alone that was gone on with here', async () => {
    const path = newPath();
    const { run, position } = await farRun(path);
    const next = makeRun(path, { checkpointed: true, resuming: true, rotate: { rows: 2 } });
    await next.sink.open();
    await next.sink.resume(position);
    const { live, ...others } = await releaseAll(path, { staged: true });
    expect([live.length, others]).toEqual([1, { free: [], bury: [], remove: [], keep: [], finish: [] }]);
    await next.write(ticks(2, 3));
    await next.flush();
    await next.close();
    await run.close();
    expect(read(path)).toEqual(upTo(5));
  });

  it('of one run leaves the others, and names those there are to who asks for none of them', async () => {
    const path = newPath();
    const runs = [];
    for (const job of ['a', 'b']) {
      const run = await startRun(path, { job, ifExists: 'append' });
      await run.write(ticks(1));
      runs.push(run);
    }
    disguiseRuns(path, FAR);
    const view = await inspectOutput(path);
    const [first, second] = view.runs.map(({ entry }) => entry!.run) as [string, string];
    expect(() => planRelease(view, { run: 'nobody' })).toThrow(
      expect.objectContaining({
        code: 'RUN_UNKNOWN',
        message: expect.stringContaining(`there is ${first}, ${second}`),
      }),
    );
    await releaseAll(path, { run: first });
    expect((await inspectOutput(path)).runs.map(({ entry }) => entry?.run)).toEqual([second]);
    for (const run of runs) await run.close();
  });

  it('cleans up after runs that have died, as the next run would', async () => {
    const path = newPath();
    const disk = new CrashingFileSystem();
    const dead = await startRun(path, { fs: disk.fs });
    await dead.write(ticks(1));
    await disk.kill();
    buryRuns(path);
    const { bury } = await releaseAll(path);
    expect([bury.length, remainsOf(path)]).toEqual([1, []]);
  });

  it('frees an output from an entry that nobody understands, but empties nothing behind a link', async () => {
    const path = newPath();
    await runWhole(path, ticks(1));
    const runs = join(stateFolderOf(path), 'runs');
    writeFileSync(join(runs, '00002'), 'not JSON');
    await expect(startRun(path, { ifExists: 'replace' })).rejects.toThrow(`tickloom release "${path}"`);
    await releaseAll(path);
    await runWhole(path, ticks(1), { ifExists: 'replace' });
    const victim = join(temporaryDirectory(), 'theirs');
    writeFileSync(victim, 'as it was');
    symlinkSync(victim, join(runs, '00009'));
    await expect(releaseAll(path)).rejects.toThrow('is not a file');
    expect(readFileSync(victim, 'utf8')).toBe('as it was');
  });

  it('finishes a replacement that was decided before its parts go', async () => {
    for (const options of [{}, { staged: true }]) {
      for (let at = 0, wasReached = true; wasReached; at++) {
        const path = newPath();
        await runWhole(path, ticks(2));
        const disk = new CrashingFileSystem();
        disk.stopAt = at;
        await runWhole(path, ticks(2, 50), { ifExists: 'replace', fs: disk.fs }).catch(() => undefined);
        await disk.kill();
        wasReached = disk.log.length > at;
        const wasDecided = readdirSync(stateFolderOf(path)).some((name) => name.startsWith('replacing-'));
        disguiseRuns(path, FAR);
        await releaseAll(path, options);
        const rows = wasDecided || !wasReached ? [50, 51] : read(path);
        expect([at, read(path)]).toEqual([at, rows]);
        expect([at, [0, 50]]).toEqual([at, expect.arrayContaining([rows[0]])]);
        const after = await inspectOutput(path);
        expect([at, after.replacements, after.staged, after.runs]).toEqual([at, [], [], []]);
      }
    }
  });
});

describe('beside others, a release', () => {
  it('that dies at any operation is finished by the next one, and loses no row of a checkpoint', async () => {
    for (const name of OUTPUTS) {
      for (let at = 0, wasReached = true; wasReached; at++) {
        const path = newPath(name);
        const { run, store } = await farRun(path);
        const disk = new CrashingFileSystem();
        disk.stopAt = at;
        await releaseAll(path, {}, disk.fs).catch(() => undefined);
        await disk.kill();
        wasReached = disk.log.length > at;
        await releaseAll(path);
        await runToEnd(path, store);
        expect([name, at, read(path), remainsOf(path)]).toEqual([name, at, upTo(ROWS), []]);
        await run.close();
      }
    }
  });

  it('of what is staged leaves nothing when the next one has ended, wherever the first one died', async () => {
    for (let at = 0, wasReached = true; wasReached; at++) {
      const path = newPath();
      const { run } = await farRun(path);
      const disk = new CrashingFileSystem();
      disk.stopAt = at;
      await releaseAll(path, { staged: true }, disk.fs).catch(() => undefined);
      await disk.kill();
      wasReached = disk.log.length > at;
      await releaseAll(path, { staged: true });
      expect([at, remainsOf(path)]).toEqual([at, []]);
      await run.close();
    }
  });

  it('may be another release, at any operation', async () => {
    for (const options of [{}, { staged: true }]) {
      for (let at = 0, wasReached = true; wasReached; at++) {
        const path = newPath();
        const { run, store } = await farRun(path);
        const disk = new CrashingFileSystem();
        let second: Promise<unknown> | undefined;
        disk.between = async () => {
          if (disk.log.length < at) return;
          second ??= releaseAll(path, options);
          await second;
        };
        await releaseAll(path, options, disk.fs);
        await disk.kill();
        wasReached = disk.log.length > at;
        if (!options.staged) {
          await runToEnd(path, store);
          expect([at, read(path)]).toEqual([at, upTo(ROWS)]);
        }
        expect([at, remainsOf(path)]).toEqual([at, []]);
        await run.close();
      }
    }
  });

  it('may be a run that starts, which is refused or has the output to itself', async () => {
    let opened = 0;
    let refused = 0;
    for (let at = 0, wasReached = true; wasReached; at++) {
      const path = newPath();
      const far = await startRun(path);
      await far.write(ticks(3));
      disguiseRuns(path, FAR);
      const disk = new CrashingFileSystem();
      let start: Promise<unknown> | undefined;
      disk.between = async () => {
        if (disk.log.length < at) return;
        start ??= runWhole(path, ticks(2)).then(
          () => opened++,
          (error: { code?: string }) => {
            expect(error.code).toBe('OUTPUT_IN_USE');
            refused++;
          },
        );
        await start;
      };
      await releaseAll(path, {}, disk.fs);
      await disk.kill();
      wasReached = disk.log.length > at;
      expect([at, [[], [0, 1]]]).toEqual([at, expect.arrayContaining([read(path)])]);
      await runWhole(path, ticks(1, 9), { ifExists: 'append' });
      expect([at, remainsOf(path)]).toEqual([at, []]);
      await far.close();
    }
    expect(refused).toBeGreaterThan(0);
    expect(opened + refused).toBeGreaterThan(3);
  });

  it('may be the run that is gone on with: all its rows are there, or it is told', async () => {
    for (const options of [{}, { staged: true }]) {
      for (let at = 0, wasReached = true; wasReached; at++) {
        const path = newPath();
        const { run, store } = await farRun(path);
        const disk = new CrashingFileSystem();
        let next: Promise<unknown> | undefined;
        disk.between = async () => {
          if (disk.log.length < at) return;
          next ??= runToEnd(path, store).then(
            () => 'ended',
            (error: { code?: string }) => error.code,
          );
          await next;
        };
        await releaseAll(path, options, disk.fs);
        await disk.kill();
        wasReached = disk.log.length > at;
        const outcome = await next;
        if (outcome === 'ended') expect([at, read(path)]).toEqual([at, upTo(ROWS)]);
        else if (wasReached) expect([at, outcome]).toEqual([at, 'CHECKPOINT_INVALID']);
        await run.close();
      }
    }
  });
});
