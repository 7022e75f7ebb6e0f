import { afterEach, describe, expect, it } from 'vitest';
import type { ThreadTime } from '../../src/hosts/thread-time.js';
import type { JobOptions } from '../../src/supervision/supervisor.js';
import type { WatchdogSettings } from '../../src/supervision/watchdog.js';
import type { ResolvedSpec } from '../../src/wire/resolved-spec.js';
import { type FakeRun, until } from './fake-threads.js';
import { crash, onFailure, reportOf, specOf, startSupervisor } from './job-fixtures.js';

const WATCHDOG: WatchdogSettings = { loopMs: 30_000, progressMs: 60_000, onStall: 'restart' };
const CHECKPOINTS = { path: 'checkpoints', everyMs: 1_000 };
const fenced = (name: string) => specOf(name, { facts: { isFenced: true } });
const left = { code: 'THREAD_LEFT_RUNNING', message: 'left', retryable: false } as const;

let open: FakeRun[] = [];
afterEach(() => {
  for (const run of open) run.lose(crash);
  open = [];
});

/** A supervisor with a watchdog. Threads are in a call that does not return, unless they beat. */
function start(watchdog: Partial<WatchdogSettings> = {}, maxThreads = 8) {
  const asked: number[] = [];
  const threadTime = (id: number): ThreadTime => {
    asked.push(id);
    return { ranNs: 0, waitedNs: 0, isRunnable: false };
  };
  const rig = startSupervisor({ maxThreads }, { watchdog: { ...WATCHDOG, ...watchdog }, threadTime });
  const running = async (spec: ResolvedSpec | string, options: JobOptions = {}) => {
    const job = rig.supervisor.submit(typeof spec === 'string' ? specOf(spec) : spec, undefined, options);
    const thread = rig.threads.last;
    open.push(thread);
    await comeUp(thread, () => job.state === 'running');
    return { job, thread };
  };
  /** Lets time pass while the loops of some threads turn. */
  const pass = (ms: number, beating: readonly FakeRun[] = []) => {
    for (let passed = 0; passed < ms; passed += 500) {
      for (const { counters } of beating) counters.set('heartbeatNs', rig.clock.now());
      rig.clock.advance(500);
    }
  };
  return { ...rig, running, pass, asked };
}

async function comeUp(thread: FakeRun, isUp: () => boolean): Promise<void> {
  thread.counters.set('startStep', 2); // all stages are open
  thread.answer();
  await until(isUp);
}

describe('a job under the watchdog', () => {
  it('is ended if the loop of its thread does not turn, and told of', async () => {
    const { running, pass, events } = start();
    const { job, thread } = await running('loops');
    thread.watch.atWork[0] = 1;
    pass(33_000);
    expect(job.state).toBe('draining');
    expect(thread.timesEnded).toBe(1);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'job.stuck',
        name: 'loops',
        error: expect.objectContaining({ code: 'THREAD_STUCK', stage: 'source' }),
      }),
    );
    thread.lose(crash);
    expect(await job.outcome).toMatchObject({ outcome: 'failed', error: { code: 'THREAD_STUCK' } });
  });

  it('is left alone as long as the loop turns, also while it is paused', async () => {
    const { running, pass } = start();
    const { job, thread } = await running('turns');
    pass(600_000, [thread]);
    expect(job.state).toBe('running');
    await job.pause();
    thread.watch.tellHeld({ place: 3, sinceNs: 1n });
    pass(600_000, [thread]);
    expect(job.state).toBe('paused');
    expect(job.inspect().stalled).toBeUndefined();
  });

  it('is started again after it was stuck, by its policy', async () => {
    const { running, pass, threads } = start();
    const { job, thread } = await running('again', { restart: onFailure });
    pass(34_000);
    thread.lose(crash);
    await until(() => job.state === 'backingOff');
    expect(job.inspect().error).toMatchObject({ code: 'THREAD_STUCK' });
    pass(1_000);
    expect(threads.runs).toHaveLength(2);
    open.push(threads.last);
  });

  it('is told of if rows wait and nothing moves, and ended after the same time again', async () => {
    const { running, pass, events } = start();
    const { job, thread } = await running('held');
    thread.watch.tellHeld({ place: 3, sinceNs: 1n });
    pass(58_000, [thread]);
    expect(job.inspect().stalled).toBeUndefined();
    pass(4_000, [thread]);
    expect(job.inspect()).toMatchObject({ state: 'running', stalled: { stage: 'sink' } });
    pass(60_000, [thread]);
    expect(job.state).toBe('draining');
    expect(events.filter(({ type }) => type === 'job.stalled')).toEqual([
      expect.objectContaining({ stage: 'sink' }),
      expect.objectContaining({ error: expect.objectContaining({ code: 'JOB_STALLED', stage: 'sink' }) }),
    ]);
    thread.finish(reportOf('stopped'));
    expect(await job.outcome).toMatchObject({ outcome: 'failed', error: { code: 'JOB_STALLED' } });
  });

  it('is only told of without a restart, once, until rows move', async () => {
    const { running, pass, events } = start({ onStall: 'warn' });
    const { job, thread } = await running('held');
    const told = () => events.filter(({ type }) => /stalled|moving/.test(type)).map(({ type }) => type);
    thread.watch.tellHeld({ place: 3, sinceNs: 1n });
    pass(300_000, [thread]);
    expect([job.state, told()]).toEqual(['running', ['job.stalled']]);
    thread.counters.add('rowsOut', 10);
    pass(2_000, [thread]);
    expect(told()).toEqual(['job.stalled', 'job.moving']);
    expect(job.inspect().stalled).toBeUndefined();
  });

  it.each([
    ['nothing waits: its source is silent', () => {}],
    [
      'calls end and begin anew',
      (thread: FakeRun, i: number) => thread.watch.tellHeld({ place: 3, sinceNs: BigInt(i) }),
    ],
    [
      'rows leave while one call goes on',
      (thread: FakeRun) => {
        thread.watch.tellHeld({ place: 3, sinceNs: 1n });
        thread.counters.add('rowsOut', 1);
      },
    ],
  ] as const)('is not stalled while %s', async (_, act) => {
    const { running, pass, events } = start();
    const { job, thread } = await running('fine');
    for (let i = 0; i < 300; i++) {
      act(thread, i);
      pass(1_000, [thread]);
    }
    expect(job.state).toBe('running');
    expect(events.some(({ type }) => type === 'job.stalled')).toBe(false);
  });

  it('asks the system about no thread whose loop turns, and nobody when both deadlines are off', async () => {
    const { running, pass, asked } = start();
    const { thread } = await running('turns');
    pass(60_000, [thread]);
    expect(asked).toEqual([]);
    const off = start({ loopMs: 0, progressMs: 0 });
    const { job } = await off.running('off');
    off.pass(600_000);
    expect(job.state).toBe('running');
  });
});

describe('a thread that could not be ended', () => {
  it('is followed by another run if all sinks are fenced, and its place is not used', async () => {
    const { running, pass, threads, supervisor } = start({}, 3);
    const { job, thread } = await running(fenced('fenced'), { restart: onFailure, checkpoints: CHECKPOINTS });
    pass(45_000); // it is not gone in time
    expect(job.inspect().runs[0]).toMatchObject({ error: { code: 'THREAD_STUCK' } });
    expect(supervisor.threadsLeft).toEqual({ all: 1, blocked: 1 });
    const next = threads.last;
    expect(threads.runs).toHaveLength(2);
    open.push(next);
    await comeUp(next, () => job.state === 'running');
    // Three places: one of the job, one of the thread that was left, one for others.
    const others = ['a', 'b'].map((name) => supervisor.submit(specOf(name)));
    expect(others.map(({ state }) => state)).toEqual(['starting', 'queued']);
    open.push(threads.last);
    thread.lose(crash);
    await until(() => others[1]!.state === 'starting');
    open.push(threads.last);
    expect(job.state).toBe('running');
    expect(supervisor.threadsLeft).toEqual({ all: 0, blocked: 0 });
  });

  it('is waited for where there is no other place for the next run', async () => {
    const { running, pass, threads } = start({}, 1);
    const { job, thread } = await running(fenced('alone'), { restart: onFailure, checkpoints: CHECKPOINTS });
    pass(60_000);
    expect([job.state, threads.runs.length]).toEqual(['backingOff', 1]);
    thread.lose(crash);
    await until(() => threads.runs.length === 2);
    open.push(threads.last);
  });

  it.each([
    ['a sink that is not fenced', specOf('a'), CHECKPOINTS],
    ['no checkpoints', fenced('b'), undefined],
    ['dead letters', { ...fenced('c'), deadLetter: { path: 'bad', maxRows: 1 } }, CHECKPOINTS],
  ] as const)('ends its job for good with %s', async (_, spec, checkpoints) => {
    const { running, pass } = start();
    const { job } = await running(spec, { restart: onFailure, checkpoints });
    pass(34_000);
    pass(11_000);
    expect(await job.outcome).toMatchObject({
      outcome: 'failed',
      error: { code: left.code, message: expect.stringContaining('No other run follows') },
    });
  });
});
