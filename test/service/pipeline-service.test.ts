import { describe, expect, it } from 'vitest';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { PipelineService } from '../../src/service/pipeline-service.js';
import { SubmitOptions } from '../../src/service/submit-options.js';
import { JobLimits } from '../../src/settings/job-limits.js';
import type { JobHandle, RuntimeEvent } from '../../src/supervision/job.js';
import type { SupervisorSettings } from '../../src/supervision/supervisor.js';
import { until } from '../supervision/fake-threads.js';
import { crash, reportOf, specOf, supervisorContext } from '../supervision/job-fixtures.js';

function startService({
  limits = {},
  ...settings
}: Partial<SupervisorSettings> & { readonly limits?: Parameters<typeof JobLimits.parse>[0] } = {}) {
  const context = supervisorContext(settings);
  const service = new PipelineService({ ...context, limits: JobLimits.parse(limits) });
  const events: RuntimeEvent[] = [];
  service.on((event) => events.push(event));
  const submit = (name: string, options: SubmitOptions = {}, more: object = {}) =>
    service.submit({ ...specOf(name), ...more }, undefined, SubmitOptions.parse(options));
  const finish = async (job: JobHandle, outcome: 'completed' | 'stopped' | 'failed' = 'completed') => {
    context.threads.of(job.name).finish(reportOf(outcome));
    await job.outcome;
    await turnOfTheLoop();
  };
  const started = () => context.threads.runs.map(({ task }) => task.spec.name);
  return { ...context, service, events, submit, finish, started };
}

const stateOf = (job: JobHandle) => job.inspect().state;

describe('the pipeline service', () => {
  it('starts jobs by priority as threads become free, and says what each was submitted with', async () => {
    const { submit, finish, started } = startService({ maxThreads: 1 });
    const first = submit('first');
    submit('later');
    const urgent = submit('urgent', { priority: 5, tenant: 'desk', labels: { team: 'fx' } });
    expect(urgent.inspect()).toMatchObject({
      state: 'queued',
      priority: 5,
      tenant: 'desk',
      labels: { team: 'fx' },
      waitsFor: [{ for: 'turn' }],
    });
    await finish(first);
    await finish(urgent);
    expect(started()).toEqual(['first', 'urgent', 'later']);
    expect(urgent.inspect().waitsFor).toBeUndefined();
  });

  it('lets the priority of jobs rise with the time that they wait', async () => {
    const { submit, finish, started, clock } = startService({ maxThreads: 1, limits: { ageingMs: 1_000 } });
    const first = submit('first');
    submit('old');
    clock.advance(2_000);
    submit('young', { priority: 1 });
    await finish(first);
    expect(started()).toEqual(['first', 'old']);
  });

  it('starts a job once those that it depends on have come to their points', async () => {
    const { submit, finish, threads } = startService();
    const feed = submit('feed');
    const reader = submit('reader', { dependsOn: [{ job: 'feed', on: 'ready' }] });
    const report = submit('report', { dependsOn: [{ job: feed.id }] });
    expect(report.inspect()).toMatchObject({
      dependsOn: [{ job: 'job-1', id: 'job-1', on: 'succeeded' }],
      waitsFor: [{ for: 'job', job: 'feed', on: 'succeeded' }],
    });
    threads.of('feed').answer();
    await until(() => stateOf(reader) === 'starting');
    expect(stateOf(report)).toBe('queued');
    await finish(feed);
    expect(stateOf(report)).toBe('starting');
  });

  it('fails a job whose dependency can no longer be met, and says why, along the chain', async () => {
    const { submit, finish } = startService();
    const load = submit('load');
    const cleanup = submit('cleanup', { dependsOn: [{ job: 'load', on: 'completed' }] });
    const publish = submit('publish', { dependsOn: [{ job: 'load' }] });
    const notify = submit('notify', { dependsOn: [{ job: 'publish' }] });
    await finish(load, 'failed');
    expect(await publish.outcome).toMatchObject({
      outcome: 'failed',
      error: {
        code: 'DEPENDENCY_UNMET',
        retryable: false,
        message: expect.stringMatching(/"load" to complete .* is failed: the feed broke/),
      },
    });
    expect((await notify.outcome).error?.message).toMatch(/"publish"/);
    expect(stateOf(cleanup)).toBe('starting');
  });

  it('counts ends from before a submit', async () => {
    const { submit, finish } = startService();
    await finish(submit('good'));
    await finish(submit('bad'), 'stopped');
    expect(stateOf(submit('after good', { dependsOn: [{ job: 'good' }] }))).toBe('starting');
    const report = await submit('after bad', { dependsOn: [{ job: 'bad' }] }).outcome;
    expect(report.error?.code).toBe('DEPENDENCY_UNMET');
  });

  it('waits for a name that is submitted later, but refuses an id that nobody has', () => {
    const { submit } = startService();
    const reader = submit('reader', { dependsOn: [{ job: 'feed', on: 'started' }] });
    expect(reader.inspect().dependsOn).toEqual([{ job: 'feed', on: 'started' }]);
    submit('feed');
    return until(() => stateOf(reader) === 'starting').then(() => {
      expect(() => submit('other', { dependsOn: [{ job: 'job-77' }] })).toThrow(
        expect.objectContaining({ code: 'JOB_UNKNOWN' }),
      );
    });
  });

  it('refuses jobs that would wait for one another, and names them', () => {
    const { submit, service } = startService();
    submit('a', { dependsOn: [{ job: 'c' }] });
    submit('b', { dependsOn: [{ job: 'a' }] });
    expect(() => submit('c', { dependsOn: [{ job: 'b' }] })).toThrow(/"c" → "b" → "a" → "c"/);
    expect(service.list()).toHaveLength(2);
  });

  it('refuses a job that names itself, and takes one that has the id of an earlier one', async () => {
    const { submit, finish } = startService();
    const earlier = submit('load');
    await finish(earlier);
    expect(() => submit('load', { dependsOn: [{ job: 'load' }] })).toThrow(
      expect.objectContaining({ code: 'DEPENDENCY_CYCLE', message: expect.stringContaining('give its id') }),
    );
    expect(stateOf(submit('load', { dependsOn: [{ job: earlier.id }] }))).toBe('starting');
  });

  it('refuses a job while as many wait as may, and takes it when one has left', async () => {
    const { submit, finish } = startService({ maxThreads: 1, limits: { queued: 2 } });
    const first = submit('first');
    for (const name of ['a', 'b']) submit(name);
    expect(() => submit('c')).toThrow(
      expect.objectContaining({
        code: 'JOB_QUEUE_FULL',
        retryable: true,
        message: expect.stringMatching(/^2 jobs/),
      }),
    );
    await finish(first);
    submit('c');
  });

  it('takes into a full queue a job that others wait for, and that waits for none', async () => {
    const { submit, finish } = startService({ limits: { queued: 2 } });
    const waiting = ['a', 'b'].map((name) => submit(name, { dependsOn: [{ job: 'c' }] }));
    const isFull = expect.objectContaining({ code: 'JOB_QUEUE_FULL' });
    expect(() => submit('d')).toThrow(isFull);
    expect(() => submit('c', { dependsOn: [{ job: 'd' }] })).toThrow(isFull);
    await finish(submit('c'));
    await turnOfTheLoop();
    expect(waiting.map(stateOf)).toEqual(['starting', 'starting']);
  });

  it('keeps the places of a job until its end, also while it is paused', async () => {
    const { submit, finish, threads } = startService({ limits: { jobsByTenant: { desk: 1 } } });
    const first = submit('first', { tenant: 'desk' });
    const second = submit('second', { tenant: 'desk' });
    threads.of('first').answer();
    await first.pause();
    await turnOfTheLoop();
    expect(second.inspect().waitsFor).toEqual([{ for: 'tenant', tenant: 'desk', limitJobs: 1 }]);
    expect(stateOf(submit('other'))).toBe('starting');
    await finish(first);
    expect(stateOf(second)).toBe('starting');
  });

  it('limits the jobs of a provider that a budget, a breaker or a source names', async () => {
    const { submit, finish } = startService({ limits: { jobsByProvider: { venue: 1, fake: 3 } } });
    const budget = submit('budget', {}, { gate: { budget: { provider: 'venue', cost: 1 } } });
    const breaker = submit('breaker', {}, { gate: { breaker: 'venue' } });
    expect(breaker.inspect().waitsFor).toEqual([{ for: 'provider', provider: 'venue', limitJobs: 1 }]);
    const [one, two, three] = ['one', 'two', 'three'].map((name) => submit(name));
    expect([one, two, three].map((job) => stateOf(job!))).toEqual(['starting', 'starting', 'queued']);
    await finish(budget);
    expect(stateOf(breaker)).toBe('starting');
  });

  it('tells that a job waits and for what, after the events that it follows from', async () => {
    const { submit, finish, events } = startService({ maxThreads: 1 });
    const feed = submit('feed');
    submit('busy');
    submit('reader', { dependsOn: [{ job: 'feed' }] });
    await finish(feed);
    await turnOfTheLoop();
    const told = events.map((event) => {
      if (event.type === 'job.ended') return `${event.report.name} ended`;
      if (event.type === 'job.state') return `${event.name} ${event.state}`;
      if (event.type !== 'job.waiting') return event.type;
      return `${event.name} waits for ${event.waitsFor.map((reason) => reason.for)}`;
    });
    expect(told).toEqual([
      'feed queued',
      'feed starting',
      'busy queued',
      'busy waits for turn',
      'reader queued',
      'reader waits for job',
      'feed completed',
      'feed ended',
      'busy starting',
      'reader waits for turn',
    ]);
  });

  it('deletes no job that has not ended, and forgets one that has', async () => {
    const { submit, finish, service } = startService();
    const feed = submit('feed');
    await expect(service.remove('feed')).rejects.toMatchObject({
      code: 'JOB_STATE',
      message: expect.stringMatching(/"feed" \(job-1\) is starting: stop or drain it/),
    });
    await finish(feed);
    expect(await service.remove('feed')).toMatchObject({ id: 'job-1', outcome: 'completed' });
    expect(() => service.get('feed')).toThrow(expect.objectContaining({ code: 'JOB_UNKNOWN' }));
  });

  it('stops what waits when it closes, and fails none of it', async () => {
    const { submit, service, threads } = startService({ maxThreads: 1 });
    submit('feed');
    const jobs = ['a', 'b'].map((name) => submit(name, { dependsOn: [{ job: 'feed' }] }));
    const chained = submit('c', { dependsOn: [{ job: 'a' }] });
    const closed = service.close();
    threads.last.finish(reportOf('completed'));
    await closed;
    expect([...jobs, chained].map(stateOf)).toEqual(['stopped', 'stopped', 'stopped']);
    expect(threads.runs).toHaveLength(1);
  });

  it('fails what waits for a failed job, also after a close with a wrong deadline was refused', async () => {
    const { submit, finish, service } = startService();
    const feed = submit('feed');
    const reader = submit('reader', { dependsOn: [{ job: 'feed' }] });
    await expect(service.close({ deadlineMs: -1 })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
    expect(service.isClosed).toBe(false);
    await finish(feed, 'stopped');
    expect((await reader.outcome).error).toMatchObject({ code: 'DEPENDENCY_UNMET' });
  });

  it('ends any number of jobs that wait for a failed one, fifty in a turn', async () => {
    const { submit, events, threads } = startService({ maxThreads: 1 });
    submit('feed');
    for (let i = 0; i < 1_999; i++) submit(`job ${i}`, { dependsOn: [{ job: 'feed' }] });
    threads.last.lose(crash);
    const ended = () => events.filter(({ type }) => type === 'job.ended').length;
    for (let before = 0; before < 2_000; ) {
      await turnOfTheLoop();
      const now = ended();
      expect(now - before).toBeLessThanOrEqual(50 + 1);
      before = now;
    }
  });
});
