import { describe, expect, it } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import { errno, MemoryDisk, memoryFileSystem, type Watch } from '../support/memory-file-system.js';
import { owner, sourceOf } from './checkpoint-of.js';
import { Crash, codeOf, growing, lastIn, operationsOf, saveThrough, stopAt, storeOn } from './store-rig.js';

/** Of `growing` in a store of the rig, 1 has no log, 2 begins one, 3 says the rest itself, 4 adds to the log, and so on. */
const names = (disk: MemoryDisk, ending: string) =>
  disk.names('/store/job').filter((name) => name.endsWith(ending));
const logsOn = (disk: MemoryDisk) => names(disk, '.strings');
/** A claim, checkpoints, logs: not the temporary file that a crash may leave until the next claim. */
const filesOn = (disk: MemoryDisk) => disk.names('/store/job').filter((name) => !name.endsWith('.tmp'));
const pathOf = (name: string) => `/store/job/${name}`;

describe('a store of files whose strings have outgrown the checkpoint', () => {
  it('writes and syncs what is new of them, and that alone', async () => {
    const disk = new MemoryDisk();
    const seen: string[] = [];
    const store = storeOn(disk, (operation, path, when) => {
      const what = path.endsWith('.strings') ? 'log' : path.endsWith('.tmp') ? 'checkpoint' : 'folder';
      if (when === 'after' && operation.startsWith('sync')) seen.push(what);
    });
    const fence = await store.claim('job', owner('a'));
    const syncs: string[] = [];
    /** Of those that are not in the log. */
    const sizes: number[] = [];
    for (let at = 1; at <= 40; at++) {
      seen.length = 0;
      await store.save('job', fence, growing(at));
      syncs.push(seen.join(' '));
      if (seen[0] === 'checkpoint')
        sizes.push(disk.file(pathOf(names(disk, '.checkpoint').at(-1)!)).bytes.length);
    }
    expect(syncs.slice(0, 5)).toEqual([
      'checkpoint folder',
      'log folder',
      'checkpoint folder',
      'log folder',
      'checkpoint folder',
    ]);
    expect(new Set(syncs.slice(2))).toEqual(new Set(['checkpoint folder', 'log folder']));
    expect(Math.max(...sizes)).toBeLessThan(sizes[0]! + 150);
    expect(logsOn(disk)).toHaveLength(1);
    expect(await lastIn(storeOn(disk), growing)).toBe(40);
  });

  it('keeps the log of the checkpoint that a claim has found for as long as that one is kept', async () => {
    const disk = new MemoryDisk();
    await saveThrough(storeOn(disk), growing, 6);
    const [first] = logsOn(disk);
    const next = storeOn(disk);
    const fence = await next.claim('job', owner('b'));
    const [kept, ...others] = logsOn(disk);
    expect(others).toEqual([]);
    expect(kept).not.toBe(first);
    expect(kept!.split('-')[2]).toBe(first!.split('-')[2]);
    await next.save('job', fence, growing(7));
    expect(logsOn(disk)).toHaveLength(2);
    expect(logsOn(disk)).toContain(kept);
    await next.save('job', fence, growing(8));
    expect(logsOn(disk)).toHaveLength(1);
    expect(logsOn(disk)).not.toContain(kept);
    await next.remove('job');
    expect(logsOn(disk)).toEqual([]);
  });

  it('goes on under the same fence after an error of the disk at any operation, and leaves no file behind', async () => {
    /** The second begins a log, the third says the rest, the fourth adds to the log. The watch looks at these. */
    const begun = async (disk: MemoryDisk, watch: Watch) => {
      let isOn = false;
      const store = storeOn(disk, (...step) => (isOn ? watch(...step) : undefined));
      const fence = await saveThrough(store, growing, 1);
      isOn = true;
      return (at: number) => store.save('job', fence, growing(at));
    };
    const all = await operationsOf(async (watch) => {
      const save = await begun(new MemoryDisk(), watch);
      for (let at = 2; at <= 4; at++) await save(at);
    });
    for (let failed = 0; failed < all; failed++) {
      const disk = new MemoryDisk();
      let left = failed;
      const save = await begun(disk, (_operation, path, when) => {
        if (when === 'before' && left-- === 0) throw errno('EIO', path);
      });
      let accepted = 1;
      for (let at = 2; at <= 7; at++) {
        const outcome = await codeOf(save(at));
        expect(['none', 'CHECKPOINT_FAILED'], `at ${failed}`).toContain(outcome);
        for (const isUnsyncedLost of [true, false]) {
          const found = await lastIn(storeOn(disk.afterPowerCut(isUnsyncedLost)), growing);
          expect(outcome === 'none' ? [at] : [accepted, at], `at ${failed}`).toContain(found);
        }
        if (outcome === 'none') accepted = at;
      }
      expect(accepted).toBe(7);
      expect(filesOn(disk), `at ${failed}`).toHaveLength(4);
    }
  });

  it.each(['cut', 'flipped', 'gone'] as const)(
    'goes back to the checkpoint before where the log is damaged for the last one alone (%s)',
    async (damage) => {
      const disk = new MemoryDisk();
      const store = storeOn(disk);
      const fence = await saveThrough(store, growing, 5);
      const [log] = logsOn(disk);
      const before = disk.file(pathOf(log!)).bytes.length;
      const warnings: { err: Error }[] = [];
      if (damage === 'gone') {
        // One begins another log, the next names it, and then it is removed by hand.
        const other = storeOn(disk);
        await other.save('job', fence, growing(5));
        await other.save('job', fence, growing(6));
        await memoryFileSystem(disk).unlink(pathOf(logsOn(disk).find((name) => name !== log)!));
      } else {
        await store.save('job', fence, growing(6));
        const file = disk.file(pathOf(log!));
        expect(file.bytes.length).toBeGreaterThan(before);
        file.bytes = Buffer.from(damage === 'cut' ? file.bytes.subarray(0, -2) : file.bytes);
        if (damage === 'flipped') file.bytes[before + 3]! ^= 1;
      }
      const logger = { ...silentLogger, warn: (fields: never) => warnings.push(fields) } as unknown as Logger;
      const found = await new FileCheckpointStore('/store', { fs: memoryFileSystem(disk), log: logger }).load(
        'job',
      );
      expect(found).toEqual(growing(5));
      expect(warnings).toHaveLength(1);
      expect(warnings[0]!.err.message).toMatch(
        damage === 'gone'
          ? /\.checkpoint: expected the log of its strings beside it, .*found none/
          : damage === 'cut'
            ? /\.checkpoint: expected \d+ bytes behind the first line/
            : /\.checkpoint: expected \d+ bytes of strings/,
      );
      await storeOn(disk).claim('job', owner('b'));
      expect(await lastIn(storeOn(disk), growing)).toBe(5);
    },
  );

  it('says which log is damaged where all checkpoints count on it', async () => {
    const disk = new MemoryDisk();
    await saveThrough(storeOn(disk), growing, 5);
    const path = pathOf(logsOn(disk)[0]!);
    disk.file(path).bytes = Buffer.alloc(0);
    const message = expect.stringMatching(
      /^\/store\/job\/\S+\.strings: expected \d+ bytes .*, found 0 bytes$/,
    );
    await expect(storeOn(disk).load('job')).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID', message });
    await expect(storeOn(disk).claim('job', owner('b'))).rejects.toMatchObject({
      code: 'CHECKPOINT_INVALID',
    });
  });

  it('names no log that was removed under its hands, and begins another one', async () => {
    for (const saved of [4, 5]) {
      // The next one adds to the log, or only names it.
      const disk = new MemoryDisk();
      const store = storeOn(disk);
      const fence = await saveThrough(store, growing, saved + 1);
      const [log] = logsOn(disk);
      await memoryFileSystem(disk).unlink(pathOf(log!));
      await expect(store.save('job', fence, growing(saved + 2))).rejects.toMatchObject({
        code: 'CHECKPOINT_FAILED',
        retryable: true,
      });
      await store.save('job', fence, growing(saved + 3));
      expect(await lastIn(storeOn(disk), growing)).toBe(saved + 3);
      expect(logsOn(disk)).not.toContain(log);
    }
  });

  it('keeps apart what two saves at once write', async () => {
    const disk = new MemoryDisk();
    const store = storeOn(disk);
    const fence = await saveThrough(store, growing, 5);
    await Promise.all([6, 9, 8].map((at) => store.save('job', fence, growing(at))));
    const numbers = names(disk, '.checkpoint').map((name) => name.split('-')[2]!.split('.')[0]);
    expect(new Set(numbers).size).toBe(2);
    expect(await lastIn(storeOn(disk), growing)).toBe(8);
    await store.save('job', fence, growing(10));
    expect(await lastIn(storeOn(disk), growing)).toBe(10);
  });

  it('keeps the log of the checkpoint before where a write has failed and another log was begun', async () => {
    const disk = new MemoryDisk();
    let fails = false;
    const store = storeOn(disk, (operation, path) => {
      if (fails && operation === 'write' && path.endsWith('.strings')) throw errno('EIO', path);
    });
    const fence = await saveThrough(store, growing, 5);
    fails = true;
    await expect(store.save('job', fence, growing(6))).rejects.toMatchObject({ code: 'CHECKPOINT_FAILED' });
    fails = false;
    await store.save('job', fence, growing(7));
    expect(logsOn(disk)).toHaveLength(2);
    const last = disk.file(pathOf(names(disk, '.checkpoint').at(-1)!));
    const { bytes } = last;
    last.bytes = Buffer.alloc(0);
    expect(await lastIn(storeOn(disk), growing)).toBe(5);
    last.bytes = bytes;
    await store.save('job', fence, growing(8));
    expect(logsOn(disk)).toHaveLength(1);
  });

  it.each([
    ['a save', 1],
    ['a claim', 4],
    ['another claim', 5],
  ])(
    'gives what was accepted, whichever names reached the disk before a power cut in %s',
    async (_where, first) => {
      /** One owner saves, and from its `first` on another one that goes on from these. */
      const saving = async (disk: MemoryDisk, watch: Watch, seen: { accepted: number; tried: number }) => {
        if (first > 1) await saveThrough(storeOn(disk), growing, first - 1, seen);
        return saveThrough(storeOn(disk, watch), growing, first + 5, seen);
      };
      const all = await operationsOf((watch) => saving(new MemoryDisk(), watch, { accepted: 0, tried: 0 }));
      for (let at = 0; at <= all; at++) {
        const disk = new MemoryDisk();
        const seen = { accepted: 0, tried: 0 };
        let left = at;
        const crash: Watch = (_operation, _path, when) => {
          if (when === 'before' && left-- <= 0) throw new Crash();
        };
        await saving(disk, crash, seen).catch(() => undefined);
        for (const isLost of [
          (name: string) => name.endsWith('.strings'),
          (name: string) => name.endsWith('.checkpoint'),
          (name: string) => !name.endsWith('.checkpoint'),
          (name: string) => !name.endsWith('.strings'),
        ]) {
          const survivor = disk.afterPowerCut(true, isLost);
          const next = storeOn(survivor);
          const fence = await next.claim('job', owner('b'));
          const found = ((await lastIn(next, growing)) ?? 0) as number;
          expect(found, `at ${at}`).toBeGreaterThanOrEqual(seen.accepted);
          expect(found, `at ${at}`).toBeLessThanOrEqual(seen.tried);
          for (let save = 11; save <= 12; save++) await next.save('job', fence, growing(save));
          expect(await lastIn(storeOn(survivor.afterPowerCut(true)), growing)).toBe(12);
          expect(filesOn(survivor), `at ${at}`).toHaveLength(4);
        }
      }
      expect(all).toBeGreaterThan(60);
    },
  );

  it('names no log of which a sync of its folder has failed, since its name may be lost', async () => {
    const disk = new MemoryDisk();
    let failing: string | undefined;
    const store = storeOn(disk, (operation, path, when) => {
      if (when === 'before' && operation === failing) throw errno('EIO', path);
    });
    const fence = await saveThrough(store, growing, 1);
    failing = 'link'; // the log stays, without a checkpoint
    await expect(store.save('job', fence, growing(2))).rejects.toMatchObject({ code: 'CHECKPOINT_FAILED' });
    failing = 'sync folder';
    await expect(store.save('job', fence, growing(3))).rejects.toMatchObject({ code: 'CHECKPOINT_FAILED' });
    failing = undefined;
    for (const save of [4, 5]) {
      await store.save('job', fence, growing(save));
      expect(await lastIn(storeOn(disk.afterPowerCut(true)), growing)).toBe(save);
    }
  });

  it('goes on with its log where there was no room for what is new, as soon as there is', async () => {
    for (let written = 0; written < 3; written++) {
      const disk = new MemoryDisk();
      let left = Number.POSITIVE_INFINITY;
      const store = storeOn(disk, (operation, path, when) => {
        if (when === 'before' && operation === 'write' && path.endsWith('.strings') && left-- <= 0) {
          throw errno('ENOSPC', path);
        }
      });
      const fence = await saveThrough(store, growing, 5);
      const logs = logsOn(disk);
      for (let at = 6; at <= 8; at++) {
        left = written; // some of the writes, and a part of the strings, get through
        await expect(store.save('job', fence, growing(at))).rejects.toMatchObject({
          cause: expect.objectContaining({ code: 'ENOSPC' }),
        });
        expect(logsOn(disk)).toEqual(logs);
        expect(await lastIn(storeOn(disk.afterPowerCut(false)), growing)).toBe(5);
      }
      left = Number.POSITIVE_INFINITY;
      for (const save of [6, 9, 10]) {
        await store.save('job', fence, growing(save));
        expect(logsOn(disk)).toEqual(logs);
        for (const isLost of [true, false]) {
          expect(await lastIn(storeOn(disk.afterPowerCut(isLost)), growing)).toBe(save);
        }
      }
    }
  });

  it('leaves no part of a log behind for each save that found no room', async () => {
    const disk = new MemoryDisk();
    const store = storeOn(disk, (operation, path) => {
      if (operation === 'sync' && path.endsWith('.strings')) throw errno('ENOSPC', path);
    });
    const fence = await store.claim('job', owner('a'));
    for (let at = 3; at <= 6; at++) {
      await expect(store.save('job', fence, growing(at))).rejects.toMatchObject({
        code: 'CHECKPOINT_FAILED',
        cause: expect.objectContaining({ code: 'ENOSPC' }),
      });
      expect(logsOn(disk)).toEqual([]);
    }
  });

  it('looks once more where a folder was listed while the names in it changed', async () => {
    const disk = new MemoryDisk();
    await saveThrough(storeOn(disk), growing, 5);
    const fs = memoryFileSystem(disk);
    const readdir = fs.readdir as unknown as (path: string) => Promise<string[]>;
    let lists = 0;
    const listsLate = async (path: string) => {
      const all = await readdir(path);
      return lists++ === 0 ? all.filter((name) => !name.endsWith('.strings')) : all;
    };
    const store = new FileCheckpointStore('/store', { fs: { ...fs, readdir: listsLate as never } });
    expect(await lastIn(store, growing)).toBe(5);
    expect(lists).toBe(2);
  });

  it('can be read at any moment of saves and of a claim', async () => {
    const prepared = async () => {
      const disk = new MemoryDisk();
      const store = storeOn(disk);
      return { disk, store, fence: await saveThrough(store, growing, 3) };
    };
    const { disk: quiet } = await prepared();
    const all = await operationsOf((watch) => storeOn(quiet, watch).load('job'));
    for (let at = 0; at < all; at++) {
      for (const when of ['before', 'after'] as const) {
        const { disk, store, fence } = await prepared();
        const stopped = stopAt(at, when);
        const loading = storeOn(disk, stopped.watch).load('job');
        await stopped.isThere;
        for (let next = 4; next <= 6; next++) await store.save('job', fence, growing(next));
        const other = storeOn(disk);
        const later = await other.claim('job', owner('b'));
        for (let next = 7; next <= 9; next++) await other.save('job', later, growing(next));
        stopped.goOn();
        const found = await loading;
        expect(found, `${when} ${at}`).toEqual(growing(sourceOf(found)!));
      }
    }
  });

  it('removes a log after the checkpoints that name it', async () => {
    const disk = new MemoryDisk();
    const removed: string[] = [];
    const watch: Watch = (operation, path, when) => {
      if (operation === 'unlink' && when === 'after') removed.push(path.split('.').at(-1)!);
    };
    await saveThrough(storeOn(disk), growing, 3);
    const store = storeOn(disk, watch);
    const fence = await store.claim('job', owner('b'));
    for (let at = 4; at <= 5; at++) await store.save('job', fence, growing(at));
    expect(removed.filter((ending) => ending !== 'tmp')).toEqual([
      ...['claim', 'checkpoint', 'checkpoint', 'strings'],
      ...['checkpoint', 'strings'],
    ]);
  });

  it('finds what counts though its owner takes back what a claim has just found', async () => {
    const saving = async (disk: MemoryDisk, watch: Watch) => {
      let isOn = false;
      const store = storeOn(disk, (...step) => (isOn ? watch(...step) : undefined));
      const fence = await saveThrough(store, growing, 4);
      isOn = true;
      return store.save('job', fence, growing(5));
    };
    const stopAfterLink = () => {
      const { watch, ...stopped } = stopAt(0, 'after');
      const onLink: Watch = (operation, path, when) =>
        operation === 'link' ? watch(operation, path, when) : undefined;
      return { watch: onLink, ...stopped };
    };
    let isOver = false;
    for (let at = 0; !isOver; at++) {
      const disk = new MemoryDisk();
      const linked = stopAfterLink();
      const outcome = codeOf(saving(disk, linked.watch));
      await linked.isThere;
      const stopped = stopAt(at, 'before');
      const next = storeOn(disk, stopped.watch);
      const claiming = next.claim('job', owner('b'));
      isOver = await Promise.race([stopped.isThere.then(() => false), claiming.then(() => true)]);
      linked.goOn();
      const code = await outcome;
      stopped.goOn();
      const fence = await claiming;
      const found = await lastIn(next, growing);
      expect(code === 'none' ? [5] : [4, 5], `at ${at}`).toContain(found);
      for (let save = 6; save <= 7; save++) await next.save('job', fence, growing(save));
      expect(filesOn(disk), `at ${at}`).toHaveLength(4);
    }
  });

  it('leaves no log that it has begun where another one took over meanwhile', async () => {
    const begin = async (disk: MemoryDisk, watch: Watch) => {
      let isOn = false;
      const store = storeOn(disk, (...step) => (isOn ? watch(...step) : undefined));
      const fence = await saveThrough(store, growing, 1);
      isOn = true;
      return store.save('job', fence, growing(2));
    };
    const all = await operationsOf((watch) => begin(new MemoryDisk(), watch));
    for (let at = 0; at < all; at++) {
      const disk = new MemoryDisk();
      const stopped = stopAt(at, 'before');
      const outcome = codeOf(begin(disk, stopped.watch));
      await stopped.isThere;
      const next = storeOn(disk);
      const fence = await next.claim('job', owner('b'));
      stopped.goOn();
      expect(['none', 'FENCED'], `at ${at}`).toContain(await outcome);
      for (let save = 3; save <= 5; save++) await next.save('job', fence, growing(save));
      expect(filesOn(disk), `at ${at}`).toHaveLength(4);
    }
  });
});
