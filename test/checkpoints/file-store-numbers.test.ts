import { describe, expect, it } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { MemoryDisk, memoryFileSystem, type Watch } from '../support/memory-file-system.js';
import { sourceOf } from './checkpoint-of.js';
import { codeOf, lastIn, MADE, operationsOf, saveThrough, stopAt, storeOn } from './store-rig.js';

/** What a load finds, though the file system lists the folder the other way round. */
async function lastListedBackwards(disk: MemoryDisk) {
  const fs = memoryFileSystem(disk);
  const readdir = fs.readdir as unknown as (path: string) => Promise<string[]>;
  const backwards = { ...fs, readdir: async (path: string) => (await readdir(path)).reverse() };
  return sourceOf(await new FileCheckpointStore('/store', { fs: backwards as never }).load('job'));
}

describe.each(MADE)('two store objects that save under one fence, %s', (_name, make) => {
  /** Both have saved: one up to 4, the other one 5. The next one is 6, of the first, which is watched. */
  const prepared = async (disk: MemoryDisk, watch: Watch = () => {}) => {
    let isOn = false;
    const first = storeOn(disk, (...step) => (isOn ? watch(...step) : undefined));
    const fence = await saveThrough(first, make, 4);
    const second = storeOn(disk);
    await second.save('job', fence, make(5));
    isOn = true;
    return { first, second, fence };
  };

  it('have each save accepted, and lose none, wherever one save is stopped while the other goes on', async () => {
    const all = await operationsOf(async (watch) => {
      const { first, fence } = await prepared(new MemoryDisk(), watch);
      await first.save('job', fence, make(6));
    });
    for (const others of [1, 2, 3]) {
      for (let at = 0; at < all; at++) {
        for (const when of ['before', 'after'] as const) {
          const where = `${when} ${at}, beside ${others}`;
          const disk = new MemoryDisk();
          const stopped = stopAt(at, when);
          const { first, second, fence } = await prepared(disk, stopped.watch);
          const saving = codeOf(first.save('job', fence, make(6)));
          await stopped.isThere;
          for (let save = 7; save < 7 + others; save++) {
            await second.save('job', fence, make(save));
            // The one that is under way may come before it or after it.
            expect([6, save], where).toContain(await lastIn(storeOn(disk), make));
          }
          stopped.goOn();
          expect(await saving, where).toBe('none');

          const last = await lastIn(storeOn(disk.afterPowerCut(true)), make);
          expect([6, 6 + others], where).toContain(last);
          expect(await lastListedBackwards(disk), where).toBe(last);
          for (const [save, store] of [first, second, first, second].entries()) {
            await store.save('job', fence, make(20 + save));
            expect(await lastIn(storeOn(disk.afterPowerCut(true)), make), where).toBe(20 + save);
            expect(await lastListedBackwards(disk), where).toBe(20 + save);
          }
          // Of each at most the log that it appends to, beside the claim and the last two checkpoints.
          expect(disk.names('/store/job').length, where).toBeLessThanOrEqual(3 + 2);
        }
      }
    }
  });
});
