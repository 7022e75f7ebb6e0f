import { describe, expect, it } from 'vitest';
import type { JobStore } from '../../src/store/job-store.js';
import { jobRecord, scheduleRecord } from './job-record.js';

/** What holds of any store of jobs. */
export function jobStoreLaws(name: string, newStore: () => JobStore): void {
  describe(`a store of jobs ${name}`, () => {
    it('has nothing at first', async () => {
      const store = newStore();
      expect(await store.load()).toEqual({ jobs: [], schedules: [] });
      await store.close();
    });

    it('has jobs in the order of their submission, whatever the order in which they were put', async () => {
      const store = newStore();
      await Promise.all([3, 1, 2].map((sequence) => store.putJob(jobRecord(`id-${sequence}`, { sequence }))));
      const { jobs } = await store.load();
      expect(jobs).toEqual([1, 2, 3].map((sequence) => jobRecord(`id-${sequence}`, { sequence })));
      await store.close();
    });

    it('replaces and deletes by id, and by name of a schedule', async () => {
      const store = newStore();
      await store.putJob(jobRecord('a'));
      await store.putJob(jobRecord('b'));
      await store.putSchedule(scheduleRecord('s'));
      await store.putSchedule(scheduleRecord('t'));
      await store.putJob(jobRecord('a', { state: 'running', restarts: undefined }));
      await store.putSchedule(scheduleRecord('s', { progress: { seenMs: 6 } }));
      await store.deleteJob('b');
      await store.deleteSchedule('t');
      await store.deleteJob('unknown');
      expect(await store.load()).toEqual({
        jobs: [jobRecord('a', { state: 'running', restarts: undefined })],
        schedules: [scheduleRecord('s', { progress: { seenMs: 6 } })],
      });
      await store.close();
    });

    it('makes changes in the order of the calls, also those that were not awaited', async () => {
      const store = newStore();
      const changes = [
        store.putJob(jobRecord('a', { sequence: 1 })),
        store.deleteJob('a'),
        store.putJob(jobRecord('a', { sequence: 2 })),
        store.putJob(jobRecord('b')),
        store.deleteJob('b'),
      ];
      await Promise.all(changes);
      expect((await store.load()).jobs).toEqual([jobRecord('a', { sequence: 2 })]);
      await store.close();
    });

    it('shares no memory with what it takes and returns', async () => {
      const store = newStore();
      const record = jobRecord('a') as { spec: { rows?: number } };
      const put = store.putJob(record as never);
      record.spec.rows = 7;
      await put;
      const [first] = (await store.load()).jobs;
      (first as { spec: { rows?: number } }).spec.rows = 8;
      expect((await store.load()).jobs).toEqual([jobRecord('a')]);
      await store.close();
    });

    it('keeps numbers that JSON does not have, texts of any kind and names such as "__proto__"', async () => {
      const store = newStore();
      const spec = JSON.parse('{"__proto__": 1, "$": "NaN", "text": "\\ud800 \\n \\u2028"}');
      const options = { a: Number.POSITIVE_INFINITY, b: Number.NaN, c: -0 };
      await store.putJob(jobRecord('a', { spec, options }));
      expect((await store.load()).jobs).toEqual([jobRecord('a', { spec, options })]);
      await store.close();
    });
  });
}
