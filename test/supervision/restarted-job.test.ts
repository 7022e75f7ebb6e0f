import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Actor, createActor } from 'xstate';
import type { WireError } from '../../src/core/errors.js';
import { contextOfQueued, type JobEvent } from '../../src/supervision/job-context.js';
import { createJobMachine, type JobMachine } from '../../src/supervision/job-machine.js';
import { noRestarts, type RestartPolicy } from '../../src/supervision/restart-policy.js';
import { crash, ManualClock, onFailure, reportOf } from './job-fixtures.js';

const RUNS = Number(process.env.TICKLOOM_ROUNDS ?? 300);
const SEED = Number(process.env.TICKLOOM_SEED ?? 20_261_130);

/** A job with restarts, in a few variables. */
interface Model {
  where:
    | 'queued'
    | 'starting'
    | 'unstarted'
    | 'running'
    | 'draining'
    | 'stopping'
    | 'late'
    | 'backingOff'
    | 'over';
  /** How it ended, if it is over. */
  end: 'completed' | 'stopped' | 'failed' | 'dead' | undefined;
  /** The last wish of the user. */
  wish: 'run' | 'pause' | 'end';
  runs: number;
  decidedAtMs: number[];
  inRow: number;
}

/** The real machine, with what was seen of it. */
class Job {
  readonly clock = new ManualClock();
  readonly policy: RestartPolicy;
  machine: JobMachine;
  actor: Actor<JobMachine>;
  commands: string[] = [];

  constructor(policy: RestartPolicy, seed: number) {
    this.policy = policy;
    this.machine = createJobMachine(this.clock);
    this.actor = createActor(this.machine, { input: contextOfQueued(0, noRestarts(policy, seed)) });
    this.#begin();
  }

  get nowMs(): number {
    return Number(this.clock.wall() / 1_000_000n);
  }

  get state() {
    return this.actor.getSnapshot().value;
  }

  get context() {
    return this.actor.getSnapshot().context;
  }

  send(event: JobEvent): void {
    this.commands = [];
    this.actor.send(event);
  }

  /** Goes on in another machine, as after a restart of the process. */
  restore(): void {
    const snapshot = JSON.parse(JSON.stringify(this.actor.getPersistedSnapshot()));
    this.actor.stop();
    this.machine = createJobMachine(this.clock);
    this.actor = createActor(this.machine, { snapshot, input: contextOfQueued(0) });
    this.#begin();
  }

  #begin(): void {
    this.actor.on('command', ({ command }) => void this.commands.push(command));
    this.actor.start();
  }
}

const HAS_THREAD: readonly Model['where'][] = [
  'starting',
  'unstarted',
  'running',
  'draining',
  'stopping',
  'late',
];

/** Something that happens to a job: whether it can, what it does to the model, and to the machine. */
class Happening implements fc.Command<Model, Job> {
  readonly name: string;
  readonly can: (model: Model) => boolean;
  readonly does: (model: Model, job: Job) => void;
  readonly event: (job: Job) => JobEvent | undefined;

  constructor(
    name: string,
    can: (model: Model) => boolean,
    does: (model: Model, job: Job) => void,
    event: (job: Job) => JobEvent | undefined,
  ) {
    this.name = name;
    this.can = can;
    this.does = does;
    this.event = event;
  }

  check(model: Readonly<Model>): boolean {
    return this.can(model);
  }

  run(model: Model, job: Job): void {
    const event = this.event(job);
    const before = job.context.runs.length;
    if (event) job.send(event);
    this.does(model, job);
    expectSame(model, job);
    expect(job.context.runs.length).toBeGreaterThanOrEqual(before);
  }

  toString(): string {
    return this.name;
  }
}

function expectSame(model: Model, job: Job): void {
  const { runs, history, deadlineAtMs, error } = job.context;
  const { wish } = model;
  const states = {
    queued: 'queued',
    starting: 'starting',
    unstarted: 'draining',
    stopping: 'draining',
  } as const;
  const state = {
    ...states,
    late: 'draining',
    draining: 'draining',
    running: wish === 'pause' ? 'paused' : 'running',
    backingOff: 'backingOff',
    over: model.end,
  }[model.where];
  expect(job.state).toBe(state);
  expect(runs.map(({ attempt }) => attempt)).toEqual(
    Array.from({ length: Math.min(20, model.runs) }, (_, i) => model.runs - Math.min(20, model.runs) + i + 1),
  );
  // Each run but the last has ended, and says when the next one was to start.
  for (const run of runs.slice(0, -1)) {
    expect(run).toMatchObject({ outcome: expect.any(String), nextStartAtMs: expect.any(Number) });
    expect(run.endedAtMs).toBeLessThanOrEqual(run.nextStartAtMs!);
  }
  expect(runs.at(-1)?.endedAtMs === undefined).toBe(model.runs === 0 || HAS_THREAD.includes(model.where));
  if (state === 'failed' || state === 'dead') expect(error).toBeDefined();
  if (model.where === 'over') expect(deadlineAtMs).toBeUndefined();
  // Never more restarts in any window than the policy allows.
  const backOffs = history.filter(({ state }) => state === 'backingOff').map(({ atMs }) => atMs);
  for (const from of backOffs) {
    const within = backOffs.filter((atMs) => atMs >= from && atMs < from + job.policy.withinMs);
    expect(within.length).toBeLessThanOrEqual(job.policy.maxRestarts);
  }
}

/** What follows from the end of a run, by the words of the documentation. */
function ends(
  model: Model,
  job: Job,
  { outcome, error, isStable }: { outcome: 'completed' | 'failed'; error?: WireError; isStable: boolean },
): void {
  if (model.where === 'queued' || model.where === 'backingOff') model.runs++; // a start that was refused
  const nowMs = job.nowMs;
  const counted = model.decidedAtMs.filter((atMs) => nowMs - atMs < job.policy.withinMs);
  const goesOn =
    model.wish !== 'end' && (outcome === 'failed' ? error?.retryable : job.policy.policy === 'always');
  const asStopped = outcome === 'failed' && (model.where === 'stopping' || model.where === 'late');
  if (!goesOn) {
    model.where = 'over';
    model.end = asStopped ? 'stopped' : outcome;
  } else if (counted.length >= job.policy.maxRestarts) {
    model.where = 'over';
    model.end = 'dead';
  } else {
    const row = isStable ? 0 : model.inRow;
    const bound =
      Math.min(job.policy.backOffMaxMs, job.policy.backOffMs * 2 ** row) + (error?.retryAfterMs ?? 0);
    model.where = 'backingOff';
    model.inRow = row + 1;
    model.decidedAtMs = [...counted, nowMs];
    const startAtMs = job.context.deadlineAtMs!;
    expect(startAtMs).toBeGreaterThanOrEqual(nowMs + (error?.retryAfterMs ?? 0));
    expect(startAtMs).toBeLessThanOrEqual(nowMs + Math.ceil(bound));
    expect(job.context.runs.at(-1)).toMatchObject({ outcome, nextStartAtMs: startAtMs });
    expect(job.context.history.at(-1)).toMatchObject({ state: 'backingOff', nextStartAtMs: startAtMs });
  }
}

const hasThread = ({ where }: Model) => HAS_THREAD.includes(where);
const isLive = ({ where }: Model) => where !== 'over';
const isWaiting = ({ where }: Model) => where === 'queued' || where === 'backingOff';

const throttled: WireError = {
  code: 'PROVIDER_THROTTLED',
  message: '429',
  retryable: true,
  retryAfterMs: 7_000,
};
const wrong: WireError = { code: 'PROVIDER_AUTHENTICATION', message: '401', retryable: false };

const loses = (error: WireError, isStable = false) =>
  new Happening(
    `lost ${error.code}${isStable ? ' when stable' : ''}`,
    // Refused starts have no thread.
    (model) => hasThread(model) || (isWaiting(model) && !isStable && model.wish !== 'end'),
    (model, job) => ends(model, job, { outcome: 'failed', error: lostBy(model, error), isStable }),
    () => ({ type: 'thread.lost', error, ...(isStable && { isStable }) }),
  );

/** A start that was given up failed because of that, whatever its thread then said. */
const lostBy = ({ where }: Model, error: WireError): WireError =>
  where === 'unstarted' ? { code: 'START_TIMED_OUT', message: '', retryable: true } : error;

const HAPPENINGS = [
  new Happening(
    'assigned',
    isWaiting,
    (model) => {
      model.where = 'starting';
      model.runs++;
    },
    (job) => ({ type: 'thread.assigned', deadlineAtMs: job.nowMs + 30_000 }),
  ),
  new Happening(
    'ready',
    ({ where }) => where === 'starting',
    (model) => {
      model.where = 'running';
    },
    () => ({ type: 'actor.ready' }),
  ),
  new Happening(
    'gives up its start',
    ({ where }) => where === 'starting',
    (model, job) => {
      model.where = 'unstarted';
      expect(job.commands).toEqual(['end']);
    },
    () => ({ type: 'deadline.passed' }),
  ),
  new Happening(
    'is due',
    ({ where }) => where === 'backingOff',
    (_, job) => expect(job.commands).toEqual(['start']),
    (job) => {
      // A timer that was armed again, from the instant alone.
      job.clock.advance(Math.max(0, (job.context.deadlineAtMs ?? 0) - job.nowMs));
      return { type: 'deadline.passed' };
    },
  ),
  new Happening(
    'pause',
    isLive,
    (model) => {
      model.wish = model.wish === 'end' ? 'end' : 'pause';
    },
    () => ({ type: 'pause.requested' }),
  ),
  new Happening(
    'resume',
    isLive,
    (model) => {
      model.wish = model.wish === 'end' ? 'end' : 'run';
    },
    () => ({ type: 'resume.requested' }),
  ),
  ...(['drain', 'suspend', 'stop'] as const).map(
    (how) =>
      new Happening(
        how,
        isLive,
        (model) => {
          model.wish = 'end';
          if (isWaiting(model)) {
            model.where = 'over';
            model.end = 'stopped';
          } else if (model.where === 'starting' || model.where === 'running') {
            model.where = how === 'stop' ? 'stopping' : 'draining';
          } else if (model.where === 'draining' && how === 'stop') model.where = 'stopping';
        },
        (job) =>
          how === 'stop'
            ? { type: 'stop.requested' }
            : { type: `${how}.requested`, deadlineAtMs: job.nowMs + 10_000 },
      ),
  ),
  new Happening(
    'drains too long',
    ({ where }) => where === 'draining',
    (model) => {
      model.where = 'late';
    },
    () => ({ type: 'deadline.passed' }),
  ),
  loses(crash),
  loses(crash, true),
  loses(throttled),
  loses(wrong),
  new Happening(
    'completed',
    hasThread,
    (model, job) => ends(model, job, { outcome: 'completed', isStable: false }),
    () => ({ type: 'pipeline.ended', report: reportOf('completed') }),
  ),
];

describe('a job that is started again', () => {
  it('does what a few rules say, whatever happens to it, its machine restored at any time', () => {
    const policies = fc.record({
      policy: fc.constantFrom('on-failure' as const, 'always' as const),
      maxRestarts: fc.integer({ min: 1, max: 4 }),
      withinMs: fc.constantFrom(1_000, 10_000, 60_000),
    });
    const happenings = HAPPENINGS.map((happening) => fc.constant(happening));
    // Most jobs live for a while: they get their threads and become ready.
    const often = ['assigned', 'ready', 'is due'].flatMap((name) =>
      Array.from({ length: 4 }, () => fc.constant(HAPPENINGS.find((each) => each.name === name)!)),
    );
    const timePasses = fc.integer({ min: 1, max: 20_000 }).map(
      (ms) =>
        new Happening(
          `${ms} ms`,
          () => true,
          () => {},
          (job) => void job.clock.advance(ms),
        ),
    );
    const restores = fc.constant(
      new Happening(
        'restored',
        isLive,
        () => {},
        (job) => void job.restore(),
      ),
    );
    const seen = new Set<string>();
    fc.assert(
      fc.property(
        policies,
        fc.integer(),
        fc.commands([...happenings, ...often, timePasses, timePasses, restores], {
          maxCommands: 60,
          size: 'max',
        }),
        (policy, seed, commands) => {
          const job = new Job({ ...onFailure, ...policy }, seed);
          const model: Model = {
            where: 'queued',
            end: undefined,
            wish: 'run',
            runs: 0,
            decidedAtMs: [],
            inRow: 0,
          };
          fc.modelRun(() => ({ model, real: job }), commands);
          seen.add(String(job.state));
        },
      ),
      { numRuns: RUNS, seed: SEED },
    );
    for (const end of ['completed', 'stopped', 'failed', 'dead']) expect(seen).toContain(end);
  }, 120_000);

  it('goes on from a snapshot that went through JSON with the waits that it would have had', () => {
    const policy = { ...onFailure, maxRestarts: 10, withinMs: 1 };
    const waits = (restored: boolean) => {
      const job = new Job(policy, 7);
      return Array.from({ length: 8 }, () => {
        job.send({ type: 'thread.assigned', deadlineAtMs: 0 });
        if (restored) job.restore();
        job.send({ type: 'thread.lost', error: crash });
        const waitMs = job.context.deadlineAtMs! - job.nowMs;
        job.clock.advance(waitMs);
        return waitMs;
      });
    };
    expect(waits(true)).toEqual(waits(false));
    expect(new Set(waits(false)).size).toBe(8);
  });
});
