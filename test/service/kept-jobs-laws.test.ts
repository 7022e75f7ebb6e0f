import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { turnOfTheLoop } from '../../src/core/clock.js';
import { isEndState, type JobState, type JobWish } from '../../src/supervision/job.js';
import type { FakeRun } from '../supervision/fake-threads.js';
import { crash, reportOf } from '../supervision/job-fixtures.js';
import { startProcess } from './kept-jobs-rig.js';

type Process = Awaited<ReturnType<typeof startProcess>>;

const NAMES = ['a', 'b', 'c', 'd'] as const;
type Name = (typeof NAMES)[number];

/** What a test asks of one job, or of the process. */
type Step =
  | { readonly do: 'submit'; readonly name: Name; readonly hasPolicy: boolean; readonly priority: number }
  | { readonly do: 'answer' | 'crash' | 'finish' | 'deliver'; readonly name: Name }
  | { readonly do: 'pause' | 'resume' | 'stop' | 'drain' | 'suspend'; readonly name: Name }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'kill' }
  | { readonly do: 'close' };

const name = fc.constantFrom(...NAMES);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      name,
      hasPolicy: fc.boolean(),
      priority: fc.integer({ min: -2, max: 2 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'answer' as const,
        'answer' as const,
        'crash' as const,
        'finish' as const,
        'deliver' as const,
      ),
      name,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'pause' as const,
        'resume' as const,
        'stop' as const,
        'drain' as const,
        'suspend' as const,
      ),
      name,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 5_000 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Step>({ do: 'kill' }, { do: 'kill' }, { do: 'close' }),
  },
);

/** What is known of a job without a look at how it is kept. */
interface Known {
  readonly id: string;
  readonly name: Name;
  wish: JobWish;
  /** Set once it was seen to have ended. */
  ended?: JobState;
  /** Its thread has delivered all, and nobody was told. */
  hasDelivered?: boolean;
}

class World {
  process: Process;
  readonly #settings: { readonly maxThreads: number };
  /** In order of submission. */
  readonly known: Known[] = [];
  #over = new Set<FakeRun>();

  constructor(process: Process, settings: { readonly maxThreads: number }) {
    this.process = process;
    this.#settings = settings;
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'kill') await this.#restart(() => this.process.kill());
    else if (step.do === 'close') await this.#restart(() => this.#close());
    else if (step.do === 'wait') this.process.clock.advance(step.ms);
    else if (step.do === 'submit') await this.#submit(step);
    else await this.#ask(step.do, step.name);
    await turns();
    this.#check();
  }

  stateOf = ({ id }: Known): JobState => this.process.service.get(id).inspect().state;
  #live = (name: Name) => this.known.find((one) => one.name === name && !isEndState(this.stateOf(one)));

  async #submit({ name, hasPolicy, priority }: Step & { readonly do: 'submit' }): Promise<void> {
    const live = this.#live(name);
    const restart = { policy: 'on-failure', maxRestarts: 10_000, backOff: '1s' } as const;
    const submitted = this.process.submit(name, { priority, ...(hasPolicy && { restart }) });
    if (live) {
      await expect(submitted).rejects.toMatchObject({ code: 'JOB_NAME_TAKEN' });
      return;
    }
    this.process.checkpoints.delete(name); // of the job before, if that one was killed as it had delivered all
    this.known.push({ id: (await submitted).id, name, wish: 'run' });
  }

  async #ask(what: Exclude<Step['do'], 'submit' | 'wait' | 'kill' | 'close'>, name: Name): Promise<void> {
    const job = this.#live(name);
    if (!job) return;
    const handle = this.process.service.get(job.id);
    const run = this.process.threads.runs.findLast(({ task }) => task.spec.name === name);
    const state = this.stateOf(job);
    const isAtWork =
      run !== undefined && !this.#over.has(run) && state !== 'backingOff' && state !== 'queued';
    if (what === 'pause' || what === 'resume') {
      if (state === 'draining') return;
      // The thread may never answer.
      void handle[what]().catch(() => {});
      job.wish = what === 'pause' ? 'pause' : 'run';
    } else if (what === 'stop' || what === 'drain' || what === 'suspend') {
      void handle[what]();
      job.wish = 'stop';
    } else if (!isAtWork) return;
    else if (what === 'answer') {
      if (state === 'starting' && run.counters.get('heartbeatNs') === 0) run.answer();
    } else if (what === 'deliver') {
      job.hasDelivered = true;
      this.process.checkpoints.set(name, true);
    } else {
      this.#over.add(run);
      if (what === 'crash') run.lose(crash);
      else run.finish(reportOf(state === 'draining' ? 'stopped' : 'completed'));
    }
  }

  async #close(): Promise<void> {
    let isClosed = false;
    const closed = this.process.service.close().then(() => {
      isClosed = true;
    });
    while (!isClosed) {
      await turnOfTheLoop();
      for (const run of this.process.threads.runs) run.finish(reportOf('stopped', { reason: 'suspended' }));
    }
    await closed;
  }

  /** Ends the process, and compares what the next one does with what was known. */
  async #restart(end: () => Promise<unknown>): Promise<void> {
    await turns();
    const before = this.known.map((job) => ({ job, state: this.stateOf(job) }));
    const hadBegun = (job: Known) => this.process.service.get(job.id).inspect().runs.length > 0;
    const begun = this.known.filter(hadBegun);
    await end();
    const { store, clock, checkpoints } = this.process;
    this.process = await startProcess({ store, clock, checkpoints, ...this.#settings });
    this.#over = new Set();
    for (const { job, state } of before) {
      const after = this.stateOf(job);
      const expected = isEndState(state)
        ? [state]
        : job.hasDelivered
          ? ['completed', ...(job.wish === 'stop' ? (['stopped'] as const) : [])]
          : job.wish === 'stop'
            ? ['stopped']
            : ['queued', 'starting', 'backingOff', 'dead'];
      expect(expected, `${job.id}: ${state}, ${job.wish}`).toContain(after);
      if (after === 'dead' && state !== 'dead') {
        const deaths = this.process.service
          .get(job.id)
          .inspect()
          .runs.filter(({ error }) => error?.code === 'PROCESS_ENDED');
        expect(deaths.length).toBeGreaterThan(10);
      }
    }
    // Those that had begun have their places back, and start in the order of their submission.
    const started = this.process.started();
    const first = begun
      .filter(({ name }) => started.includes(name) && this.#live(name))
      .map(({ name }) => name);
    const own = first.filter((name, i) => first.indexOf(name) === i);
    expect(started.slice(0, own.length).toSorted()).toEqual(own.toSorted());
  }

  #check(): void {
    const { service, threads } = this.process;
    expect(service.list().map(({ id }) => id)).toEqual(this.known.map(({ id }) => id));
    for (const job of this.known) {
      const state = this.stateOf(job);
      if (job.ended) expect(state).toBe(job.ended);
      if (isEndState(state)) job.ended ??= state;
      else if (state === 'running') expect(job.wish).not.toBe('pause');
      else if (state === 'paused') expect(job.wish).not.toBe('run');
    }
    const live = NAMES.map((one) => this.known.filter((job) => job.name === one && !job.ended).length);
    expect(Math.max(...live)).toBeLessThanOrEqual(1);
    const atWork = threads.runs.filter(
      (run) => !this.#over.has(run) && this.#live(run.task.spec.name as Name),
    );
    expect(new Set(atWork.map(({ task }) => task.spec.name)).size).toBeLessThanOrEqual(
      this.#settings.maxThreads,
    );
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 12; turn++) await turnOfTheLoop();
}

describe('jobs in a store, whatever happens and whenever the process ends', () => {
  it('are neither lost nor doubled, keep their order, and do what was asked for last', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 5, maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        async (steps, maxThreads) => {
          const world = new World(await startProcess({ maxThreads }), { maxThreads });
          for (const one of steps) await world.take(one);
          await world.take({ do: 'kill' });
        },
      ),
      { numRuns: 150 },
    );
  }, 300_000);
});
