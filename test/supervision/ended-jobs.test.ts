import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EndedJobs } from '../../src/supervision/ended-jobs.js';

describe('the jobs that have ended', () => {
  it('are the last ones, and of a name the last one that was not forgotten', () => {
    const step = fc.oneof(
      fc.record({ add: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ forget: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const ended = new EndedJobs<{ id: string; name: string }>(5);
        let model: { id: string; name: string }[] = [];
        for (const [i, one] of steps.entries()) {
          if ('add' in one) {
            const job = { id: `job-${i}`, name: one.add };
            ended.add(job);
            model = [...model, job].slice(-5);
          } else {
            const job = model[one.forget % Math.max(1, model.length)] ?? { id: 'job-none', name: 'a' };
            ended.delete(job);
            model = model.filter((other) => other !== job);
          }
          expect([...ended.values()]).toEqual(model);
          for (const name of ['a', 'b', 'c', 'd']) {
            expect(ended.lastOf(name)).toBe(model.findLast((job) => job.name === name));
          }
          for (const job of model) expect(ended.byId(job.id)).toBe(job);
        }
      }),
    );
  });
});
