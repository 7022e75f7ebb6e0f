/** A process and a machine that die before any operation of a store. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../src/core/random.js';
import { ENDS } from '../support/crash-at.js';
import { CrashingFileSystem } from '../support/crashing-file-system.js';
import { operations } from '../support/deep.js';
import { jobRecord } from './job-record.js';
import { mortalStore, newFolder, reopened } from './store-rig.js';

const REWRITE = { rewriteBytesMin: 3_000 };

/** What was acknowledged of each job, and what was asked for last: its sequence, or nothing. */
type Model = Map<string, { acknowledged: number | undefined; asked: Set<number | undefined> }>;

function asked(model: Model, id: string, sequence: number | undefined) {
  const entry = model.get(id) ?? { acknowledged: undefined, asked: new Set([undefined]) };
  model.set(id, entry);
  entry.asked.add(sequence);
  return () => {
    entry.acknowledged = sequence;
    entry.asked = new Set([sequence]);
  };
}

async function expectKept(folder: string, model: Model): Promise<void> {
  const { jobs } = await reopened(folder, REWRITE);
  const found = new Map(jobs.map((job) => [job.id, job]));
  for (const [id, { asked: possible }] of model) {
    const job = found.get(id);
    expect([...possible]).toContain(job?.sequence);
    if (job) expect(job).toEqual(jobRecord(id, { sequence: job.sequence }));
    // What the new process has found is what counts from now on.
    model.get(id)!.asked = new Set([job?.sequence]);
    found.delete(id);
  }
  expect([...found.keys()]).toEqual([]);
}

/** Puts, deletes and rewrites. */
async function work(folder: string, fs: CrashingFileSystem['fs'], model: Model): Promise<void> {
  const store = mortalStore(folder, { fs, ...REWRITE });
  await store.load();
  for (let sequence = 0; sequence < 12; sequence++) {
    const id = `id-${sequence % 4 === 3 ? 1 : 0}`;
    const acknowledge = asked(model, id, sequence);
    await store.putJob(jobRecord(id, { sequence }));
    acknowledge();
    if (sequence !== 4) continue;
    const gone = asked(model, 'id-1', undefined);
    await store.deleteJob('id-1');
    gone();
  }
  await store.close();
}

describe('a store of jobs', () => {
  for (const end of ENDS) {
    it(`has all that was acknowledged when its process ${end.end} before any operation`, async () => {
      let rewrites = 0;
      for (const at of operations()) {
        const disk = new CrashingFileSystem();
        disk.stopAt = at;
        const folder = newFolder();
        const model: Model = new Map();
        await work(folder, disk.fs, model).catch((error: unknown) => {
          if (!disk.isStopped) throw error;
        });
        const isReached = disk.isStopped;
        rewrites = Math.max(rewrites, disk.log.filter((line) => line.startsWith('rename')).length);
        const random = new Random(at);
        if (end.powerCut && isReached) await disk.cutPower(end.isPartial ? () => random.next() : undefined);
        else await disk.kill();
        await expectKept(folder, model);
        // It is whole: the next process works on.
        await work(folder, new CrashingFileSystem().fs, model);
        await expectKept(folder, model);
        if (!isReached) break;
      }
      expect(rewrites).toBeGreaterThan(1); // the first one is when it is made
    });
  }

  it('has all that was acknowledged, or was never told otherwise, when any operation fails', async () => {
    for (const code of ['EIO', 'ENOSPC']) {
      for (const at of operations()) {
        const disk = new CrashingFileSystem();
        disk.failAt = at;
        disk.failWith = code;
        const folder = newFolder();
        const model: Model = new Map();
        await work(folder, disk.fs, model).catch((error: { readonly code?: string }) => {
          expect(error.code).toMatch(/^STORE_FAILED$|^OUTPUT_FAILED$/);
        });
        await disk.kill();
        await expectKept(folder, model);
        if (disk.log.length <= at) break;
      }
    }
  });

  it('equals a map after any puts, deletes, crashes and power cuts', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ put: fc.nat(4), wait: fc.boolean() }) },
      { weight: 2, arbitrary: fc.record({ drop: fc.nat(4), wait: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ crash: fc.constantFrom(...ENDS), seed: fc.nat() }) },
    );
    const work = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const folder = newFolder();
      const model: Model = new Map();
      let disk = new CrashingFileSystem();
      let store = mortalStore(folder, { fs: disk.fs, ...REWRITE });
      let sequence = 0;
      for (const step of steps) {
        if ('crash' in step) {
          // Changes under way: some of them may have been made.
          const random = new Random(step.seed);
          if (step.crash.powerCut) await disk.cutPower(() => random.next());
          else await disk.kill();
          await expectKept(folder, model);
          disk = new CrashingFileSystem();
          store = mortalStore(folder, { fs: disk.fs, ...REWRITE });
          continue;
        }
        const id = `id-${'put' in step ? step.put : step.drop}`;
        const next = 'put' in step ? ++sequence : undefined;
        const acknowledge = asked(model, id, next);
        const change =
          next === undefined ? store.deleteJob(id) : store.putJob(jobRecord(id, { sequence: next }));
        if (step.wait) await change.then(acknowledge);
        else change.catch(() => undefined);
      }
      await store.close();
      await expectKept(folder, model);
    });
    await fc.assert(work, { numRuns: 60 });
  });
});
