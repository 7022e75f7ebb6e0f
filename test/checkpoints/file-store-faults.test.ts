import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Fence } from '../../src/checkpoints/checkpoint-store.js';
import { RuntimeError } from '../../src/core/errors.js';
import { errno, MemoryDisk, type Watch } from '../support/memory-file-system.js';
import { owner } from './checkpoint-of.js';
import { Crash, codeOf, lastIn, MADE, operationsOf, saveThrough, stopAt, storeOn } from './store-rig.js';

describe.each(MADE)('a store of files, %s', (_name, make) => {
  it('gives what was accepted, or the one that was being saved, after a power cut at any operation', async () => {
    const all = await operationsOf((watch) => saveThrough(storeOn(new MemoryDisk(), watch), make, 5));
    expect(all).toBeGreaterThan(30);
    for (let at = 0; at <= all; at++) {
      for (const isUnsyncedLost of [true, false]) {
        const disk = new MemoryDisk();
        const seen = { accepted: 0, tried: 0 };
        let left = at;
        const store = storeOn(disk, (_operation, _path, when) => {
          if (when === 'before' && left-- <= 0) throw new Crash();
        });
        await saveThrough(store, make, 5, seen).catch(() => undefined);

        const survivor = disk.afterPowerCut(isUnsyncedLost);
        const next = storeOn(survivor);
        const fence = await next.claim('job', owner('b'));
        const found = ((await lastIn(next, make)) ?? 0) as number;
        expect(found, `at ${at}`).toBeGreaterThanOrEqual(seen.accepted);
        expect(found, `at ${at}`).toBeLessThanOrEqual(seen.tried);
        await next.save('job', fence, make(found + 10));
        expect(await lastIn(storeOn(survivor.afterPowerCut(true)), make)).toBe(found + 10);
      }
    }
  });

  it('gives the same after a power cut in a claim, however often', async () => {
    const disk = new MemoryDisk();
    await saveThrough(storeOn(disk), make, 3);
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
        expect(await lastIn(next, make)).toBe(3);
        await next.claim('job', owner('c'));
        expect(await lastIn(next, make)).toBe(3);
      }
    }
  });

  it('tells of an error of the disk at any operation, loses nothing by it, and goes on', async () => {
    const all = await operationsOf((watch) => saveThrough(storeOn(new MemoryDisk(), watch), make, 5));
    for (let at = 0; at < all; at++) {
      const disk = new MemoryDisk();
      const seen = { accepted: 0, tried: 0 };
      let left = at;
      const store = storeOn(disk, (_operation, path, when) => {
        if (when === 'before' && left-- === 0) throw errno('EIO', path);
      });
      const failed = await saveThrough(store, make, 5, seen).then(
        () => undefined,
        (error: unknown) => error as RuntimeError,
      );
      // Clearing up may fail without a word.
      if (failed) expect(failed, `at ${at}`).toMatchObject({ code: 'CHECKPOINT_FAILED', retryable: true });
      const found = ((await lastIn(store, make)) ?? 0) as number;
      expect([seen.accepted, seen.tried]).toContain(found);
      await saveThrough(store, make, 8, seen);
      expect(await lastIn(storeOn(disk.afterPowerCut(true)), make)).toBe(8);
    }
  });

  it('goes back to the checkpoint before where the last one is damaged, and says so when there is none', async () => {
    for (const damage of ['cut', 'empty', 'flipped', 'foreign'] as const) {
      const disk = new MemoryDisk();
      await saveThrough(storeOn(disk), make, 5);
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
      expect(await lastIn(storeOn(disk), make)).toBe(4);
      await storeOn(disk).claim('job', owner('b'));
      expect(await lastIn(storeOn(disk), make)).toBe(4);
      for (const name of disk.names('/store/job')) if (name.endsWith('.checkpoint')) spoil(name);
      await expect(storeOn(disk).load('job')).rejects.toMatchObject({ code: 'CHECKPOINT_INVALID' });
      await expect(storeOn(disk).claim('job', owner('c'))).rejects.toMatchObject({
        code: 'CHECKPOINT_INVALID',
      });
    }
  });

  it('refuses an owner that was stopped at any operation of a save while another one took over', async () => {
    /** With checkpoints up to 3, and the fourth under way. */
    const savingFourth = async (host: MemoryDisk, watch: Watch) => {
      let isOn = false;
      const store = storeOn(host, (...step) => (isOn ? watch(...step) : undefined));
      const fence = await saveThrough(store, make, 3);
      isOn = true;
      return { fence, saving: store.save('job', fence, make(4)) };
    };
    const all = await operationsOf(async (watch) => (await savingFourth(new MemoryDisk(), watch)).saving);
    for (let at = 0; at < all; at++) {
      for (const when of ['before', 'after'] as const) {
        for (const successor of ['saves', 'dies', 'dies in its claim'] as const) {
          const host = new MemoryDisk();
          const stopped = stopAt(at, when);
          const { fence: first, saving: fourth } = await savingFourth(host, stopped.watch);
          const saving = codeOf(fourth);
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
            found = await lastIn(next, make);
            if (successor === 'saves') await next.save('job', fence, make([found, 'b'] as never));
          }

          stopped.goOn();
          const outcome = await saving;
          const where = `${when} ${at}, the successor ${successor}`;
          expect(['none', 'FENCED'], where).toContain(outcome);
          const last = await lastIn(storeOn(host), make);
          if (successor === 'saves') expect(last, where).toEqual([found, 'b']);
          if (successor === 'dies') expect(last, where).toBe(found);
          await storeOn(host).claim('job', owner('c'));
          const later = await lastIn(storeOn(host), make);
          if (successor !== 'dies in its claim') expect(later, where).toEqual(last);
          if (outcome === 'none') expect(JSON.stringify(later), where).toContain('4');
          expect(await codeOf(storeOn(host).save('job', first, make(9)))).toBe('FENCED');
        }
      }
    }
  });

  it('refuses an owner that was stopped at any operation of its claim while another one took over', async () => {
    const disk = new MemoryDisk();
    await saveThrough(storeOn(disk), make, 2);
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
        expect(await lastIn(storeOn(host), make)).toBe(2);
        await storeOn(host).save('job', other, make(3));
        stopped.goOn();
        const fence = await claiming;
        // Stopped before its claim file, it is the later one.
        const [winner, loser] = fence.epoch > other.epoch ? [fence, other] : [other, fence];
        expect(fence.epoch).not.toBe(other.epoch);
        expect(await lastIn(storeOn(host), make), `${when} ${at}`).toBe(3);
        expect(await codeOf(storeOn(host).save('job', loser, make(9)))).toBe('FENCED');
        expect(await lastIn(storeOn(host), make), `${when} ${at}`).toBe(3);
        await storeOn(host).save('job', winner, make(4));
        expect(await lastIn(storeOn(host), make), `${when} ${at}`).toBe(4);
      }
    }
  });

  it('keeps one line of checkpoints, in whatever order the operations of several owners come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(
          fc.record({ saves: fc.integer({ min: 0, max: 3 }), lives: fc.integer({ min: 1, max: 250 }) }),
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
            const line = [...(((await lastIn(store, make)) ?? []) as string[])];
            for (let save = 0; save < saves; save++) {
              line.push(`${i}.${save}`);
              await store.save('job', fence, make([...line]));
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
          const last = ((await lastIn(storeOn(disk), make)) ?? []) as string[];
          for (const name of accepted) expect(last).toContain(name);
          // Of each owner in its order, and of no owner before another is done.
          expect(new Set(last).size).toBe(last.length);
        },
      ),
      { numRuns: 300 },
    );
  });
});
