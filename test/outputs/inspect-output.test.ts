import { lstatSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import * as real from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FileSystem } from '../../src/outputs/disk/file-system.js';
import { inspectOutput } from '../../src/outputs/inspect/inspect-output.js';
import { stateFolderOf } from '../../src/outputs/runs/state-folder.js';
import { duckdb } from '../stages/sinks/duckdb.js';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { buryRuns, disguiseRuns, makeRun, runWhole, startRun } from '../support/file-runs.js';

const newPath = (name = 'out') => join(temporaryDirectory(), name);

/** All below a folder with what a write would change. */
const snapshot = (folder: string) =>
  (readdirSync(folder, { recursive: true }) as string[]).sort().map((name) => {
    const { mtimeMs, ctimeMs, size, ino } = lstatSync(join(folder, name));
    return [name, mtimeMs, ctimeMs, size, ino];
  });

/** A run that dies with a checkpoint: one part is out, one waits, one is open. */
async function dieWithCheckpoint(path: string, options: object = {}) {
  const run = await startRun(path, { checkpointed: true, rotate: { rows: 2 }, ...options });
  await run.write(ticks(2));
  await run.sink.commit((await run.prepare()).position);
  await run.write(ticks(3, 2));
  const { position } = await run.prepare();
  return { run, position };
}

describe('what counts at a directory', () => {
  it('is exactly what a glob of DuckDB reads, whatever runs have done to it', async () => {
    const step = fc.record({
      rows: fc.integer({ min: 0, max: 7 }),
      rotate: fc.integer({ min: 1, max: 3 }),
      ifExists: fc.constantFrom('append', 'append', 'replace'),
      ends: fc.constantFrom('well', 'after a checkpoint', 'in the middle'),
    });
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(step, { maxLength: 5 }), async (isPartitioned, steps) => {
        const path = newPath();
        mkdirSync(path);
        for (const [i, { rows, rotate, ifExists, ends }] of steps.entries()) {
          const partitionBy = isPartitioned ? { partitionBy: ['symbol'] } : {};
          const options = {
            ifExists,
            rotate: { rows: rotate },
            checkpointed: ends !== 'well',
            ...partitionBy,
          };
          const disk = new CrashingFileSystem();
          const run = await startRun(path, { job: `job-${i}`, fs: disk.fs, ...options });
          await run.write(ticks(rows, 10 * i));
          if (ends === 'after a checkpoint') await run.sink.commit((await run.prepare()).position);
          if (ends === 'well') await run.flush();
          if (ends === 'well') await run.close();
          await disk.kill();
          buryRuns(path);
        }
        const { files, foreign } = await inspectOutput(path);
        const globbed = await duckdb(`SELECT file FROM glob('${path}/**/*.jsonl')`);
        expect(files.map(({ name }) => join(path, name))).toEqual(globbed.map(({ file }) => file).sort());
        expect(files.map(({ bytes }) => bytes)).toEqual(
          files.map(({ name }) => statSync(join(path, name)).size),
        );
        expect(foreign).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it('tells parts of runs from what others put there, and what queries would read of that', async () => {
    const path = newPath();
    await runWhole(path, ticks(3), { rotate: { rows: 2 } });
    const [first] = readdirSync(path).sort() as [string];
    writeFileSync(join(path, 'copy.jsonl'), '');
    writeFileSync(join(path, 'notes.txt'), '');
    writeFileSync(join(path, '.hidden.jsonl'), '');
    mkdirSync(join(path, 'old'));
    symlinkSync(first, join(path, first.replace('000001', '000009')));
    writeFileSync(join(path, 'manifest.json'), '{}');
    const { files, foreign, manifest } = await inspectOutput(path);
    expect(files.map(({ part }) => part?.sequence)).toEqual([1, 2]);
    expect(manifest).toBe(join(path, 'manifest.json'));
    expect(foreign).toEqual([
      { name: '.hidden.jsonl', kind: 'file', isRead: false },
      { name: 'copy.jsonl', kind: 'file', isRead: true },
      { name: first.replace('000001', '000009'), kind: 'link', isRead: true },
      { name: 'notes.txt', kind: 'file', isRead: false },
      { name: 'old', kind: 'directory', isRead: false },
    ]);
  });
});

describe('what does not count yet', () => {
  it('is listed with whose it is, and whether a store may go on with it', async () => {
    const path = newPath();
    const { run } = await dieWithCheckpoint(path, { ifExists: 'append' });
    const other = await startRun(path, { job: 'other', ifExists: 'append' });
    await other.write(ticks(1));
    const live = await inspectOutput(path);
    expect(live.runs.map(({ entry, liveness }) => [entry?.job, liveness])).toEqual([
      ['job', 'live'],
      ['other', 'live'],
    ]);
    expect(live.staged).toHaveLength(2);
    expect(live.staged.find(({ isKept }) => isKept)).toMatchObject({
      run: live.runs[0]!.entry!.run,
      epoch: 1,
      isFenced: false,
      owner: 'live',
    });
    expect(live.staged.find(({ isKept }) => isKept)!.bytes).toBeGreaterThan(0);
    buryRuns(path);
    expect((await inspectOutput(path)).staged.map(({ owner }) => owner)).toEqual(['gone', 'gone']);
    disguiseRuns(path, { host: 'far-away' });
    expect((await inspectOutput(path)).staged.map(({ owner }) => owner)).toEqual(['elsewhere', 'elsewhere']);
    await run.close();
    await other.close();
    const ended = await inspectOutput(path);
    expect([ended.runs, ended.staged.map(({ isKept, owner }) => [isKept, owner])]).toEqual([
      [],
      [[true, 'ended']],
    ]);
  });

  it('is fenced where another owner has taken the run over', async () => {
    const path = newPath();
    const { run, position } = await dieWithCheckpoint(path);
    const next = makeRun(path, { checkpointed: true, resuming: true, rotate: { rows: 2 } });
    await next.sink.open();
    await next.sink.resume(position);
    const { staged } = await inspectOutput(path);
    expect(staged.filter(({ isFenced }) => isFenced).map(({ epoch }) => epoch)).toEqual([1]);
    expect(staged.filter(({ isFenced }) => !isFenced).map(({ epoch }) => epoch)).toEqual([2]);
    await next.close();
    await run.close();
  });

  it('is never missed as it is published, only seen in both places', async () => {
    for (let at = 0, wasReached = true; wasReached; at++) {
      const path = newPath();
      const run = await startRun(path);
      await run.write(ticks(1));
      let looks = 0;
      const publishNow = async () => {
        if (looks++ === at) await run.flush();
      };
      const fs: FileSystem = {
        ...real,
        readdir: (async (folder: string) => {
          await publishNow();
          return real.readdir(folder);
        }) as FileSystem['readdir'],
        lstat: (async (file: string) => {
          await publishNow();
          return real.lstat(file);
        }) as FileSystem['lstat'],
      };
      const { files, staged } = await inspectOutput(path, fs);
      wasReached = looks > at;
      const stagedFiles = staged.reduce((sum, folder) => sum + folder.files, 0);
      expect([at, files.length + stagedFiles]).toEqual([at, expect.toSatisfy((n: number) => n >= 1)]);
      await run.close();
    }
  });

  it('is a decision, too, and one that cannot be understood is told from others', async () => {
    const path = newPath();
    await runWhole(path, ticks(1));
    const state = stateFolderOf(path);
    const [name] = readdirSync(path) as [string];
    const decision = { version: 1, run: 'abcdefghij', old: [name], parts: [] };
    writeFileSync(join(state, 'replacing-abcdefghij-00001.json'), JSON.stringify(decision));
    writeFileSync(join(state, 'replacing-abcdefghik-00001.json'), '{');
    expect((await inspectOutput(path)).replacements.map(({ run, parts }) => [run, parts])).toEqual([
      ['abcdefghij', { old: 1, new: 0 }],
      ['abcdefghik', undefined],
    ]);
  });

  it('has owners that cannot be understood where entries are damaged or links', async () => {
    const path = newPath();
    const run = await startRun(path);
    const runs = join(stateFolderOf(path), 'runs');
    writeFileSync(join(runs, '00002'), 'not JSON');
    writeFileSync(join(runs, '00003'), JSON.stringify({ version: 1, job: 'a', owner: null }));
    symlinkSync('/etc/hostname', join(runs, '00004'));
    const found = (await inspectOutput(path)).runs;
    expect(found.map(({ number, liveness }) => [number, liveness])).toEqual([
      [1, 'live'],
      [2, 'unknown'],
      [3, 'unknown'],
      [4, 'unknown'],
    ]);
    await run.close();
  });
});

describe('looking at an output', () => {
  it.each(['out', 'out.jsonl'])('changes nothing (%s)', async (name) => {
    const path = newPath(name);
    const { run } = await dieWithCheckpoint(path, name === 'out' ? {} : { rotate: undefined });
    buryRuns(path);
    const before = snapshot(join(path, '..'));
    await inspectOutput(path);
    await inspectOutput(join(path, '..', 'nothing'));
    expect(snapshot(join(path, '..'))).toEqual(before);
    await run.close();
  });

  it('finds it through a link, and a single file before it is there', async () => {
    const folder = temporaryDirectory();
    await runWhole(join(folder, 'real'), ticks(1));
    symlinkSync(join(folder, 'real'), join(folder, 'link'));
    const linked = await inspectOutput(join(folder, 'link'));
    expect([linked.output, linked.files.length, linked.hasState]).toEqual([join(folder, 'real'), 1, true]);
    const run = await startRun(join(folder, 'one.jsonl'));
    const before = await inspectOutput(join(folder, 'one.jsonl'));
    expect([before.kind, before.files, before.runs.length]).toEqual(['missing', [], 1]);
    await run.write(ticks(2));
    await run.flush();
    await run.close();
    const after = await inspectOutput(join(folder, 'one.jsonl'));
    expect([after.kind, after.files.length, after.runs]).toEqual(['file', 1, []]);
  });

  it('says of a path that is none what to give instead', async () => {
    const path = newPath();
    await runWhole(path, ticks(1));
    const [name] = readdirSync(path) as [string];
    await expect(inspectOutput(stateFolderOf(path))).rejects.toThrow(`give "${path}"`);
    await expect(inspectOutput(join(path, name))).rejects.toThrow(`give "${path}"`);
    await expect(inspectOutput(join(path, name, 'x'))).rejects.toThrow('a part of the path is a file');
    await expect(inspectOutput('/dev/null')).rejects.toThrow('found a device');
  });

  it('does not follow a link in place of the folder beside it', async () => {
    const path = newPath();
    mkdirSync(path);
    symlinkSync(temporaryDirectory(), stateFolderOf(path));
    await expect(inspectOutput(path)).rejects.toThrow('expected a directory, found a link');
  });

  it.each(['readdir', 'lstat', 'readFile'] as const)('says what it may not look at (%s)', async (call) => {
    const path = newPath();
    const run = await startRun(path);
    const refused = (at: string) =>
      Promise.reject(Object.assign(new Error('EACCES'), { code: 'EACCES', path: at }));
    const fs = { ...real, [call]: refused } as FileSystem;
    if (call === 'readFile') {
      expect((await inspectOutput(path, fs)).runs).toMatchObject([{ liveness: 'unknown' }]);
    } else {
      await expect(inspectOutput(path, fs)).rejects.toMatchObject({
        code: 'INPUT_UNREADABLE',
        message: expect.stringMatching(/^Cannot look at ".*\.out\.tickloom.*": permission denied/),
      });
    }
    await run.close();
  });
});
