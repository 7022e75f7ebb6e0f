import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { FileCheckpointStore } from '../../src/checkpoints/file-checkpoint-store.js';
import { listCheckpoints } from '../../src/cli/commands/checkpoints.js';
import { listJobs, showJob } from '../../src/cli/commands/jobs.js';
import { type DeleteOptions, deleteJob } from '../../src/cli/commands/jobs-delete.js';
import { nodeFileSystem } from '../../src/outputs/disk/file-system.js';
import { FileJobStore } from '../../src/store/file-job-store.js';
import type { JobRecord } from '../../src/store/job-store.js';
import { encodeFrame } from '../../src/store/log-frames.js';
import { checkpointFolderIn } from '../../src/store/read-store.js';
import { checkpointOf, owner } from '../checkpoints/checkpoint-of.js';
import { jobRecord, scheduleRecord } from '../store/job-record.js';
import { called } from '../support/called-command.js';
import { scratchFolder } from '../support/recorded-data.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);
let folders = 0;

const list = (store: string, options = {}) => called((terminal) => listJobs({ store, ...options }, terminal));
const show = (store: string, job: string, options = {}) =>
  called((terminal) => showJob(job, { store, ...options }, terminal));
const remove = (store: string, job: string, options: Partial<DeleteOptions> = {}) =>
  called((terminal) => deleteJob(job, { store, ...options }, terminal));

const ENDED = { state: 'completed', deadlineAtMs: undefined } as const;

async function storeWith(...records: readonly JobRecord[]): Promise<string> {
  const folder = join(SCRATCH.folder, `store-${folders++}`);
  const store = new FileJobStore(folder);
  await store.load();
  for (const record of records) await store.putJob(record);
  await store.close();
  return folder;
}

/** A checkpoint of a process that has died. */
async function checkpointed(folder: string, key: string): Promise<void> {
  const checkpoints = new FileCheckpointStore(join(folder, 'checkpoints'));
  const fence = await checkpoints.claim(key, owner('a'));
  await checkpoints.save(key, fence, checkpointOf(1));
  const own = join(folder, 'checkpoints', key);
  for (const name of readdirSync(own).filter((found) => found.endsWith('.claim'))) {
    const held = JSON.parse(readFileSync(join(own, name), 'utf8'));
    writeFileSync(join(own, name), JSON.stringify({ ...held, thread: { ...held.thread, startedAt: '1' } }));
  }
}

describe('tickloom jobs list', () => {
  it('says state, wish and next start of each job in order of submission', async () => {
    const folder = await storeWith(
      jobRecord('2', { name: 'quotes', sequence: 2, ...ENDED, runs: [] }),
      jobRecord('1', { name: 'trades', sequence: 1 }),
    );
    const { code, out, err } = await list(folder, { nowMs: 12_000 });
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(
      /trades.*backingOff.*11 s.*run.*goes on.*1.*SOURCE_FAILED: broke off[\s\S]*quotes.*completed.*has ended/,
    );
    const { jobs, holder } = JSON.parse((await list(folder, { json: true })).out);
    expect(holder).toBeNull();
    expect(jobs).toMatchObject([
      { name: 'trades', id: '1', next: 'goes on', runs: 1, error: { code: 'SOURCE_FAILED' } },
      { name: 'quotes', id: '2', next: 'has ended', runs: 0, error: null },
    ]);
  });

  it.each([
    ['run', 'goes on'],
    ['pause', 'stays paused'],
    ['stop', 'ends'],
  ] as const)('says of a wish to %s that the job %s', async (wish, next) => {
    const folder = await storeWith(jobRecord('1', { wish, state: 'running' }));
    expect((await list(folder)).out).toContain(next);
  });

  it('lists schedules, without their credentials', async () => {
    const folder = await storeWith();
    const store = new FileJobStore(folder);
    await store.putSchedule(scheduleRecord('hourly', { schedule: { every: '1h', apiKey: 'hush' } }));
    await store.close();
    const { out } = await list(folder);
    expect(out).toMatch(/no jobs[\s\S]*schedule hourly/);
    expect((await list(folder, { json: true })).out).not.toContain('hush');
  });

  it('lists while a process has the store, and says whose it is', async () => {
    const folder = await storeWith(jobRecord('1'));
    const store = new FileJobStore(folder);
    await store.putJob(jobRecord('2'));
    const { code, out, err } = await list(folder);
    expect(code).toBe(0);
    expect(out).toContain('job-2');
    expect(err).toContain(`process ${process.pid}`);
    expect(JSON.parse((await list(folder, { json: true })).out).holder.process).toBe(process.pid);
    await store.close();
  });

  it('says that the last write is not whole, and lists what was kept before', async () => {
    const folder = await storeWith(jobRecord('1'), jobRecord('2'));
    const log = join(folder, 'jobs.log');
    writeFileSync(log, readFileSync(log).subarray(0, -20));
    const { code, out, err } = await list(folder);
    expect([code, out.includes('job-1'), out.includes('job-2')]).toEqual([0, true, false]);
    expect(err).toMatch(
      /last write to the store is not whole \(\d+ bytes at its end\).*next start cuts it off/,
    );
    expect((await show(folder, '1')).err).toContain('not whole');
    expect(JSON.parse((await list(folder, { json: true })).out).tornBytes).toBeGreaterThan(0);
  });

  it.each([
    ['is empty', '', /nothing: the file is empty; move it out of this folder/],
    ['begins with something else', 'hello\n', /first line .* found another; put back a copy/],
  ])('says what to do if the log %s', async (_, content, problem) => {
    const folder = await storeWith(jobRecord('1'));
    writeFileSync(join(folder, 'jobs.log'), content);
    const { code, err } = await list(folder);
    expect(code).toBe(1);
    expect(err).toMatch(problem);
  });

  it('is refused for what is no store, a damaged one and a newer one', async () => {
    const folder = await storeWith(jobRecord('1'), jobRecord('2'), jobRecord('3'));
    const log = join(folder, 'jobs.log');
    const whole = readFileSync(log, 'utf8');
    writeFileSync(log, whole.replace('"id":"1"', '"id":"7"'));
    expect(await list(folder)).toMatchObject({ code: 1, err: expect.stringContaining('byte 16') });
    writeFileSync(log, whole.replace('tickloom-jobs 1', 'tickloom-jobs 2'));
    expect(await list(folder)).toMatchObject({ code: 1, err: expect.stringContaining('version 2') });
    const nothing = join(SCRATCH.folder, 'nothing');
    expect(await list(nothing)).toMatchObject({ code: 1, err: expect.stringContaining('found none') });
    expect(JSON.parse((await list(nothing, { json: true })).out).error.code).toBe('STORE_INVALID');
  });
});

describe('tickloom jobs show', () => {
  it('prints a job by its id, or the last one of a name, without credentials', async () => {
    const spec = { source: { use: 'polygon', apiKey: 'hush' }, sink: { use: 'null' } };
    const folder = await storeWith(
      jobRecord('1', { name: 'quotes', sequence: 1, ...ENDED }),
      jobRecord('2', { name: 'quotes', sequence: 2, spec }),
    );
    const { code, out } = await show(folder, 'quotes', { nowMs: 12_000 });
    expect(code).toBe(0);
    expect(out).toContain('id         2\n');
    expect(out).toContain('backingOff, for 11 s');
    expect(out).toContain('1: 1970-01-01T00:00:00.002Z, failed after 0 s: broke off [SOURCE_FAILED]');
    expect(out).toContain('polygon');
    expect(out).not.toContain('hush');
    expect((await show(folder, '1')).out).toContain('completed');
    const data = JSON.parse((await show(folder, '2', { json: true })).out);
    expect(data).toMatchObject({ id: '2', holder: null, next: 'goes on', runs: [{ attempt: 1 }] });
    expect(JSON.stringify(data)).not.toContain('hush');
  });

  it('says of an unknown job where to look', async () => {
    const folder = await storeWith();
    expect(await show(folder, 'x')).toMatchObject({
      code: 1,
      err: expect.stringContaining('tickloom jobs list --store'),
    });
  });
});

describe('tickloom jobs delete', () => {
  it('changes nothing without --yes', async () => {
    const folder = await storeWith(jobRecord('1', ENDED));
    expect(await remove(folder, '1')).toMatchObject({ code: 1, err: expect.stringContaining('Add --yes') });
    expect((await list(folder)).out).toContain('job-1');
  });

  it('deletes an ended job, with its checkpoints', async () => {
    const folder = await storeWith(jobRecord('1', ENDED), jobRecord('2', ENDED));
    await checkpointed(folder, 'job-1');
    await checkpointed(folder, 'job-2');
    expect(await remove(folder, 'job-1', { yes: true })).toMatchObject({
      code: 0,
      out: expect.stringContaining('with its history and its checkpoints'),
    });
    expect((await list(folder)).out).not.toContain('job-1');
    const checkpoints = new FileCheckpointStore(join(folder, 'checkpoints'));
    expect((await checkpoints.list()).map(({ key }) => key)).toEqual(['job-2']);
    expect(readdirSync(folder).sort()).toEqual(['checkpoints', 'jobs.log']);
  });

  it('leaves the checkpoints of a later job of the same name', async () => {
    const folder = await storeWith(
      jobRecord('1', { name: 'quotes', sequence: 1, ...ENDED }),
      jobRecord('2', { name: 'quotes', sequence: 2 }),
    );
    await checkpointed(folder, 'quotes');
    const { code, out } = await remove(folder, '1', { yes: true, json: true });
    const checkpointFolder = join(folder, 'checkpoints');
    const document = { id: '1', name: 'quotes', done: true, checkpoints: false, checkpointFolder };
    expect([code, JSON.parse(out)]).toEqual([0, document]);
    expect(await new FileCheckpointStore(join(folder, 'checkpoints')).list()).toHaveLength(1);
  });

  it.each([
    ['--checkpoints', (kept: string) => ({ checkpoints: kept })],
    [
      '--settings',
      (kept: string) => {
        const settings = join(SCRATCH.folder, 'settings.yaml');
        writeFileSync(settings, JSON.stringify({ checkpoints: { path: kept } }));
        return { settings };
      },
    ],
  ])('deletes checkpoints that are kept where %s says', async (_, options) => {
    const folder = await storeWith(jobRecord('1', ENDED));
    const elsewhere = join(SCRATCH.folder, `elsewhere-${folders++}`);
    await checkpointed(elsewhere, 'job-1');
    const kept = join(elsewhere, 'checkpoints');
    expect((await remove(folder, '1')).out).toContain(
      `no checkpoints of its own are in ${join(folder, 'checkpoints')}`,
    );
    expect(await remove(folder, '1', { yes: true, ...options(kept) })).toMatchObject({
      code: 0,
      out: expect.stringContaining(`its checkpoints in ${kept}`),
    });
    expect(await new FileCheckpointStore(kept).list()).toEqual([]);
  });

  it('is refused if the job has begun before the store was taken', async () => {
    const folder = await storeWith(jobRecord('1', ENDED));
    let looks = 0;
    const fs = Object.assign(Object.create(nodeFileSystem), {
      open: async (...args: Parameters<typeof nodeFileSystem.open>) => {
        const [path, flags] = args;
        // Behind the first look at the log, somebody starts the job, and ends.
        if (String(path).endsWith('jobs.log') && flags === 'r' && ++looks === 2) {
          const log = join(folder, 'jobs.log');
          const json = JSON.stringify([['job', '1', jobRecord('1', { state: 'running' })]]);
          appendFileSync(log, encodeFrame(json));
        }
        return nodeFileSystem.open(...args);
      },
    });
    expect(await remove(folder, '1', { yes: true, fs })).toMatchObject({
      code: 1,
      err: expect.stringContaining('found one that is "running"'),
    });
    expect((await list(folder)).out).toContain('job-1');
  });

  it('is refused for a job that has not ended, unless that is meant', async () => {
    const folder = await storeWith(jobRecord('1'));
    expect(await remove(folder, '1', { yes: true })).toMatchObject({
      code: 1,
      err: expect.stringContaining('--unended'),
    });
    expect((await remove(folder, '1', { yes: true, unended: true })).code).toBe(0);
    expect((await list(folder)).out).toContain('no jobs');
  });

  it('is refused while a process has the store', async () => {
    const folder = await storeWith(jobRecord('1', ENDED));
    const store = new FileJobStore(folder);
    await store.load();
    expect(await remove(folder, '1', { yes: true })).toMatchObject({
      code: 1,
      err: expect.stringMatching(new RegExp(`process ${process.pid}.*stop it first`)),
    });
    expect((await store.load()).jobs).toHaveLength(1);
    await store.close();
  });
});

describe('tickloom checkpoints', () => {
  it('means the checkpoints in a store of jobs where it is given one', async () => {
    const folder = await storeWith(jobRecord('1'));
    await checkpointed(folder, 'job-1');
    const { code, out } = await called(async (terminal) =>
      listCheckpoints(await checkpointFolderIn(folder), {}, terminal),
    );
    expect(code).toBe(0);
    expect(out).toContain('job-1');
    const other = join(SCRATCH.folder, 'other');
    mkdirSync(other);
    expect(await checkpointFolderIn(other)).toBe(other);
  });
});
