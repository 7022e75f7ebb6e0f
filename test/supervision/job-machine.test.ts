import { describe, expect, it } from 'vitest';
import { type ActorLogic, createActor, type SnapshotFrom, transition } from 'xstate';
import { getAdjacencyMap } from 'xstate/graph';
import type { JobState } from '../../src/supervision/job.js';
import {
  contextOfQueued,
  type JobCommand,
  type JobContext,
  type JobEvent,
} from '../../src/supervision/job-context.js';
import { createJobMachine, type JobMachine } from '../../src/supervision/job-machine.js';
import { noRestarts } from '../../src/supervision/restart-policy.js';
import { crash, ManualClock, onFailure, queuedContext, reportOf } from './job-fixtures.js';

const clock = new ManualClock();
const machine = createJobMachine(clock);
const inMs = (ms: number) => Number(clock.wall() / 1_000_000n) + ms;

/** Every event, in each variant that a guard tells apart. */
const EVENTS: readonly JobEvent[] = [
  { type: 'thread.assigned', deadlineAtMs: 30_000 },
  { type: 'actor.ready' },
  { type: 'pause.requested' },
  { type: 'resume.requested' },
  { type: 'drain.requested', deadlineAtMs: 2_000 },
  { type: 'drain.requested', deadlineAtMs: 1_000 },
  { type: 'suspend.requested', deadlineAtMs: 2_000 },
  { type: 'suspend.requested', deadlineAtMs: 1_000 },
  { type: 'stop.requested' },
  { type: 'deadline.passed' },
  { type: 'run.stuck', error: { code: 'THREAD_STUCK', message: 'loops', retryable: true } },
  { type: 'pipeline.ended', report: reportOf('completed') },
  { type: 'pipeline.ended', report: reportOf('stopped') },
  { type: 'pipeline.ended', report: reportOf('failed') },
  { type: 'thread.lost', error: crash },
  { type: 'thread.lost', error: { code: 'THREAD_LEFT_RUNNING', message: 'native', retryable: false } },
  { type: 'run.claimed', epoch: 7 },
];
const STATES: readonly JobState[] = [
  'queued',
  'starting',
  'running',
  'paused',
  'draining',
  'backingOff',
  'completed',
  'stopped',
  'failed',
  'dead',
];
const FINAL: readonly string[] = ['completed', 'stopped', 'failed', 'dead'];

/** All situations that the machine can be in, and where each event leads from there. */
type Situation = SnapshotFrom<JobMachine>;
// The graph's types know no logic that emits events of its own.
const logic = machine as unknown as ActorLogic<Situation, JobEvent, unknown>;
const graphOf = (input: JobContext) =>
  getAdjacencyMap(logic, {
    input,
    events: [...EVENTS],
    serializeState: ({ value, context }) => {
      const { pauseWanted, ending, endWanted, deadlineAtMs, error, report, restarts, runs } = context;
      const used = restarts?.decidedAtMs.length;
      const facts = [pauseWanted, ending, endWanted, deadlineAtMs, error?.code, report?.outcome, used];
      return JSON.stringify([value, ...facts, runs.at(-1)?.epoch, runs.at(-1)?.endedAtMs !== undefined]);
    },
  });
const graph = graphOf(queuedContext);
/** Of a job that may be started again once. */
const restartedGraph = graphOf(contextOfQueued(0, noRestarts({ ...onFailure, maxRestarts: 1 }, 1)));
interface Way {
  readonly event: JobEvent;
  readonly state: Situation;
}
const situationsOf = (of: typeof graph) =>
  Object.values(of).map(({ state, transitions }) => ({
    state,
    ways: Object.values(transitions) as readonly Way[],
  }));
const situations = situationsOf(graph);
const restarted = situationsOf(restartedGraph);

/** State and context of a situation in one word or two. */
function nameOf({
  value,
  context: { pauseWanted, ending, endWanted, restarts, deadlineAtMs },
}: Situation): string {
  const again = restarts && restarts.decidedAtMs.length > 0 ? ' again' : '';
  const toPause = pauseWanted ? ' to pause' : '';
  if (value === 'draining') {
    const way = {
      drain: value,
      suspend: 'suspending',
      stop: 'stopping',
      deadline: 'late',
      'no start': 'unstarted',
      stuck: 'stuck',
    }[ending!];
    const then =
      (ending !== 'no start' && ending !== 'stuck') || !restarts ? '' : endWanted ? ' to end' : toPause;
    return `${way}${then}${again}`;
  }
  if (value === 'backingOff') return `${deadlineAtMs === undefined ? 'due' : value}${toPause}`;
  if (FINAL.includes(value)) return value;
  return `${value}${value === 'queued' || value === 'starting' ? toPause : ''}${again}`;
}

const ENDS = { 'ended completed': 'completed', 'ended stopped': 'stopped', 'ended failed': 'failed' };
const LEAVES = {
  drain: 'draining, drain',
  suspend: 'suspending, suspend',
  stop: 'stopping, end',
  ...ENDS,
  lost: 'failed',
};

const WAITS = { drain: 'stopped', suspend: 'stopped', stop: 'stopped' };

/**
 * The machine once more, written down by hand: where each event leads from each situation, and what
 * is commanded. What is not listed changes nothing.
 */
const TABLE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  queued: {
    assigned: 'starting',
    pause: 'queued to pause',
    ...WAITS,
    lost: 'failed',
  },
  'queued to pause': {
    assigned: 'starting to pause, pause',
    resume: 'queued',
    ...WAITS,
    lost: 'failed',
  },
  starting: { ...LEAVES, ready: 'running', pause: 'starting to pause, pause', deadline: 'unstarted, end' },
  'starting to pause': { ...LEAVES, ready: 'paused', resume: 'starting, resume', deadline: 'unstarted, end' },
  running: { ...LEAVES, pause: 'paused, pause', stuck: 'stuck, end' },
  paused: { ...LEAVES, resume: 'running, resume', stuck: 'stuck, end' },
  draining: { ...ENDS, stop: 'stopping, end', deadline: 'late, end', lost: 'failed' },
  suspending: { ...ENDS, stop: 'stopping, end', deadline: 'late, end', lost: 'failed' },
  stopping: { ...ENDS, lost: 'stopped' },
  late: { ...ENDS, lost: 'stopped' },
  unstarted: { ...ENDS, lost: 'failed' },
  stuck: { ...ENDS, 'ended stopped': 'failed', lost: 'failed' },
  completed: {},
  stopped: {},
  failed: {},
};

/** The same of a job that may be started again once. */
const FIRST = { 'ended failed': 'backingOff', lost: 'backingOff' };
const FIRST_TO_PAUSE = { 'ended failed': 'backingOff to pause', lost: 'backingOff to pause' };
const LAST = { 'ended failed': 'dead', lost: 'dead' };

const RESTARTED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  queued: { ...TABLE.queued, lost: 'backingOff' },
  'queued to pause': { ...TABLE['queued to pause'], lost: 'backingOff to pause' },
  ...Object.fromEntries(
    (['', ' again'] as const).flatMap((again) => {
      const [then, thenToPause] = again === '' ? [FIRST, FIRST_TO_PAUSE] : [LAST, LAST];
      // What was stopped because it did not start has failed to.
      const stopped = (fails: typeof LAST) => ({ ...fails, 'ended stopped': fails.lost });
      const ends = {
        ...ENDS,
        drain: `draining${again}, drain`,
        suspend: `suspending${again}, suspend`,
        stop: `stopping${again}, end`,
      };
      const toEnd = (what: string) => ({
        drain: `${what} to end${again}, end`,
        suspend: `${what} to end${again}, end`,
        stop: `${what} to end${again}, end`,
      });
      return Object.entries({
        [`starting${again}`]: {
          ...ends,
          ...then,
          ready: `running${again}`,
          pause: `starting to pause${again}, pause`,
          deadline: `unstarted${again}, end`,
        },
        [`starting to pause${again}`]: {
          ...ends,
          ...thenToPause,
          ready: `paused${again}`,
          resume: `starting${again}, resume`,
          deadline: `unstarted to pause${again}, end`,
        },
        [`running${again}`]: {
          ...ends,
          ...then,
          pause: `paused${again}, pause`,
          stuck: `stuck${again}, end`,
        },
        [`paused${again}`]: {
          ...ends,
          ...thenToPause,
          resume: `running${again}, resume`,
          stuck: `stuck to pause${again}, end`,
        },
        [`unstarted${again}`]: {
          'ended completed': 'completed',
          ...stopped(then),
          ...toEnd('unstarted'),
          pause: `unstarted to pause${again}`,
        },
        [`unstarted to pause${again}`]: {
          'ended completed': 'completed',
          ...stopped(thenToPause),
          ...toEnd('unstarted'),
          resume: `unstarted${again}`,
        },
        [`unstarted to end${again}`]: { ...ENDS, lost: 'failed' },
        [`stuck${again}`]: {
          'ended completed': 'completed',
          ...stopped(then),
          ...toEnd('stuck'),
          pause: `stuck to pause${again}`,
        },
        [`stuck to pause${again}`]: {
          'ended completed': 'completed',
          ...stopped(thenToPause),
          ...toEnd('stuck'),
          resume: `stuck${again}`,
        },
        [`stuck to end${again}`]: { ...ENDS, lost: 'failed' },
        [`draining${again}`]: {
          ...ENDS,
          lost: 'failed',
          stop: `stopping${again}, end`,
          deadline: `late${again}, end`,
        },
        [`suspending${again}`]: {
          ...ENDS,
          lost: 'failed',
          stop: `stopping${again}, end`,
          deadline: `late${again}, end`,
        },
        [`stopping${again}`]: { ...ENDS, lost: 'stopped' },
        [`late${again}`]: { ...ENDS, lost: 'stopped' },
      });
    }),
  ),
  backingOff: {
    ...WAITS,
    assigned: 'starting again',
    pause: 'backingOff to pause',
    deadline: 'due, start',
    lost: 'dead',
  },
  'backingOff to pause': {
    ...WAITS,
    assigned: 'starting to pause again, pause',
    resume: 'backingOff',
    deadline: 'due to pause, start',
    lost: 'dead',
  },
  due: { ...WAITS, assigned: 'starting again', pause: 'due to pause', deadline: 'due, start', lost: 'dead' },
  'due to pause': {
    ...WAITS,
    assigned: 'starting to pause again, pause',
    resume: 'due',
    deadline: 'due to pause, start',
    lost: 'dead',
  },
  completed: {},
  stopped: {},
  failed: {},
  dead: {},
};
const hasDeadline = (name: string) => /^(starting|draining|suspending|backingOff)/.test(name);

const EVENT_NAMES: Readonly<Record<JobEvent['type'], string>> = {
  'thread.assigned': 'assigned',
  'actor.ready': 'ready',
  'pause.requested': 'pause',
  'resume.requested': 'resume',
  'drain.requested': 'drain',
  'suspend.requested': 'suspend',
  'stop.requested': 'stop',
  'deadline.passed': 'deadline',
  'pipeline.ended': 'ended',
  'thread.lost': 'lost',
  'run.claimed': 'claimed',
  'bound.reached': 'bound',
  'run.stuck': 'stuck',
};

describe('every path through the job machine', () => {
  it.each([
    ['one run', situations, TABLE],
    ['one restart', restarted, RESTARTED],
  ])('is the one that the table says, with its commands (%s)', (_, walkedOver, table) => {
    const walked = new Set<string>();
    for (const { state } of walkedOver) {
      const name = nameOf(state);
      walked.add(name);
      for (const event of EVENTS) {
        const isEnd = event.type === 'pipeline.ended';
        const isForGood = event.type === 'thread.lost' && !event.error.retryable;
        const what = `${EVENT_NAMES[event.type]}${isEnd ? ` ${event.report.outcome}` : ''}`;
        const to = table[name]?.[what] ?? name;
        const [next, actions] = transition(machine, state, event);
        const commands = actions
          // The type names the machine's own actions only.
          .filter(({ type }) => String(type) === 'xstate.emit')
          .map(({ params }) => (params as { readonly event: JobCommand }).event.command);
        expect(`${name} on ${what}: ${[nameOf(next), ...commands].join(', ')}`).toBe(
          `${name} on ${what}: ${isForGood && /^(backingOff|dead)/.test(to) && !FINAL.includes(name) ? 'failed' : to}`,
        );
        expect([nameOf(next), next.context.deadlineAtMs !== undefined]).toEqual([
          nameOf(next),
          hasDeadline(nameOf(next)),
        ]);
      }
    }
    expect([...walked].sort()).toEqual(Object.keys(table).sort());
  });

  it('reaches every state', () => {
    const all = [...situations, ...restarted];
    expect(new Set(all.map(({ state }) => state.value))).toEqual(new Set(STATES));
  });

  it('takes every transition that the machine has', () => {
    const taken = new Set<unknown>();
    const twice = situationsOf(graphOf(contextOfQueued(0, noRestarts({ ...onFailure, maxRestarts: 2 }, 1))));
    for (const { state } of [...situations, ...twice]) {
      if (state.status !== 'active') continue;
      for (const event of EVENTS)
        for (const each of machine.getTransitionData(state, event) ?? []) taken.add(each);
    }
    const untaken = Object.values(machine.states)
      .flatMap((node) => [...node.transitions.values()].flat())
      // Those of bounds are walked in bounded-jobs.test.ts.
      .filter((transition) => !taken.has(transition) && transition.eventType !== 'bound.reached')
      .map(({ source, eventType, guard }) => `${source.key} on ${eventType} if ${String(guard)}`);
    expect(untaken).toEqual([]);
  });

  it('can end from every situation that is not an end, by a report as by the loss of the thread', () => {
    for (const { state, ways } of situations) {
      const reached = ways.filter(({ event }) => event.type === 'thread.lost');
      if (FINAL.includes(String(state.value))) continue;
      expect(reached.map(({ state: next }) => FINAL.includes(String(next.value)))).toEqual([true, true]);
      if (state.value === 'queued') continue; // has no thread that could report
      const reported = ways.filter(({ event }) => event.type === 'pipeline.ended');
      expect(reported.every(({ state: next }) => FINAL.includes(String(next.value)))).toBe(true);
    }
  });

  it('leaves no end again and keeps no deadline there', () => {
    const ends = situations.filter(({ state }) => FINAL.includes(String(state.value)));
    expect(ends.length).toBeGreaterThan(3);
    for (const { state, ways } of ends) {
      expect(state.status).toBe('done');
      expect(state.context.deadlineAtMs).toBeUndefined();
      for (const { state: next } of ways) expect(next.value).toBe(state.value);
    }
  });

  it('has an error wherever it failed', () => {
    for (const { state } of situations) {
      if (state.value === 'failed') expect(state.context.error).toBeDefined();
    }
  });

  it('has a deadline while it starts, and is never paused on its way out', () => {
    for (const { state, ways } of situations) {
      if (state.value === 'starting') expect(state.context.deadlineAtMs).toBeDefined();
      if (state.value !== 'draining') continue;
      const paused = ways.filter(({ state: next }) => next.value === 'paused');
      expect(paused).toEqual([]);
    }
  });
});

function startJob() {
  const commands: string[] = [];
  const job = createActor(machine, { input: queuedContext });
  job.on('command', ({ command }) => commands.push(command));
  job.start();
  const send = (...events: (JobEvent | JobEvent['type'])[]) => {
    for (const event of events) job.send(typeof event === 'string' ? shorthand(event) : event);
  };
  return {
    send,
    commands,
    state: () => job.getSnapshot().value,
    context: () => job.getSnapshot().context,
    path: () => job.getSnapshot().context.history.map(({ state }) => state),
  };
}

function shorthand(type: JobEvent['type']): JobEvent {
  return EVENTS.find((event) => event.type === type)!;
}

describe('job machine', () => {
  it('goes from queue to end, with the instant and the reason of each step', () => {
    const job = startJob();
    job.send('thread.assigned');
    clock.advance(5);
    job.send('actor.ready', 'pause.requested', 'resume.requested', 'pipeline.ended');
    expect(job.path()).toEqual(['queued', 'starting', 'running', 'paused', 'running', 'completed']);
    const history = job.context().history;
    expect(history[2]!.atMs - history[1]!.atMs).toBe(5);
    expect(history.at(-1)).toMatchObject({ state: 'completed', reason: 'end of input' });
  });

  it('ends at once when it is stopped or drained while queued, and nothing is commanded', () => {
    for (const event of ['stop.requested', 'drain.requested'] as const) {
      const job = startJob();
      job.send(event);
      expect(job.state()).toBe('stopped');
      expect(job.commands).toEqual([]);
    }
  });

  it('remembers a pause that was asked for in the queue', () => {
    const job = startJob();
    job.send('pause.requested', 'thread.assigned');
    expect(job.commands).toEqual(['pause']);
    job.send('actor.ready');
    expect(job.state()).toBe('paused');
  });

  it('forgets a pause that was taken back before it started', () => {
    const job = startJob();
    job.send('thread.assigned', 'pause.requested', 'resume.requested', 'actor.ready');
    expect(job.state()).toBe('running');
    expect(job.commands).toEqual(['pause', 'resume']);
  });

  it('drains out of a pause', () => {
    const job = startJob();
    job.send('thread.assigned', 'actor.ready', 'pause.requested', 'drain.requested');
    expect(job.state()).toBe('draining');
    expect(job.commands).toEqual(['pause', 'drain']);
  });

  it('ignores pause and resume while it drains', () => {
    const job = startJob();
    job.send('thread.assigned', 'actor.ready', 'drain.requested', 'pause.requested', 'resume.requested');
    expect(job.state()).toBe('draining');
    expect(job.commands).toEqual(['drain']);
  });

  it('lets a second drain shorten the deadline, never lengthen it', () => {
    const job = startJob();
    job.send('thread.assigned', 'actor.ready', { type: 'drain.requested', deadlineAtMs: inMs(500) });
    job.send({ type: 'drain.requested', deadlineAtMs: inMs(900) });
    expect(job.context().deadlineAtMs).toBe(inMs(500));
    job.send({ type: 'drain.requested', deadlineAtMs: inMs(100) });
    expect(job.context().deadlineAtMs).toBe(inMs(100));
    expect(job.commands).toEqual(['drain']);
  });

  it('ends the thread once when the drain is late, and is stopped with that as its error', () => {
    const job = startJob();
    job.send('thread.assigned', 'actor.ready', 'drain.requested', 'deadline.passed', 'deadline.passed');
    expect(job.commands).toEqual(['drain', 'end']);
    job.send('thread.lost');
    expect(job.state()).toBe('stopped');
    expect(job.context().error?.code).toBe('DRAIN_TIMED_OUT');
  });

  it('is stopped without an error when its thread was ended by a stop', () => {
    const job = startJob();
    job.send('thread.assigned', 'actor.ready', 'stop.requested', 'stop.requested', 'thread.lost');
    expect(job.state()).toBe('stopped');
    expect(job.context().error).toBeUndefined();
    expect(job.commands).toEqual(['end']);
    expect(job.context().history.at(-1)?.reason).toBe('stopped');
  });

  it('turns a drain into a stop', () => {
    const job = startJob();
    job.send('thread.assigned', 'actor.ready', 'drain.requested', 'stop.requested', 'thread.lost');
    expect(job.state()).toBe('stopped');
    expect(job.context().error).toBeUndefined();
  });

  it('is completed when it had delivered everything before the stop arrived', () => {
    const job = startJob();
    job.send('thread.assigned', 'actor.ready', 'stop.requested', 'pipeline.ended');
    expect(job.state()).toBe('completed');
  });

  it('says so when a stop could not end the thread', () => {
    const job = startJob();
    const error = { code: 'THREAD_LEFT_RUNNING' as const, message: 'native code', retryable: false };
    job.send('thread.assigned', 'actor.ready', 'stop.requested', { type: 'thread.lost', error });
    expect(job.state()).toBe('stopped');
    expect(job.context().error).toEqual(error);
  });

  it('fails when the thread is lost in the middle of a drain', () => {
    const job = startJob();
    job.send('thread.assigned', 'actor.ready', 'drain.requested', 'thread.lost');
    expect(job.state()).toBe('failed');
    expect(job.context().error).toEqual(crash);
  });

  it('fails when it does not start in time, even if it answers afterwards', () => {
    const job = startJob();
    job.send('thread.assigned', {
      type: 'deadline.passed',
      pending: { text: 'sink was opening', stage: 'sink' },
    });
    job.send('actor.ready', 'stop.requested');
    expect(job.commands).toEqual(['end']);
    job.send('thread.lost');
    expect(job.path()).toEqual(['queued', 'starting', 'draining', 'failed']);
    expect(job.context().error).toMatchObject({
      code: 'START_TIMED_OUT',
      message: expect.stringContaining('sink was opening'),
      stage: 'sink',
    });
  });

  it('ends from starting, for a pipeline that is over before its actor was heard', () => {
    const job = startJob();
    job.send('thread.assigned', 'pipeline.ended');
    expect(job.state()).toBe('completed');
  });

  it('keeps a bounded history', () => {
    const job = startJob();
    job.send('thread.assigned', 'actor.ready');
    for (let i = 0; i < 200; i++) job.send('pause.requested', 'resume.requested');
    expect(job.context().history).toHaveLength(100);
    expect(job.context().history.at(-1)?.state).toBe('running');
  });

  it('goes on from a snapshot that went through JSON, deadline included', () => {
    const before = createActor(machine, { input: queuedContext }).start();
    for (const type of ['thread.assigned', 'actor.ready', 'drain.requested'] as const)
      before.send(shorthand(type));
    const snapshot = JSON.parse(JSON.stringify(before.getPersistedSnapshot()));
    const after = createActor(machine, { snapshot, input: queuedContext }).start();
    expect(after.getSnapshot().context.deadlineAtMs).toBe(2_000);
    after.send({ type: 'deadline.passed' });
    after.send({ type: 'thread.lost', error: crash });
    expect(after.getSnapshot().value).toBe('stopped');
  });
});
