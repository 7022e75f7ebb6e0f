import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Disk } from '../../src/outputs/disk/disk.js';
import { makeFolders } from '../../src/outputs/parts/partition-folders.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import { temporaryDirectory, ticks } from '../stages/sinks/sink-rows.js';
import { ROWS, runToEnd, TestStore } from '../support/checkpointed-run.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { operations } from '../support/deep.js';
import { globbed, runWhole, startRun, upTo } from '../support/file-runs.js';

const fast = () => new CrashingFileSystem().fs;
/** Written by partition. */
const newPath = () => join(temporaryDirectory(), 'parted');

/** As a run does that has removed what was in them. */
function removeEmptyFolders(path: string): void {
  if (!existsSync(path)) return;
  for (const found of readdirSync(path, { withFileTypes: true })) {
    if (!found.isDirectory()) continue;
    const folder = join(path, found.name);
    removeEmptyFolders(folder);
    if (readdirSync(folder).length === 0) rmdirSync(folder);
  }
}

/** Where a run moves its parts, and when: places in the log of the disk. */
const movesIn = (disk: CrashingFileSystem) =>
  disk.log.flatMap((line, at) => {
    const [, to] = /^rename .* -> (.*\/parted\/.*\.jsonl)$/.exec(line) ?? [];
    return to === undefined ? [] : [{ at, folder: dirname(to) }];
  });

describe('a folder of a partition that exists already', () => {
  it('is on the disk, with those around it, before a part is moved into it', async () => {
    const path = newPath();
    await runWhole(path, ticks(4), { ifExists: 'append', fs: fast() });
    const disk = new CrashingFileSystem();
    await runWhole(path, ticks(4, 100), { ifExists: 'append', rotate: { rows: 2 }, fs: disk.fs });
    const moves = movesIn(disk);
    expect(moves.length).toBeGreaterThan(1);
    for (const { at, folder } of moves) {
      for (let inside = folder; inside !== path; inside = dirname(inside)) {
        const synced = disk.log.indexOf(`sync ${dirname(inside)}`);
        expect([inside, synced >= 0 && synced < at]).toEqual([inside, true]);
      }
    }
  });
});

describe('a folder of a partition that another run has removed and a third one made anew', () => {
  it('is on the disk before a part is moved into it', async () => {
    const path = newPath();
    const folder = join(path, 'symbol=A');
    mkdirSync(path);
    const file = new CrashingFileSystem();
    const disk = new Disk(file.fs, silentLogger);
    await makeFolders(disk, path, ['symbol=A/1.jsonl']);
    const isSynced = async () => {
      const before = file.log.length;
      await makeFolders(disk, path, ['symbol=A/2.jsonl']);
      return file.log.slice(before).includes(`sync ${path}`);
    };
    await isSynced(); // a new one, once more
    expect(await isSynced()).toBe(false);
    const { birthtimeMs } = statSync(folder);
    for (let tries = 0; tries < 100 && statSync(folder).birthtimeMs === birthtimeMs; tries++) {
      rmdirSync(folder);
      await sleep(10); // its number may be the same, but not its birth
      mkdirSync(folder);
    }
    expect(await isSynced()).toBe(true);
    expect(await isSynced()).toBe(false);
  });
});

describe('a new folder of a partition', () => {
  it('is on the disk, with those around it, before a part is moved into it', async () => {
    const path = newPath();
    const disk = new CrashingFileSystem();
    await runWhole(path, ticks(4), { rotate: { rows: 2 }, fs: disk.fs });
    const moves = movesIn(disk);
    expect(moves.length).toBeGreaterThan(1);
    for (const { at, folder } of moves) {
      for (let inside = folder; inside !== path; inside = dirname(inside)) {
        const made = disk.log.indexOf(`mkdir ${inside}`);
        const synced = disk.log.indexOf(`sync ${dirname(inside)}`, made);
        expect([inside, made >= 0, synced > made && synced < at]).toEqual([inside, true, true]);
      }
    }
  });
});

describe('folders of partitions that another run removes while they are empty', () => {
  /** @returns Whether there was such an operation. */
  async function removedAt(at: number, path: string, act: (fs: CrashingFileSystem['fs']) => Promise<void>) {
    const disk = new CrashingFileSystem();
    disk.between = async () => {
      if (disk.log.length === at) removeEmptyFolders(path);
    };
    await act(disk.fs);
    await disk.kill();
    return disk.log.length > at;
  }

  it('are made again by a run that has parts for them', async () => {
    for (const at of operations()) {
      const path = newPath();
      const reached = await removedAt(at, path, (fs) =>
        runWhole(path, ticks(ROWS), { rotate: { rows: 2 }, fs }),
      );
      expect([at, globbed(path)]).toEqual([at, upTo(ROWS)]);
      if (!reached) break;
    }
  });

  it('are made again by whoever takes a run over, and publishes what its checkpoint lists', async () => {
    for (const at of operations()) {
      const path = newPath();
      const store = new TestStore();
      const { epoch, save } = store.claim();
      const first = await startRun(path, { epoch, checkpointed: true, rotate: { rows: 2 }, fs: fast() });
      await first.write(ticks(7));
      save((await first.prepare()).position, 7);
      const reached = await removedAt(at, path, (fs) => runToEnd(path, store, { fs }));
      await first.close();
      expect([at, globbed(path)]).toEqual([at, upTo(ROWS)]);
      if (!reached) break;
    }
  });

  it('are made again by a run that replaces what was there', async () => {
    for (const at of operations()) {
      const path = newPath();
      await runWhole(path, ticks(3, 100), { fs: fast() });
      const reached = await removedAt(at, path, (fs) =>
        runWhole(path, ticks(ROWS), { ifExists: 'replace', rotate: { rows: 2 }, fs }),
      );
      expect([at, globbed(path)]).toEqual([at, upTo(ROWS)]);
      if (!reached) break;
    }
  });

  it('are not waited for where the whole output is gone', async () => {
    const path = newPath();
    const run = await startRun(path, { fs: fast() });
    await run.write(ticks(ROWS));
    rmdirSync(path);
    await expect(run.flush()).rejects.toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining('was the directory removed during the run?'),
    });
    await run.close();
  });
});

describe('folders of partitions that another run has made and not synced', () => {
  it('survive a power cut with the parts that a run has published in them', async () => {
    const path = newPath();
    const disk = new CrashingFileSystem();
    const append = (second: number) => runWhole(path, ticks(1, second), { ifExists: 'append', fs: disk.fs });
    // Of the folder that others are made in.
    disk.between = async (operation) => {
      if (operation === `sync ${path}`) disk.failAt = disk.log.length;
    };
    await expect(append(99)).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    disk.between = undefined;
    await append(0);
    await disk.cutPower();
    expect(globbed(path)).toContain(0);
  });
});
