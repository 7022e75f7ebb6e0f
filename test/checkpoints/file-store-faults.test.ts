import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CheckpointStore, Fence } from '../../src/checkpoints/checkpoint-store.js';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { RuntimeError } from '../../src/core/errors.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import { errno, MemoryDisk, memoryFileSystem, type Watch } from '../support/memory-file-system.js';
import { checkpointOf, owner, sourceOf } from './checkpoint-of.js';

const storeOn = (disk: MemoryDisk, watch?: Watch): CheckpointStore =>
  new FileCheckpointStore('/store', { fs: memoryFileSystem(disk, watch) });

/** Checkpoints 1, 2, 3 … of one owner. `accepted` is the last whose save settled well, `tried` the last one begun. */
async function saveThrough(store: CheckpointStore, saves: number, seen: { accepted: number; tried: number }) {
  const fence = await store.claim('job', owner('a'));
  for (let at = seen.accepted + 1; at <= saves; at++) {
    seen.tried = at;
    await store.save('job', fence, checkpointOf(at));
    seen.accepted = at;
  }
}

/** How many operations it takes. */
async function operationsOf(work: (watch: Watch) => Promise<unknown>): Promise<number> {
  let operations = 0;
  await work((_operation, _path, when) => {
    if (when === 'before') operations++;
  });
  return operations;
}

class Crash extends Error {}

describe('a store of files', () => {
  it('gives what was accepted, or the one that was being saved, after a power cut at any operation', async () => {
    const all = await operationsOf((watch) =>
      saveThrough(storeOn(new MemoryDisk(), watch), 3, { accepted: 0, tried: 0 }),
    );
    expect(all).toBeGreaterThan(30);
    for (let at = 0; at <= all; at++) {
      for (const isUnsyncedLost of [true, false]) {
        const disk = new MemoryDisk();
        const seen = { accepted: 0, tried: 0 };
        let left = at;
        const store = storeOn(disk, (_operation, _path, when) => {
          if (when === 'before' && left-- <= 0) throw new Crash();
        });
        await saveThrough(store, 3, seen).catch(() => undefined);

        const survivor = disk.afterPowerCut(isUnsyncedLost);
        const next = storeOn(survivor);
        const fence = await next.claim('job', owner('b'));
        const found = (sourceOf(await next.load('job')) ?? 0) as number;
        expect(found, `at ${at}`).toBeGreaterThanOrEqual(seen.accepted);
        expect(found, `at ${at}`).toBeLessThanOrEqual(seen.tried);
        await next.save('job', fence, checkpointOf(found + 10));
        expect(sourceOf(await storeOn(survivor.afterPowerCut(true)).load('job'))).toBe(found + 10);
      }
    }
  });

  it('gives the same after a power cut in a claim, however often', async () => {
    const disk = new MemoryDisk();
    await saveThrough(storeOn(disk), 3, { accepted: 0, tried: 0 });
    const all = await operationsOf((watch) =>
      storeOn(disk.afterPowerCut(true), watch).claim('job', owner('b')),
    );
    for (let at = 0; at <= all; at++) {
      for (const isUnsyncedLost of [true, false]) {
        let survivor = disk;
        for (let times = 0; times < 3; times++) {
          survivor = survivor.afterPowerCut(isUnsyncedLost);
          let left = at;
          const broken = storeOn(survivor, (_operation, _path, when) => {
            if (when === 'before' && left-- <= 0) throw new Crash();
          });
          await broken.claim('job', owner('b')).catch(() => undefined);
        }
        const next = storeOn(survivor.afterPowerCut(isUnsyncedLost));
        expect(sourceOf(await next.load('job'))).toBe(3);
        await next.claim('job', owner('c'));
        expect(sourceOf(await next.load('job'))).toBe(3);
      }
    }
  });

  it('tells of an error of the disk at any operation, loses nothing by it, and goes on', async () => {
    const all = await operationsOf((watch) =>
      saveThrough(storeOn(new MemoryDisk(), watch), 2, { accepted: 0, tried: 0 }),
    );
    for (let at = 0; at < all; at++) {
      const disk = new MemoryDisk();
      const seen = { accepted: 0, tried: 0 };
      let left = at;
      const store = storeOn(disk, (_operation, path, when) => {
        if (when === 'before' && left-- === 0) throw errno('EIO', path);
      });
      const failed = await saveThrough(store, 2, seen).then(
        () => undefined,
        (error: unknown) => error as RuntimeError,
      );
      // Clearing up may fail without a word.
      if (failed) expect(failed, `at ${at}`).toMatchObject({ code: 'CHECKPOINT_FAILED', retryable: true });
      const found = (sourceOf(await store.load('job')) ?? 0) as number;
      expect([seen.accepted, seen.tried]).toContain(found);
      await saveThrough(store, 5, seen);
      expect(sourceOf(await storeOn(disk.afterPowerCut(true)).load('job'))).toBe(5);
    }
  });

  it('goes back to the checkpoint before where the last one is damaged, and says so when there is none', async () => {
    for (const damage of ['cut', 'empty', 'flipped', 'foreign'] as const) {
      const disk = new MemoryDisk();
      await saveThrough(storeOn(disk), 2, { accepted: 0, tried: 0 });
      const saved = disk.names('/store/job').filter((name) => name.endsWith('.checkpoint'));
      expect(saved).toHaveLength(2);
      const spoil = (name: string) => {
        const file = disk.file(`/store/job/${name}`);
        const { bytes } = file;
        if (damage === 'cut') file.bytes = bytes.subarray(0, bytes.length - 3);
        if (damage === 'empty') file.bytes = Buffer.alloc(0);
        if (damage === 'foreign') file.bytes = Buffer.from('{"version":1}');
        if (damage === 'flipped') {
          file.bytes = Buffer.from(bytes);
          file.bytes[bytes.length - 10]! ^= 1;
        }
      };
      spoil(saved.at(-1)!);
      expect(sourceOf(await storeOn(disk).load('job'))).toBe(1);
      await storeOn(disk).claim('job', owner('b'));
      expect(sourceOf(await storeOn(disk).load('job'))).toBe(1);
      for (const name of disk.names('/store/job')) if (name.endsWith('.checkpoint')) spoil(name);
      await expect(storeOn(disk).load('job')).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
      await expect(storeOn(disk).claim('job', owner('c'))).rejects.toMatchObject({
        code: 'CHECKPOINT_INVALID',
      });
    }
  });

  it('refuses an owner that was stopped at any operation of a save while another one took over', async () => {
    const disk = new MemoryDisk();
    const first = await storeOn(disk).claim('job', owner('a'));
    await storeOn(disk).save('job', first, checkpointOf(1));
    const all = await operationsOf((watch) =>
      storeOn(disk.afterPowerCut(true), watch).save('job', first, checkpointOf(2)),
    );
    for (let at = 0; at < all; at++) {
      for (const when of ['before', 'after'] as const) {
        for (const successor of ['saves', 'dies', 'dies in its claim'] as const) {
          const host = disk.afterPowerCut(true);
          const stopped = stopAt(at, when);
          const saving = storeOn(host, stopped.watch)
            .save('job', first, checkpointOf(2))
            .then(
              () => 'accepted',
              (error: RuntimeError) => error.code,
            );
          await stopped.isThere;

          let found: unknown;
          if (successor === 'dies in its claim') {
            let left = 12; // past the claim file
            const broken = storeOn(host, (_operation, _path, of) => {
              if (of === 'before' && left-- <= 0) throw new Crash();
            });
            await broken.claim('job', owner('b')).catch(() => undefined);
          } else {
            const next = storeOn(host);
            const fence = await next.claim('job', owner('b'));
            found = sourceOf(await next.load('job'));
            if (successor === 'saves') await next.save('job', fence, checkpointOf([found, 'b'] as never));
          }

          stopped.goOn();
          const outcome = await saving;
          const where = `${when} ${at}, the successor ${successor}`;
          expect(['accepted', 'FENCED'], where).toContain(outcome);
          const last = sourceOf(await storeOn(host).load('job'));
          if (successor === 'saves') expect(last, where).toEqual([found, 'b']);
          if (successor === 'dies') expect(last, where).toBe(found);
          await storeOn(host).claim('job', owner('c'));
          const later = sourceOf(await storeOn(host).load('job'));
          if (successor !== 'dies in its claim') expect(later, where).toEqual(last);
          if (outcome === 'accepted') expect(JSON.stringify(later), where).toContain('2');
          expect(await codeOf(storeOn(host).save('job', first, checkpointOf(9)))).toBe('FENCED');
        }
      }
    }
  });

  it('refuses an owner that was stopped at any operation of its claim while another one took over', async () => {
    const disk = new MemoryDisk();
    await saveThrough(storeOn(disk), 2, { accepted: 0, tried: 0 });
    const all = await operationsOf((watch) =>
      storeOn(disk.afterPowerCut(true), watch).claim('job', owner('b')),
    );
    for (let at = 0; at < all; at++) {
      for (const when of ['before', 'after'] as const) {
        const host = disk.afterPowerCut(true);
        const stopped = stopAt(at, when);
        const claiming = storeOn(host, stopped.watch).claim('job', owner('b'));
        await stopped.isThere;
        const other = await storeOn(host).claim('job', owner('c'));
        expect(sourceOf(await storeOn(host).load('job'))).toBe(2);
        await storeOn(host).save('job', other, checkpointOf(3));
        stopped.goOn();
        const fence = await claiming;
        // Stopped before its claim file, it is the later one.
        const [winner, loser] = fence.epoch > other.epoch ? [fence, other] : [other, fence];
        expect(fence.epoch).not.toBe(other.epoch);
        expect(sourceOf(await storeOn(host).load('job')), `${when} ${at}`).toBe(3);
        expect(await codeOf(storeOn(host).save('job', loser, checkpointOf(9)))).toBe('FENCED');
        expect(sourceOf(await storeOn(host).load('job')), `${when} ${at}`).toBe(3);
        await storeOn(host).save('job', winner, checkpointOf(4));
        expect(sourceOf(await storeOn(host).load('job')), `${when} ${at}`).toBe(4);
      }
    }
  });

  it('keeps one line of checkpoints, in whatever order the operations of several owners come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(
          fc.record({ saves: fc.integer({ min: 0, max: 3 }), lives: fc.integer({ min: 1, max: 150 }) }),
          {
            minLength: 2,
            maxLength: 4,
          },
        ),
        async (scheduler, owners) => {
          const disk = new MemoryDisk();
          const accepted: string[] = [];
          const runs = owners.map(async ({ saves, lives }, i) => {
            let left = lives;
            const store = storeOn(disk, async (operation, path, when) => {
              if (when === 'after') return;
              if (left-- <= 0) throw new Crash();
              await scheduler.schedule(Promise.resolve(), `${i} ${operation} ${path}`);
            });
            const fence: Fence = await store.claim('job', owner(String(i)));
            const line = [...((sourceOf(await store.load('job')) ?? []) as string[])];
            for (let save = 0; save < saves; save++) {
              line.push(`${i}.${save}`);
              await store.save('job', fence, checkpointOf([...line]));
              accepted.push(`${i}.${save}`);
            }
          });
          const settled = Promise.allSettled(runs);
          await scheduler.waitFor(settled);
          for (const outcome of await settled) {
            if (outcome.status === 'fulfilled') continue;
            const { reason } = outcome;
            const isKnown =
              reason instanceof RuntimeError &&
              (reason.code === 'FENCED' || (reason.cause as Error | undefined) instanceof Crash);
            if (!isKnown) throw reason;
          }
          const last = (sourceOf(await storeOn(disk).load('job')) ?? []) as string[];
          for (const name of accepted) expect(last).toContain(name);
          // Of each owner in its order, and of no owner before another is done.
          expect(new Set(last).size).toBe(last.length);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('the files of a store', () => {
  it('do not bring a removed key back, though whoever removed it died at any operation', async () => {
    const removeOn = async (disk: MemoryDisk, watch?: Watch) => storeOn(disk, watch).remove('job');
    const prepared = async () => {
      const disk = new MemoryDisk();
      await saveThrough(storeOn(disk), 2, { accepted: 0, tried: 0 });
      return disk;
    };
    const disk = await prepared();
    const all = await operationsOf((watch) => removeOn(disk, watch));
    for (let at = 0; at <= all; at++) {
      const broken = await prepared();
      let left = at;
      await removeOn(broken, (_operation, _path, when) => {
        if (when === 'before' && left-- <= 0) throw new Crash();
      }).catch(() => undefined);
      const isListed = (await storeOn(broken).list()).length > 0;
      await storeOn(broken).claim('job', owner('b'));
      const found = sourceOf(await storeOn(broken).load('job'));
      expect([at, found]).toEqual([at, isListed ? 2 : undefined]);
    }
  });

  it('leave no second name of a checkpoint behind where the folder cannot be synced', async () => {
    const disk = new MemoryDisk();
    let fails = false;
    const store = storeOn(disk, (operation, path) => {
      if (fails && operation === 'sync folder') throw errno('EIO', path);
    });
    const fence = await store.claim('job', owner('a'));
    fails = true;
    await expect(store.save('job', fence, checkpointOf(1))).rejects.toMatchObject({ retryable: true });
    expect(disk.names('/store/job').filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it.each([
    ['EACCES', false],
    ['EROFS', false],
    ['EIO', true],
    ['EMFILE', true],
  ])('tell whether a save may go well later (%s: %s)', async (code, retryable) => {
    const disk = new MemoryDisk();
    let fails = false;
    const store = storeOn(disk, (operation, path) => {
      if (fails && operation === 'open') throw errno(code, path);
    });
    const fence = await store.claim('job', owner('a'));
    fails = true;
    await expect(store.save('job', fence, checkpointOf(1))).rejects.toMatchObject({
      code: 'CHECKPOINT_FAILED',
      retryable,
    });
  });

  it('cannot be where no folder can be made, which is told', async () => {
    const store = new FileCheckpointStore('/proc/none/checkpoints');
    await expect(store.claim('job', owner('a'))).rejects.toMatchObject({
      code: 'CHECKPOINT_FAILED',
      message: expect.stringContaining('no directory can be made there'),
    });
  });

  it('may be where no folder can be synced, which is said once', async () => {
    const warnings: unknown[] = [];
    const log = { ...silentLogger, warn: (fields: unknown) => warnings.push(fields) } as unknown as Logger;
    const fs = memoryFileSystem(new MemoryDisk(), (operation, path) => {
      if (operation === 'sync folder') throw errno('EINVAL', path);
    });
    const store = new FileCheckpointStore('/store', { fs, log });
    const fence = await store.claim('job', owner('a'));
    await store.save('job', fence, checkpointOf(1));
    expect(await store.load('job')).toEqual(checkpointOf(1));
    expect(warnings).toEqual([{ folder: '/' }]);
  });

  it.each(['EPERM', 'EACCES', 'EIO'])('take no refused sync of a folder for done (%s)', async (code) => {
    const disk = new MemoryDisk();
    let fails = false;
    const store = storeOn(disk, (operation, path) => {
      if (fails && operation === 'sync folder') throw errno(code, path);
    });
    const fence = await store.claim('job', owner('a'));
    fails = true;
    await expect(store.save('job', fence, checkpointOf(1))).rejects.toMatchObject({
      code: 'CHECKPOINT_FAILED',
    });
  });

  it('have the name of their folder on the disk though another start has made it, and died', async () => {
    const disk = new MemoryDisk();
    const synced: string[] = [];
    const watch: Watch = (operation, path, when) => {
      if (operation === 'sync folder' && when === 'after') synced.push(path);
    };
    let left = 6;
    await storeOn(disk, (operation, path) => {
      if (operation === 'sync folder' && left-- > 0) throw errno('EIO', path);
    })
      .claim('job', owner('a'))
      .catch(() => undefined);
    expect(disk.folders.has('/store/job')).toBe(true);
    await storeOn(disk, watch).claim('job', owner('b'));
    expect(synced).toContain('/store');
  });
});

const codeOf = (act: Promise<unknown>): Promise<string> =>
  act.then(
    () => 'none',
    (error: RuntimeError) => error.code,
  );

/** A process that is stopped at an operation, until it goes on. */
function stopAt(at: number, side: 'before' | 'after') {
  let goOn = () => {};
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let arrive = () => {};
  const isThere = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  let operations = -1;
  const watch: Watch = (_operation, _path, when) => {
    if (when === 'before') operations++;
    if (when !== side || operations !== at) return;
    arrive();
    return gate;
  };
  return { watch, isThere, goOn: () => goOn() };
}
