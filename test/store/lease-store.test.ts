import { describe, expect, it } from 'vitest';
import { FileJobStore } from '../../src/store/file-job-store.js';
import { MemoryLeaseStore } from '../../src/store/memory-lease-store.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { FullDisk } from '../support/full-disk.js';
import { jobRecord } from './job-record.js';
import { leaseStoreLaws } from './lease-store-laws.js';
import { codeOf, mortalStore, newFolder } from './store-rig.js';

leaseStoreLaws('in memory', (clock) => new MemoryLeaseStore(clock));
leaseStoreLaws('in a folder', (clock) => {
  // Its calls are done before they return, so that they take no other time than that of the clock.
  const { fs } = new CrashingFileSystem();
  return new FileJobStore(newFolder(), { clock, fs }).leases;
});

const ASKS = { job: 'a', run: 'r', owner: { host: 'h', process: 'p', thread: 1 }, ttlMs: 1_000 };

describe('leases in a folder', () => {
  it('stay when their job could not be deleted', async () => {
    const disk = new FullDisk(1_000_000);
    const store = mortalStore(newFolder(), { clock: new VirtualClock(), fs: disk.fs });
    await store.putJob(jobRecord('a'));
    await store.leases.claim(ASKS);
    disk.room = 10;
    expect(await codeOf(store.deleteJob('a'))).toBe('STORE_FAILED');
    disk.room = 1_000_000;
    expect(await codeOf(store.leases.claim(ASKS))).toBe('LEASE_HELD');
    await store.deleteJob('a');
    expect((await store.leases.claim(ASKS)).epoch).toBe(1);
    await store.close();
  });

  it('have epochs that go on after the process has died, and last for their whole time from then on', async () => {
    const folder = newFolder();
    const clock = new VirtualClock();
    const disk = new CrashingFileSystem();
    const first = mortalStore(folder, { clock, fs: disk.fs });
    await first.leases.claim(ASKS);
    const free = await first.leases.claim({ ...ASKS, job: 'free' });
    await first.leases.release(free);
    await first.leases.claim({ ...ASKS, job: 'endless', ttlMs: 0 });
    await disk.kill();
    const second = mortalStore(folder, { clock });
    await clock.advance(300);
    expect(await codeOf(second.leases.claim(ASKS))).toBe('LEASE_HELD');
    expect((await second.leases.claim({ ...ASKS, job: 'free' })).epoch).toBe(2);
    // Who has held it belonged to the process that had the store.
    expect((await second.leases.claim({ ...ASKS, job: 'endless' })).epoch).toBe(2);
    await clock.advance(1_000);
    expect((await second.leases.claim(ASKS)).epoch).toBe(2);
    await second.close();
  });

  it('are no one’s if they could not be kept, and their epoch is not given again', async () => {
    const disk = new FullDisk(1_000_000);
    const store = mortalStore(newFolder(), { fs: disk.fs });
    await store.load();
    disk.room = 10;
    expect(await codeOf(store.leases.claim(ASKS))).toBe('STORE_FAILED');
    disk.room = 1_000_000;
    expect((await store.leases.claim(ASKS)).epoch).toBe(2);
    await store.close();
  });

  it('go with their job', async () => {
    const folder = newFolder();
    const store = mortalStore(folder);
    await store.putJob(jobRecord('a'));
    await store.leases.claim(ASKS);
    await store.deleteJob('a');
    await store.close();
    const next = mortalStore(folder);
    expect((await next.leases.claim(ASKS)).epoch).toBe(1);
    await next.close();
  });
});
