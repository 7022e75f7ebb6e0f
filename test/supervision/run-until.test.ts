import { describe, expect, it } from 'vitest';
import { nanos } from '../../src/core/units.js';
import { JobActor } from '../../src/supervision/job-actor.js';
import { until } from './fake-threads.js';
import { crash, onFailure, specOf, startSupervisor } from './job-fixtures.js';

function startJob() {
  const rig = startSupervisor();
  const job = rig.supervisor.submit(specOf('a'), undefined, { restart: onFailure });
  if (!(job instanceof JobActor)) throw new Error('the supervisor makes job actors');
  return { ...rig, job };
}

describe('a job that may run until an instant', () => {
  it('has no end unless somebody says so', async () => {
    const { job, threads } = startJob();
    await until(() => job.state === 'starting');
    expect(threads.last.counters.mayRunUntilNs).toBe(0n);
  });

  it('moves it on in the memory of its thread, without a message', async () => {
    const { job, threads } = startJob();
    await until(() => job.state === 'starting');
    job.mayRunUntil(nanos(2n ** 60n));
    expect(threads.last.counters.mayRunUntilNs).toBe(2n ** 60n);
    expect(threads.last.asked).toEqual([]);
  });

  it('begins each later run with it', async () => {
    const { job, threads, clock } = startJob();
    await until(() => job.state === 'starting');
    job.mayRunUntil(nanos(5n));
    threads.last.lose(crash);
    await until(() => job.state === 'backingOff');
    job.mayRunUntil(nanos(7n)); // it is renewed meanwhile, too
    const { nextStartAtMs, endedAtMs } = job.inspect().runs.at(-1)!;
    clock.advance(nextStartAtMs! - endedAtMs!);
    await until(() => threads.runs.length === 2);
    expect(threads.last.counters.mayRunUntilNs).toBe(7n);
  });
});
