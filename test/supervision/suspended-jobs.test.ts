import { describe, expect, it } from 'vitest';
import { until } from './fake-threads.js';
import { reportOf, specOf, startSupervisor } from './job-fixtures.js';

const checkpoints = { path: 'checkpoints', everyMs: 1_000 };

async function startBoth() {
  const rig = startSupervisor();
  const kept = rig.supervisor.submit(specOf('kept'), undefined, { checkpoints });
  const plain = rig.supervisor.submit(specOf('plain'));
  for (const run of rig.threads.runs) run.answer();
  await until(() => kept.state === 'running' && plain.state === 'running');
  const asked = (name: string) => rig.threads.of(name).asked;
  return { ...rig, kept, plain, asked };
}

describe('a job with checkpoints', () => {
  it('is suspended when its supervisor closes, and one without is drained', async () => {
    const { supervisor, threads, kept, plain, asked } = await startBoth();
    const closed = supervisor.close();
    await until(() => asked('kept').length > 0 && asked('plain').length > 0);
    expect([asked('kept'), asked('plain')]).toEqual([['suspend'], ['drain']]);
    threads.of('kept').finish(reportOf('stopped', { reason: 'suspended' }));
    threads.of('plain').finish(reportOf('completed', { reason: 'drained' }));
    await closed;
    expect(await kept.outcome).toMatchObject({ outcome: 'stopped', reason: 'suspended' });
    expect(await plain.outcome).toMatchObject({ outcome: 'completed', reason: 'drained' });
  });

  it('is ended at the deadline of a suspend, and says which checkpoint the next start goes on from', async () => {
    const { threads, kept, clock } = await startBoth();
    const suspended = kept.suspend({ deadlineMs: 500 });
    clock.advance(500);
    clock.advance(250);
    expect(threads.of('kept').timesEnded).toBe(1);
    threads.of('kept').lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: true });
    const { outcome, error } = await suspended;
    expect([outcome, error?.code]).toEqual(['stopped', 'DRAIN_TIMED_OUT']);
    expect(error?.message).toContain('the next start goes on from the one before');
  });
});
