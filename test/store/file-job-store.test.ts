import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import * as nodeFs from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { endOfTurn } from '../../src/core/clock.js';
import { thisOwner } from '../../src/outputs/runs/run-owner.js';
import { FileJobStore } from '../../src/store/file-job-store.js';
import { encodeFrame } from '../../src/store/log-frames.js';
import type { Migration } from '../../src/store/migrations.js';
import { type Logger, silentLogger } from '../../src/telemetry/logger.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { FullDisk } from '../support/full-disk.js';
import { jobRecord, scheduleRecord } from './job-record.js';
import { codeOf, DEAD, mortalStore, newFolder, reopened, sequenceOf } from './store-rig.js';

const logOf = (folder: string) => join(folder, 'jobs.log');

async function storeWith(ids: readonly string[]): Promise<string> {
  const folder = newFolder();
  const store = mortalStore(folder);
  for (const id of ids) await store.putJob(jobRecord(id));
  await store.close();
  return folder;
}

function warnings(): { readonly log: Logger; readonly said: string[] } {
  const said: string[] = [];
  return { said, log: { ...silentLogger, warn: (_fields, text) => said.push(text) } };
}

describe('a store of jobs in a folder', () => {
  it('has what was put after it was closed and opened anew', async () => {
    const folder = await storeWith(['a', 'b']);
    const store = mortalStore(folder);
    await store.putSchedule(scheduleRecord('s'));
    await store.deleteJob('a');
    await store.close();
    expect(await reopened(folder)).toEqual({ jobs: [jobRecord('b')], schedules: [scheduleRecord('s')] });
  });

  it('is for its user alone, since specs may hold credentials', async () => {
    const folder = await storeWith(['a']);
    const store = mortalStore(folder);
    await store.load();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    await store.close();
  });

  it('leaves no file behind but its log when it is closed', async () => {
    expect(readdirSync(await storeWith(['a']))).toEqual(['jobs.log']);
  });

  it('makes all changes of a turn with one sync, and those that come meanwhile with the next', async () => {
    const disk = new CrashingFileSystem();
    const folder = newFolder();
    const store = mortalStore(folder, { fs: disk.fs });
    await store.load();
    const syncs = () => disk.log.filter((line) => line.startsWith('datasync')).length;
    const before = syncs();
    const first = Promise.all(Array.from({ length: 64 }, (_, i) => store.putJob(jobRecord(`a${i}`))));
    await endOfTurn();
    const second = Array.from({ length: 64 }, (_, i) => store.putJob(jobRecord(`b${i}`)));
    await Promise.all([first, ...second]);
    expect(syncs() - before).toBeLessThanOrEqual(2);
    await store.close();
    expect((await reopened(folder)).jobs).toHaveLength(128);
  });

  it('writes the file anew when little of it counts', async () => {
    const folder = newFolder();
    const store = mortalStore(folder, { rewriteBytesMin: 8_192 });
    let largest = 0;
    for (let sequence = 0; sequence < 200; sequence++) {
      await store.putJob(jobRecord('a', { sequence }));
      largest = Math.max(largest, statSync(logOf(folder)).size);
    }
    expect(largest).toBeLessThan(8_192 + 2_000);
    expect(readdirSync(folder).sort()).toEqual(['jobs.log', 'owner-1']);
    await store.close();
    expect(sequenceOf(await reopened(folder), 'a')).toBe(199);
  });

  it('refuses a record of a wrong form before it is written', async () => {
    const store = mortalStore(newFolder());
    await expect(store.putJob({ ...jobRecord('a'), wish: 'fly' } as never)).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('job.wish'),
    });
    await expect(store.putJob(jobRecord('a', { spec: { at: new Date() } as never }))).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('spec.at'),
    });
    await store.close();
  });

  it('writes nothing more once it is closed', async () => {
    const store = mortalStore(newFolder());
    const put = store.putJob(jobRecord('a'));
    await store.close();
    await put;
    expect(await codeOf(store.putJob(jobRecord('b')))).toBe('STORE_FAILED');
    expect(await codeOf(store.load())).toBe('STORE_FAILED');
  });

  it('is refused to a second one, who is told who has it, and free once it is closed', async () => {
    const folder = newFolder();
    const store = new FileJobStore(folder);
    await store.putJob(jobRecord('a'));
    const second = new FileJobStore(folder);
    await expect(second.load()).rejects.toMatchObject({
      code: 'STORE_IN_USE',
      retryable: true,
      message: expect.stringMatching(new RegExp(`process ${process.pid} on "${hostname()}".*stop it first`)),
    });
    await store.close();
    expect((await second.load()).jobs).toEqual([jobRecord('a')]);
    await second.close();
  });

  it.each([
    ['is on another host', { host: 'elsewhere' }],
    ['is in another container', { processes: 'pid:[1]' }],
  ])('is refused where its owner %s, with the file to remove', async (_where, fields) => {
    const folder = await storeWith(['a']);
    writeFileSync(join(folder, 'owner-3'), JSON.stringify({ ...thisOwner(), ...fields }));
    await expect(reopened(folder)).rejects.toMatchObject({
      code: 'STORE_IN_USE',
      message: expect.stringContaining(join(folder, 'owner-3')),
    });
    expect(readdirSync(folder).sort()).toEqual(['jobs.log', 'owner-3']);
  });

  it('is taken over from an owner of an earlier boot, and one that has died', async () => {
    const folder = await storeWith(['a']);
    writeFileSync(join(folder, 'owner-3'), JSON.stringify({ ...thisOwner(), boot: 'earlier' }));
    writeFileSync(join(folder, 'owner-2'), JSON.stringify(DEAD));
    const store = new FileJobStore(folder);
    await store.load();
    expect(readdirSync(folder).sort()).toEqual(['jobs.log', 'owner-4']);
    await store.close();
  });

  it('lets one of several that take over at once have it', async () => {
    for (let round = 0; round < 20; round++) {
      const folder = await storeWith(['a']);
      writeFileSync(join(folder, 'owner-3'), JSON.stringify(DEAD));
      const stores = [1, 2, 3, 4].map(() => new FileJobStore(folder));
      const results = await Promise.all(stores.map((store) => codeOf(store.load())));
      expect(results.filter((code) => code === 'none').length).toBeLessThanOrEqual(1);
      expect(new Set(results).size).toBeLessThanOrEqual(2);
      for (const store of stores) await store.close();
    }
  });

  it('removes what a crash has left of files that were to be', async () => {
    const folder = await storeWith(['a']);
    const rest = [`jobs.log.${'a'.repeat(20)}.new`, `owner.${'b'.repeat(20)}.new`];
    for (const name of rest) writeFileSync(join(folder, name), 'rest');
    await reopened(folder);
    expect(readdirSync(folder)).toEqual(['jobs.log']);
  });

  it('is not made in the folder of something else', async () => {
    const folder = newFolder();
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'trades.csv'), '');
    await expect(reopened(folder)).rejects.toMatchObject({
      code: 'STORE_INVALID',
      message: expect.stringContaining('trades.csv'),
    });
    expect(readdirSync(folder)).toEqual(['trades.csv']);
  });

  it('stands beside the checkpoints of its jobs', async () => {
    const folder = newFolder();
    mkdirSync(join(folder, 'checkpoints'), { recursive: true });
    const store = mortalStore(folder);
    await store.putJob(jobRecord('a'));
    expect(store.checkpointFolder).toBe(join(folder, 'checkpoints'));
    await store.close();
    expect(existsSync(join(folder, 'checkpoints'))).toBe(true);
  });
});

describe('the log of a store', () => {
  it('loses a write that was torn at its end, and says so', async () => {
    const folder = await storeWith(['a', 'b']);
    const whole = readFileSync(logOf(folder));
    const last = encodeFrame(`[["job","c",${JSON.stringify(jobRecord('c'))}]]`);
    for (let bytes = 0; bytes < last.length; bytes += 37) {
      writeFileSync(logOf(folder), Buffer.concat([whole, last.subarray(0, bytes)]));
      const { log, said } = warnings();
      expect((await reopened(folder, { log })).jobs).toHaveLength(2);
      expect(said).toHaveLength(bytes > 0 ? 1 : 0);
      expect(readFileSync(logOf(folder)).equals(whole)).toBe(true);
    }
    appendFileSync(logOf(folder), last);
    expect((await reopened(folder)).jobs).toHaveLength(3);
  });

  it('loses a last write of which only the end has reached the disk', async () => {
    const folder = await storeWith(['a']);
    const whole = readFileSync(logOf(folder));
    const last = encodeFrame(`[["job","c",${JSON.stringify(jobRecord('c'))}]]`);
    last.fill(0, 0, 100);
    appendFileSync(logOf(folder), last);
    expect((await reopened(folder)).jobs).toHaveLength(1);
    expect(readFileSync(logOf(folder)).equals(whole)).toBe(true);
  });

  it('is refused with file and byte where anything but its last write is damaged, and is not changed', async () => {
    const folder = await storeWith(['a', 'b', 'c']);
    const whole = readFileSync(logOf(folder));
    const second = whole.indexOf('\n', whole.indexOf('\n') + 1) + 1;
    const last = whole.lastIndexOf('\n', whole.length - 2) + 1;
    for (let at = 0; at < last; at += 53) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0x40;
      writeFileSync(logOf(folder), bytes);
      await expect(reopened(folder), `byte ${at}`).rejects.toMatchObject({
        code: expect.stringMatching(/^STORE_(INVALID|NEWER)$/),
        message: expect.stringContaining(logOf(folder)),
      });
      expect(readFileSync(logOf(folder)).equals(bytes)).toBe(true);
    }
    const bytes = Buffer.from(whole);
    bytes[second + 30]! ^= 1;
    writeFileSync(logOf(folder), bytes);
    await expect(reopened(folder)).rejects.toMatchObject({
      code: 'STORE_INVALID',
      message: expect.stringContaining(`byte ${second}`),
    });
  });

  it.each([
    ['is no list', '{"a":1}'],
    ['has an entry without a key', '[["job"]]'],
    ['has a record of an unknown kind', '[["plan","a",{}]]'],
    ['has a job without its fields', '[["job","a",{"id":"a"}]]'],
    ['has a job under another key', `[["job","b",${JSON.stringify(jobRecord('a'))}]]`],
    [
      'has a state that nobody knows',
      `[["job","a",${JSON.stringify({ ...jobRecord('a'), state: 'flying' })}]]`,
    ],
  ])('is refused with its place if it %s', async (_what, json) => {
    const folder = await storeWith(['z']);
    const at = statSync(logOf(folder)).size;
    appendFileSync(logOf(folder), encodeFrame(json));
    await expect(reopened(folder)).rejects.toMatchObject({
      code: 'STORE_INVALID',
      message: expect.stringContaining(`byte ${at}`),
    });
  });

  it('does not say a value that it refuses, which may be a credential', async () => {
    const folder = await storeWith(['z']);
    const record = { ...jobRecord('a'), wish: 'secret-key', state: 'secret-key' };
    appendFileSync(logOf(folder), encodeFrame(JSON.stringify([['job', 'a', record]])));
    await expect(reopened(folder)).rejects.toMatchObject({
      message: expect.not.stringContaining('secret-key'),
    });
  });

  it('keeps fields of records that this release does not know', async () => {
    const folder = await storeWith(['z']);
    const record = { ...jobRecord('a'), colour: 'blue' };
    appendFileSync(logOf(folder), encodeFrame(JSON.stringify([['job', 'a', record]])));
    expect((await reopened(folder)).jobs).toContainEqual(record);
  });

  it('of a newer version is refused and not changed', async () => {
    const folder = await storeWith(['a']);
    const newer = readFileSync(logOf(folder), 'utf8').replace('tickloom-jobs 1', 'tickloom-jobs 7');
    writeFileSync(logOf(folder), newer);
    await expect(reopened(folder)).rejects.toMatchObject({
      code: 'STORE_NEWER',
      message: expect.stringMatching(/version 1.*found version 7/),
    });
    expect(readFileSync(logOf(folder), 'utf8')).toBe(newer);
    expect(readdirSync(folder)).toEqual(['jobs.log']);
  });

  it('of an older version is brought up to date, and is then refused by the older release', async () => {
    const folder = await storeWith(['a', 'b']);
    const migrations: Migration[] = [
      (record) => (record.key === 'a' ? undefined : record),
      ({ kind, key, record }) => ({ kind, key, record: { ...(record as object), sequence: 42 } }),
    ];
    const { log, said } = warnings();
    expect((await reopened(folder, { migrations, log })).jobs).toEqual([jobRecord('b', { sequence: 42 })]);
    expect(said).toHaveLength(1);
    expect(readFileSync(logOf(folder), 'utf8')).toMatch(/^tickloom-jobs 3\n/);
    expect((await reopened(folder, { migrations })).jobs).toEqual([jobRecord('b', { sequence: 42 })]);
    expect(await codeOf(reopened(folder))).toBe('STORE_NEWER');
  });
});

describe('a store whose disk fails', () => {
  it('refuses a change on a full disk, keeps what it has, and takes changes again once there is room', async () => {
    for (const room of [0, 1, 50, 400]) {
      const disk = new FullDisk(1_000_000);
      const folder = newFolder();
      const store = mortalStore(folder, { fs: disk.fs });
      await store.putJob(jobRecord('a'));
      const { size } = statSync(logOf(folder));
      disk.room = room;
      await expect(store.putJob(jobRecord('b'))).rejects.toMatchObject({
        code: 'STORE_FAILED',
        retryable: true,
        message: expect.stringContaining('the disk is full'),
      });
      expect(statSync(logOf(folder)).size).toBe(size);
      disk.room = 1_000_000;
      await store.putJob(jobRecord('c'));
      await store.close();
      expect((await reopened(folder)).jobs.map(({ id }) => id)).toEqual(['a', 'c']);
    }
  });

  it('goes on with the file that it has if there is no room to write it anew', async () => {
    const disk = new FullDisk(1_000_000);
    const folder = newFolder();
    const { log, said } = warnings();
    const store = mortalStore(folder, { fs: disk.fs, rewriteBytesMin: 4_096, log });
    let puts = 0;
    for (; said.length === 0; puts++) {
      if (statSync(folder, { throwIfNoEntry: false }) && existsSync(logOf(folder))) {
        if (statSync(logOf(folder)).size > 4_096 - 1_200) disk.room = 1_300;
      }
      await store.putJob(jobRecord('a', { sequence: puts }));
    }
    disk.room = 1_000_000;
    for (let more = 0; more < 20; more++) await store.putJob(jobRecord('a', { sequence: puts++ }));
    await store.close();
    expect(sequenceOf(await reopened(folder), 'a')).toBe(puts - 1);
    expect(readdirSync(folder)).toEqual(['jobs.log']);
  });

  it('writes nothing more after a sync that failed, until it is opened anew', async () => {
    const disk = new CrashingFileSystem();
    const folder = newFolder();
    const store = mortalStore(folder, { fs: disk.fs });
    await store.putJob(jobRecord('a'));
    disk.failAt = disk.log.length + 1; // the write, then its sync
    await expect(store.putJob(jobRecord('b'))).rejects.toMatchObject({
      code: 'STORE_FAILED',
      retryable: false,
      message: expect.stringContaining('open the store anew'),
    });
    const operations = disk.log.length;
    expect(await codeOf(store.putJob(jobRecord('c')))).toBe('STORE_FAILED');
    expect(disk.log.length).toBe(operations);
    await store.close();
    const found = await reopened(folder);
    expect(sequenceOf(found, 'a')).toBe(1);
    expect(sequenceOf(found, 'c')).toBeUndefined();
  });

  it('can be opened again after a first try that failed', async () => {
    const folder = await storeWith(['a']);
    let isBroken = true;
    const open = async (...args: Parameters<typeof nodeFs.open>) => {
      if (isBroken && String(args[0]).endsWith('jobs.log')) {
        throw Object.assign(new Error('EACCES: injected'), { code: 'EACCES' });
      }
      return nodeFs.open(...args);
    };
    const store = mortalStore(folder, { fs: { ...nodeFs, open } });
    await expect(store.load()).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('permission denied'),
    });
    expect(readdirSync(folder)).toEqual(['jobs.log']);
    isBroken = false;
    expect((await store.load()).jobs).toEqual([jobRecord('a')]);
    await store.close();
  });
});
