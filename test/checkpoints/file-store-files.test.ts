import { describe, expect, it } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import { errno, MemoryDisk, memoryFileSystem, type Watch } from '../support/memory-file-system.js';
import { checkpointOf, owner, sourceOf } from './checkpoint-of.js';
import { Crash, operationsOf, saveThrough, storeOn } from './store-rig.js';

describe('the files of a store', () => {
  it('do not bring a removed key back, though whoever removed it died at any operation', async () => {
    const removeOn = async (disk: MemoryDisk, watch?: Watch) => storeOn(disk, watch).remove('job');
    const prepared = async () => {
      const disk = new MemoryDisk();
      await saveThrough(storeOn(disk), checkpointOf, 2);
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
    expect(warnings).toEqual([{ directory: '/' }]);
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

  it('are listed twice a save, and the claim among them is read once', async () => {
    const disk = new MemoryDisk();
    const seen: string[] = [];
    const store = storeOn(disk, (operation, _path, when) => {
      if (when === 'before') seen.push(operation);
    });
    const countOf = (wanted: string) => seen.filter((operation) => operation === wanted).length;
    // Claimed elsewhere, as by the thread that starts another one.
    const fence = await storeOn(disk).claim('job', owner('a'));
    await store.save('job', fence, checkpointOf(1));
    expect([countOf('readdir'), countOf('readFile')]).toEqual([3, 1]);
    for (let at = 2; at <= 4; at++) {
      seen.length = 0;
      await store.save('job', fence, checkpointOf(at));
      expect([countOf('readdir'), countOf('readFile')]).toEqual([2, 0]);
    }
  });

  it.each(['nobody', 'another owner'])(
    'take no save in where the folder was emptied by hand, and %s has claimed it since',
    async (claimant) => {
      const disk = new MemoryDisk();
      const store = storeOn(disk);
      const fence = await saveThrough(store, checkpointOf, 2);
      for (const name of disk.names('/store/job')) await memoryFileSystem(disk).unlink(`/store/job/${name}`);
      if (claimant !== 'nobody') {
        const next = storeOn(disk);
        const other = await next.claim('job', owner('b'));
        expect(other.epoch).toBe(fence.epoch);
        await next.save('job', other, checkpointOf(7));
      }
      await expect(store.save('job', fence, checkpointOf(3))).rejects.toMatchObject({ code: 'FENCED' });
      const found = sourceOf(await storeOn(disk).load('job'));
      expect(found).toBe(claimant === 'nobody' ? undefined : 7);
      expect(disk.names('/store/job').filter((name) => name.endsWith('.tmp'))).toEqual([]);
    },
  );

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
