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

const forGood = { code: 'LATE_ROW' as const, message: 'late', retryable: false };
const groupError = { code: 'GROUP_SPENT' as const, message: 'the group is spent', retryable: false };
const byHand = { reason: 'restart requested' };

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
  { type: 'restart.requested', how: 'suspend', deadlineAtMs: 2_000, restart: byHand },
  { type: 'restart.requested', how: 'suspend', deadlineAtMs: 1_500, restart: byHand },
  { type: 'restart.requested', how: 'drain', deadlineAtMs: 2_000, restart: byHand },
  { type: 'restart.requested', how: 'stop', deadlineAtMs: 2_000, restart: byHand },
  { type: 'group.spent', how: 'suspend', deadlineAtMs: 2_000, error: groupError },
  { type: 'group.spent', how: 'stop', deadlineAtMs: 2_000, error: groupError },
  { type: 'bound.reached', bound: 'until', deadlineAtMs: 2_000 },
  { type: 'deadline.passed' },
  { type: 'run.stuck', error: { code: 'THREAD_STUCK', message: 'loops', retryable: true } },
  { type: 'pipeline.ended', report: reportOf('completed') },
  { type: 'pipeline.ended', report: reportOf('completed', { reason: 'drained' }) },
  { type: 'pipeline.ended', report: reportOf('stopped') },
  { type: 'pipeline.ended', report: reportOf('failed') },
  { type: 'pipeline.ended', report: reportOf('failed', { error: forGood }) },
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
  'restarting',
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
      const asked = [context.restart !== undefined, context.groupError !== undefined];
      const facts = [pauseWanted, ending, endWanted, deadlineAtMs, error?.code, report?.outcome, used, asked];
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

const isGivenUp = (ending: JobContext['ending']) => ending === 'no start' || ending === 'stuck';

/** State and context of a situation in a few words. */
function nameOf({
  value,
  context: { pauseWanted, ending, endWanted, restarts, restart, groupError: dies, deadlineAtMs },
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
    const then = !isGivenUp(ending) || !restarts ? '' : endWanted ? ' to end' : toPause;
    return `${way}${then}${dies ? ' to be dead' : ''}${again}`;
  }
  if (value === 'restarting') {
    const way = {
      drain: ' by drain',
      suspend: '',
      stop: ' at once',
      deadline: ' late',
      'no start': '?',
      stuck: '?',
    }[ending!];
    return `${value}${way}${toPause}${again}`;
  }
  if (value === 'backingOff') {
    const state = deadlineAtMs === undefined ? 'due' : value;
    return restart ? `${state} as asked${toPause}${again}` : `${state}${toPause}`;
  }
  if (FINAL.includes(value)) return value;
  return `${value}${value === 'queued' || value === 'starting' ? toPause : ''}${again}`;
}

const ENDS = {
  'ended completed': 'completed',
  'ended drained': 'completed',
  'ended stopped': 'stopped',
  'ended failed': 'failed',
};
const WAITS = {
  drain: 'stopped',
  suspend: 'stopped',
  stop: 'stopped',
  spent: 'dead',
  'spent at once': 'dead',
  bound: 'stopped',
};

type Table = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * The machine once more, written down by hand: where each event leads from each situation, and what
 * is commanded. What is not listed changes nothing.
 *
 * @param again - Of the names: `' again'` for a job that has used its restart.
 * @param fails - What follows a failure: the end of a job that has one run, a back-off, or the end of a job that has no
 *   restart left.
 */
function rowsOf(again: '' | ' again', fails: 'failed' | 'backingOff' | 'dead'): Table {
  const failsTo = (toPause: string) => {
    const state = fails === 'backingOff' ? `${fails}${toPause}` : fails;
    return { 'ended failed': state, lost: state };
  };
  const ends = (toPause: string) => ({
    ...ENDS,
    ...failsTo(toPause),
    drain: `draining${again}, drain`,
    suspend: `suspending${again}, suspend`,
    stop: `stopping${again}, end`,
    restart: `restarting${toPause}${again}, suspend`,
    'restart by drain': `restarting by drain${toPause}${again}, drain`,
    'restart at once': `restarting at once${toPause}${again}, end`,
    spent: `suspending to be dead${again}, suspend`,
    'spent at once': `stopping to be dead${again}, end`,
    bound: `draining${again}, drain`,
  });
  const dies = {
    'ended completed': 'completed',
    'ended drained': 'dead',
    'ended stopped': 'dead',
    'ended failed': 'dead',
    lost: 'dead',
  };
  const goesOn = { stop: `stopping${again}, end`, deadline: `late${again}, end`, lost: 'failed' };
  const diesOn = { stop: `stopping to be dead${again}, end`, deadline: `late to be dead${again}, end` };
  const rows: Record<string, Record<string, string>> = {
    [`starting${again}`]: {
      ...ends(''),
      ready: `running${again}`,
      pause: `starting to pause${again}, pause`,
      deadline: `unstarted${again}, end`,
    },
    [`starting to pause${again}`]: {
      ...ends(' to pause'),
      ready: `paused${again}`,
      resume: `starting${again}, resume`,
      deadline: `unstarted${fails === 'failed' ? '' : ' to pause'}${again}, end`,
    },
    [`running${again}`]: { ...ends(''), pause: `paused${again}, pause`, stuck: `stuck${again}, end` },
    [`paused${again}`]: {
      ...ends(' to pause'),
      resume: `running${again}, resume`,
      stuck: `stuck${fails === 'failed' ? '' : ' to pause'}${again}, end`,
    },
    [`draining${again}`]: { ...ENDS, ...goesOn },
    [`suspending${again}`]: { ...ENDS, ...goesOn },
    [`stopping${again}`]: { ...ENDS, lost: 'stopped' },
    [`late${again}`]: { ...ENDS, lost: 'stopped' },
    [`draining to be dead${again}`]: { ...dies, ...diesOn },
    [`suspending to be dead${again}`]: { ...dies, ...diesOn },
    [`stopping to be dead${again}`]: dies,
    [`late to be dead${again}`]: dies,
  };
  for (const toPause of ['', ' to pause']) {
    const pauses = (way: string) =>
      toPause ? { resume: `${way}${again}` } : { pause: `${way} to pause${again}` };
    for (const [way, left] of [
      ['', 'suspending'],
      [' by drain', 'draining'],
      [' at once', 'stopping'],
      [' late', 'late'],
    ] as const) {
      const isInGoodOrder = left === 'suspending' || left === 'draining';
      rows[`restarting${way}${toPause}${again}`] = {
        ...pauses(`restarting${way}`),
        drain: `${left}${again}`,
        suspend: `${left}${again}`,
        stop: `stopping${again}, end`,
        spent: `${left} to be dead${again}`,
        'spent at once': `${left} to be dead${again}`,
        bound: `${left}${again}`,
        ...(isInGoodOrder && { deadline: `restarting late${toPause}${again}, end` }),
        'ended completed': 'completed',
        'ended drained': `backingOff as asked${toPause}${again}`,
        'ended stopped': `backingOff as asked${toPause}${again}`,
        'ended failed': `backingOff as asked${toPause}${again}`,
        lost: `backingOff as asked${toPause}${again}`,
      };
    }
    for (const state of ['backingOff as asked', 'due as asked']) {
      rows[`${state}${toPause}${again}`] = {
        ...WAITS,
        ...pauses(state),
        ...asksAgain(`${toPause}${again}`),
        assigned: toPause ? `starting to pause${again}, pause` : `starting${again}`,
        deadline: `due as asked${toPause}${again}, start`,
        lost: fails === 'backingOff' ? `backingOff${toPause}` : fails,
      };
    }
  }
  // What was stopped because it was stuck has failed; what was stopped since it did not start, where it may start again.
  if (fails === 'failed') {
    const unstarted = { ...ENDS, lost: 'failed' };
    return { ...rows, unstarted, stuck: { ...unstarted, 'ended stopped': 'failed' } };
  }
  for (const way of ['unstarted', 'stuck']) {
    for (const toPause of ['', ' to pause']) {
      const end = `${way} to end${again}, end`;
      const spent = `${way}${toPause} to be dead${again}`;
      rows[`${way}${toPause}${again}`] = {
        'ended completed': 'completed',
        'ended drained': 'completed',
        ...failsTo(toPause),
        'ended stopped': failsTo(toPause).lost,
        ...(toPause ? { resume: `${way}${again}` } : { pause: `${way} to pause${again}` }),
        ...{ drain: end, suspend: end, stop: end, bound: end, spent, 'spent at once': spent },
      };
      rows[spent] = dies;
    }
    rows[`${way} to end${again}`] = { ...ENDS, lost: 'failed' };
  }
  return rows;
}

/** A restart that is asked for while the job waits for its next one is due now. */
const asksAgain = (rest: string) => ({
  restart: `backingOff as asked${rest}`,
  'restart by drain': `backingOff as asked${rest}`,
  'restart at once': `backingOff as asked${rest}`,
});

const queuedRows = (lost: 'failed' | 'backingOff'): Table => ({
  queued: { assigned: 'starting', pause: 'queued to pause', ...WAITS, lost },
  'queued to pause': {
    assigned: 'starting to pause, pause',
    resume: 'queued',
    ...WAITS,
    lost: lost === 'failed' ? lost : `${lost} to pause`,
  },
});
const ENDED: Table = { completed: {}, stopped: {}, failed: {}, dead: {} };

/** Of a job that has one run, unless another one is asked for. */
const TABLE: Table = { ...queuedRows('failed'), ...rowsOf('', 'failed'), ...ENDED };

/** The same of a job that may be started again once. */
const RESTARTED: Table = {
  ...queuedRows('backingOff'),
  ...rowsOf('', 'backingOff'),
  ...rowsOf(' again', 'dead'),
  ...Object.fromEntries(
    ['backingOff', 'due'].flatMap((state) => [
      [
        state,
        {
          ...WAITS,
          ...asksAgain(' again'),
          assigned: 'starting again',
          pause: `${state} to pause`,
          deadline: 'due, start',
          lost: 'dead',
        },
      ],
      [
        `${state} to pause`,
        {
          ...WAITS,
          ...asksAgain(' to pause again'),
          assigned: 'starting to pause again, pause',
          resume: state,
          deadline: 'due to pause, start',
          lost: 'dead',
        },
      ],
    ]),
  ),
  ...ENDED,
};
const hasDeadline = (name: string) =>
  /^(starting|draining|suspending|restarting|backingOff)/.test(name) && !/ (at once|late)\b/.test(name);

const EVENT_NAMES: Readonly<Record<JobEvent['type'], string>> = {
  'thread.assigned': 'assigned',
  'actor.ready': 'ready',
  'pause.requested': 'pause',
  'resume.requested': 'resume',
  'drain.requested': 'drain',
  'suspend.requested': 'suspend',
  'stop.requested': 'stop',
  'restart.requested': 'restart',
  'group.spent': 'spent',
  'deadline.passed': 'deadline',
  'pipeline.ended': 'ended',
  'thread.lost': 'lost',
  'run.claimed': 'claimed',
  'bound.reached': 'bound',
  'run.stuck': 'stuck',
};

/** What the tables call an event. */
function wordsOf(event: JobEvent): string {
  const word = EVENT_NAMES[event.type];
  if (event.type === 'pipeline.ended') {
    const { outcome, reason } = event.report;
    return `${word} ${reason === 'drained' ? reason : outcome}`;
  }
  if (event.type !== 'restart.requested' && event.type !== 'group.spent') return word;
  return `${word}${{ suspend: '', drain: ' by drain', stop: ' at once' }[event.how]}`;
}

/** Whether it says that another run would fail in the same way, or that there must be none. */
const isOfNoUse = (event: JobEvent): boolean =>
  (event.type === 'thread.lost' && !event.error.retryable) ||
  (event.type === 'pipeline.ended' && event.report.error?.retryable === false);

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
        const what = wordsOf(event);
        const listed = table[name]?.[what];
        const to = listed ?? name;
        // What a run that was stuck fails with afterwards does not count: it was ended since it was stuck.
        const isOverruled = name.startsWith('stuck') && event.type === 'pipeline.ended';
        const isForGood =
          isOfNoUse(event) && !isOverruled && !name.includes('to be dead') && listed !== undefined;
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
    const onTrial = situationsOf(graphOf({ ...contextOfQueued(0), isOnTrial: true }));
    for (const { state } of [...situations, ...twice, ...onTrial]) {
      if (state.status !== 'active') continue;
      for (const event of EVENTS)
        for (const each of machine.getTransitionData(state, event) ?? []) taken.add(each);
    }
    const untaken = Object.values(machine.states)
      .flatMap((node) => [...node.transitions.values()].flat())
      .filter((transition) => !taken.has(transition))
      .map(({ source, eventType, guard }) => `${source.key} on ${eventType} if ${String(guard)}`);
    expect(untaken).toEqual([]);
  });

  it('can end from every situation in which no other run was asked for, by a report as by the loss of the thread', () => {
    for (const { state, ways } of situations) {
      const reached = ways.filter(({ event }) => event.type === 'thread.lost');
      if (FINAL.includes(String(state.value)) || state.context.restart) continue;
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
