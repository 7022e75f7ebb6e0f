import '../support/property-seed.js';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { isEndState } from '../../src/supervision/job.js';
import type { FakeRun } from './fake-threads.js';
import { crash, onFailure, reportOf, START_DEADLINE_MS, specOf, startSupervisor } from './job-fixtures.js';

const RUNS = Number(process.env.TICKLOOM_ROUNDS ?? 200);

const checkpoints = { path: join(tmpdir(), 'none'), everyMs: 1_000 };
const fatal = reportOf('failed', { error: { code: 'SINK_FAILED', message: 'no table', retryable: false } });

/** What happens around a job: asked for by its user, done by its thread, or by time. */
type Step =
  | 'update'
  | 'pause'
  | 'resume'
  | 'restart'
  | 'stop'
  | 'drain'
  | 'answer'
  | 'obey'
  | 'crash'
  | 'fail'
  | 'complete'
  | 'soon'
  | 'start deadline'
  | 'drain deadline';

/** What goes well most of the time, and what comes between. */
const STEPS: fc.Arbitrary<readonly Step[]> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<readonly Step[]>(['update'], ['answer'], ['obey'], ['soon']) },
  { weight: 6, arbitrary: fc.constant<readonly Step[]>(['answer', 'update', 'obey', 'soon']) },
  { weight: 2, arbitrary: fc.constantFrom<readonly Step[]>(['pause'], ['resume'], ['restart']) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<readonly Step[]>(
      ['crash'],
      ['fail'],
      ['start deadline', 'obey'],
      ['start deadline', 'drain deadline'],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<readonly Step[]>(['complete'], ['drain deadline'], ['stop'], ['drain']),
  },
);

/** A job with a thread that does what a step says. */
class World {
  readonly rig = startSupervisor();
  readonly job;
  readonly results: string[] = [];
  /** What the user has asked for last. */
  wish: 'run' | 'pause' | 'end' = 'run';
  /** How many runs there were when the user asked for the end. */
  runsAtEnd: number | undefined;
  readonly #over = new Set<FakeRun>();
  readonly #answered = new Set<FakeRun>();

  constructor(hasPolicy: boolean) {
    const restart = hasPolicy ? { ...onFailure, maxRestarts: 2 } : undefined;
    this.job = this.rig.supervisor.submit(specOf('a'), undefined, { checkpoints, restart });
  }

  get thread(): FakeRun | undefined {
    const { runs } = this.rig.threads;
    return runs.filter((run) => !this.#over.has(run)).at(-1);
  }

  get atWork(): number {
    return this.rig.threads.runs.filter((run) => !this.#over.has(run)).length;
  }

  async take(step: Step): Promise<void> {
    this.#steps[step]();
    for (let turn = 0; turn < 4; turn++) await turnOfTheLoop();
    this.#check();
  }

  readonly #steps: Readonly<Record<Step, () => void>> = {
    update: () => this.#update(),
    pause: () => this.#want('pause'),
    resume: () => this.#want('resume'),
    restart: () => void this.job.restart().catch(() => {}),
    stop: () => this.#wantEnd('stop'),
    drain: () => this.#wantEnd('drain'),
    answer: () => this.#answer(),
    obey: () => this.#obey(),
    crash: () => this.#end((thread) => thread.lose(crash)),
    fail: () => this.#end((thread) => thread.finish(fatal)),
    complete: () => this.#end((thread) => thread.finish(reportOf('completed'))),
    soon: () => this.rig.clock.advance(0),
    'start deadline': () => this.rig.clock.advance(START_DEADLINE_MS),
    'drain deadline': () => this.rig.clock.advance(10_250),
  };

  #want(what: 'pause' | 'resume'): void {
    const before = this.wish;
    if (before !== 'end') this.wish = what === 'pause' ? 'pause' : 'run';
    this.job[what]().catch((error) => {
      if (error.code === 'JOB_STATE') this.wish = before; // else its thread has not answered yet
    });
  }

  #wantEnd(how: 'stop' | 'drain'): void {
    this.wish = 'end';
    this.runsAtEnd ??= this.rig.threads.runs.length;
    void this.job[how]();
  }

  #answer(): void {
    const { thread } = this;
    if (!thread || this.#answered.has(thread)) return;
    this.#answered.add(thread);
    thread.answer();
  }

  #update(): void {
    const at = this.results.push('pending') - 1;
    const batchRows = 100 + at;
    this.rig.supervisor.update(this.job, { ...specOf('a'), batchRows }, undefined, {}).then(
      () => (this.results[at] = `done ${batchRows}`),
      (error) => (this.results[at] = error.code),
    );
  }

  /** The thread does what it was asked last, as a pipeline does. */
  #obey(): void {
    const { thread } = this;
    if (!thread) return;
    if (thread.timesEnded > 0) {
      this.#end(() => thread.lose({ code: 'THREAD_STOPPED', message: 'ended', retryable: true }));
      return;
    }
    const asked = thread.asked.filter((what) => what !== 'pause' && what !== 'resume').at(-1);
    if (asked === 'stop') this.#end(() => thread.finish(reportOf('stopped')));
    if (asked === 'suspend') this.#end(() => thread.finish(reportOf('stopped', { reason: 'suspended' })));
    if (asked === 'drain') this.#end(() => thread.finish(reportOf('completed', { reason: 'drained' })));
  }

  #end(how: (thread: FakeRun) => void): void {
    const { thread } = this;
    if (!thread) return;
    this.#over.add(thread);
    how(thread);
  }

  #check(): void {
    const { job, rig } = this;
    expect(this.atWork).toBeLessThanOrEqual(1);
    for (const { task } of rig.threads.runs)
      expect([8, ...this.results.map((_, i) => 100 + i)]).toContain(task.spec.batchRows);
    if (this.runsAtEnd !== undefined) expect(rig.threads.runs.length).toBe(this.runsAtEnd);
    if (isEndState(job.state)) expect(this.results).not.toContain('pending');
    const { runs } = job.inspect();
    expect(runs.length).toBeLessThanOrEqual(20);
  }

  /** Nothing goes wrong any more. */
  async settle(): Promise<void> {
    for (let round = 0; round < 40; round++) {
      const { state } = this.job;
      if (isEndState(state)) return;
      if ((state === 'running' || state === 'paused') && !this.results.includes('pending')) return;
      await this.take('answer');
      await this.take('obey');
      await this.take('soon');
      if (this.job.state === 'backingOff') {
        this.rig.clock.advance(onFailure.backOffMaxMs);
        await turnOfTheLoop();
      }
    }
    throw new Error(`never settled: ${this.job.state}, ${this.results}`);
  }
}

describe('a job that is updated while everything happens', () => {
  it('never has two runs at work, keeps the last wish, and ends or runs with the spec that was told', async () => {
    let updated = 0;
    let fellBack = 0;
    await fc.assert(
      fc.asyncProperty(fc.boolean(), fc.array(STEPS, { maxLength: 20 }), async (hasPolicy, steps) => {
        const world = new World(hasPolicy);
        for (const each of steps.flat()) await world.take(each);
        await world.settle();
        const { job, rig, results } = world;
        const told = rig.events.filter((event) => event.type === 'job.updated');
        const done = results.filter((result) => result.startsWith('done'));
        updated += done.length;
        fellBack += told.filter(({ error }) => error).length;
        expect(told.filter(({ error }) => !error)).toHaveLength(done.length);
        expect(results.filter((code) => code === 'UPDATE_FELL_BACK')).toHaveLength(
          told.filter(({ error }) => error).length,
        );
        if (isEndState(job.state)) {
          expect(rig.clock.timersArmed).toBe(0);
          return;
        }
        expect(world.wish).not.toBe('end');
        expect(job.state).toBe(world.wish === 'pause' ? 'paused' : 'running');
        // It runs with the spec of the last update that was done.
        const last = done.at(-1)?.split(' ')[1] ?? '8';
        expect(String(rig.threads.last.task.spec.batchRows)).toBe(last);
        const { history } = job.inspect();
        const isByPolicy = history.some(({ state, isRequested }) => state === 'backingOff' && !isRequested);
        if (!hasPolicy) expect(isByPolicy).toBe(false);
      }),
      { numRuns: RUNS },
    );
    // Both ways were walked.
    expect(updated).toBeGreaterThan(RUNS / 10);
    expect(fellBack).toBeGreaterThan(RUNS / 50);
  }, 300_000);
});
