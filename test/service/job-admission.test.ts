import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JobAdmission } from '../../src/service/job-admission.js';
import { JobLimits } from '../../src/settings/job-limits.js';
import { PRIORITY_MAX } from '../../src/settings/priority.js';
import type { DependencyPoint } from '../../src/supervision/job.js';

const MINUTE = 60_000_000_000n;
const JOBS = 1_000;
const POINTS = ['started', 'ready', 'completed', 'succeeded'] as const;

describe('the admission of jobs', () => {
  it('starts a thousand jobs as a naive model does, whatever they depend on and however they end', () => {
    const thousand = fc.array(jobArbitrary, exactly(JOBS));
    fc.assert(
      fc.property(limitsArbitrary, thousand, fc.infiniteStream(stepArbitrary), (limits, jobs, steps) => {
        const { submitted, started } = play(limits, jobs, steps);
        expect(submitted).toBe(JOBS);
        expect(started).toBeGreaterThan(JOBS / 5);
      }),
      { numRuns: 1, endOnFailure: true },
    );
  });

  it('does so for few jobs that depend on most of the others', () => {
    const few = fc.array(jobArbitrary, { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(limitsArbitrary, few, fc.infiniteStream(stepArbitrary), (limits, jobs, steps) => {
        play(limits, jobs, steps);
      }),
      { numRuns: 100, endOnFailure: true },
    );
  });
});

interface ModelJob {
  readonly name: string;
  readonly priority: number;
  readonly tenant: string | undefined;
  readonly providers: readonly string[];
  /** How many jobs back. */
  readonly needs: readonly { readonly back: number; readonly on: DependencyPoint }[];
}

interface LiveJob extends ModelJob {
  readonly number: number;
  readonly tick: number;
  needs: ModelJob['needs'];
  readonly reached: Set<DependencyPoint>;
  state: 'waiting' | 'running' | 'ended';
}

const exactly = (length: number) => ({ minLength: length, maxLength: length, size: 'max' }) as const;
const limitOf = fc.integer({ min: 1, max: 4 });
const limitsArbitrary = fc.record({
  jobs: fc.integer({ min: 1, max: 20 }),
  jobsPerTenant: limitOf,
  jobsByProvider: fc.dictionary(fc.constantFrom('x', 'y'), limitOf),
});
type Limits = typeof limitsArbitrary extends fc.Arbitrary<infer T> ? T : never;

const jobArbitrary = fc.record({
  priority: fc.integer({ min: -PRIORITY_MAX, max: PRIORITY_MAX }),
  tenant: fc.constantFrom(undefined, 'a', 'b', 'c'),
  providers: fc.subarray(['x', 'y']),
  needs: fc.array(fc.record({ back: fc.integer({ min: -3, max: 12 }), on: fc.constantFrom(...POINTS) }), {
    maxLength: 2,
  }),
});
type Step = {
  readonly do: 'submit' | 'start' | 'ready' | 'complete' | 'fail' | 'stop' | 'wait';
  readonly which: number;
};
const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom<Step['do'][]>(
    'submit',
    'submit',
    'submit',
    'start',
    'start',
    'start',
    'ready',
    'complete',
    'complete',
    'fail',
    'stop',
    'wait',
  ),
  which: fc.nat(),
});

/** Plays to the admission and to the model, and compares which job each starts, and which ones cannot any more. */
function play(limits: Limits, list: readonly Omit<ModelJob, 'name'>[], steps: Iterator<Step>) {
  const model = new Model(limits);
  const told = new Set<LiveJob>();
  const admission = new JobAdmission<LiveJob>(JobLimits.parse(limits), {
    onMet: (job) => expect(model.isMet(job)).toBe(true),
    onUnmeetable: (job) => {
      expect(told.has(job)).toBe(false);
      expect(model.isDoomed(job)).toBe(true);
      told.add(job);
    },
  });
  let nowNs = 0n;
  const end = (job: LiveJob, state: 'completed' | 'failed') => {
    model.end(job, state);
    admission.end(job, { state });
  };
  const submit = (next: Omit<ModelJob, 'name'>) => {
    const job = model.submit(next, Number(nowNs / MINUTE));
    const isRefused = model.waitsForItself(job);
    const { name, tenant, providers, priority } = job;
    const needed = () =>
      model.needsOf(job).map(({ target, on }) => {
        return { job: target === job.number ? name : (model.jobs[target] ?? `job ${target}`), on };
      });
    expect(admission.cycle(name, needed()) !== undefined).toBe(isRefused);
    if (isRefused) job.needs = []; // and comes again without
    model.refresh();
    admission.add(job, { name, claim: { tenant, providers, priority, sinceNs: nowNs }, needed: needed() });
  };
  const start = () => {
    const expected = model.start(Number(nowNs / MINUTE));
    expect(admission.first(nowNs)?.name).toBe(expected?.name);
    expect(admission.take(nowNs)).toBe(expected);
    if (!expected) return;
    model.reach(expected, 'started');
    admission.reach(expected, 'started');
  };
  for (let left = 20 * list.length; left > 0; left--) {
    const { do: what, which } = steps.next().value as Step;
    const state = what === 'stop' ? 'waiting' : 'running';
    const among = model.jobs.filter((job) => job.state === state);
    const job = among[which % Math.max(1, among.length)];
    const next = list[model.jobs.length];
    if (what === 'wait') nowNs += BigInt(which % 240) * 1_000_000_000n;
    else if (what === 'start') start();
    else if (what === 'submit') {
      if (next) submit(next);
    } else if (job && what === 'ready') {
      model.reach(job, 'ready');
      admission.reach(job, 'ready');
    } else if (job) end(job, what === 'complete' ? 'completed' : 'failed');
    // Those that cannot start any more are ended, in whatever order.
    for (let doomed = model.doomed(); doomed; doomed = model.doomed()) {
      expect(told.has(doomed)).toBe(true);
      end(doomed, 'failed');
    }
    expect(admission.waiting).toBe(model.jobs.filter((one) => one.state === 'waiting').length);
    if (!next && model.jobs.every((one) => one.state === 'ended')) break;
  }
  const started = model.jobs.filter(({ reached }) => reached.has('started')).length;
  return { submitted: model.jobs.length, started };
}

/** The rules as they are told, without a thought for speed. */
class Model {
  readonly jobs: LiveJob[] = [];
  /** Tenants with jobs that wait for no other job, the one whose turn is next first. */
  #circle: (string | undefined)[] = [];
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  submit(next: Omit<ModelJob, 'name'>, tick: number): LiveJob {
    const number = this.jobs.length;
    const more = { name: `job ${number}`, number, tick } as const;
    const job: LiveJob = { ...next, ...more, reached: new Set(), state: 'waiting' };
    this.jobs.push(job);
    return job;
  }

  needsOf({ number, needs }: LiveJob) {
    return needs.map(({ back, on }) => ({ target: number - back, on })).filter(({ target }) => target >= 0);
  }

  isMet(job: LiveJob): boolean {
    return this.needsOf(job).every(({ target, on }) => this.jobs[target]?.reached.has(on));
  }

  isDoomed(job: LiveJob): boolean {
    return this.needsOf(job).some(({ target, on }) => {
      const other = this.jobs[target];
      return other && !other.reached.has(on) && other.state === 'ended';
    });
  }

  doomed(): LiveJob | undefined {
    return this.jobs.find((job) => job.state === 'waiting' && this.isDoomed(job));
  }

  waitsForItself(job: LiveJob): boolean {
    const seen = new Set<number>();
    const visit = (from: LiveJob): boolean =>
      this.needsOf(from).some(({ target, on }) => {
        if (target === job.number) return true;
        const other = this.jobs[target];
        if (!other || other.reached.has(on) || other.state !== 'waiting' || seen.has(target)) return false;
        seen.add(target);
        return visit(other);
      });
    return visit(job);
  }

  /** Tenants without a job that may start leave the circle, and those that have one now join it. */
  refresh(): void {
    const may = this.jobs.filter((job) => job.state === 'waiting' && this.isMet(job));
    this.#circle = this.#circle.filter((tenant) => may.some((job) => job.tenant === tenant));
    for (const { tenant } of may) if (!this.#circle.includes(tenant)) this.#circle.push(tenant);
  }

  start(tick: number): LiveJob | undefined {
    const risen = (job: LiveJob) => job.priority + tick - job.tick;
    const priority = (job: LiveJob) => Math.min(PRIORITY_MAX, risen(job));
    const may = this.jobs.filter((job) => job.state === 'waiting' && this.isMet(job) && this.#hasPlaces(job));
    const highest = may.filter((job) => priority(job) === Math.max(...may.map(priority)));
    const tenant = this.#circle.find((one) => highest.some((job) => job.tenant === one));
    const own = highest.filter((job) => job.tenant === tenant);
    const job = own.find((one) => risen(one) === Math.max(...own.map(risen)));
    if (!job) return undefined;
    job.state = 'running';
    this.#circle = this.#circle.filter((one) => one !== job.tenant);
    this.refresh();
    return job;
  }

  reach(job: LiveJob, point: DependencyPoint): void {
    job.reached.add(point);
    this.refresh();
  }

  end(job: LiveJob, state: 'completed' | 'failed'): void {
    job.state = 'ended';
    this.refresh();
    job.reached.add('completed');
    if (state === 'completed') job.reached.add('succeeded');
    this.refresh();
  }

  #hasPlaces({ tenant, providers }: LiveJob): boolean {
    const { jobs, jobsPerTenant, jobsByProvider } = this.#limits;
    const running = this.jobs.filter((job) => job.state === 'running');
    return (
      running.length < jobs &&
      (tenant === undefined || running.filter((job) => job.tenant === tenant).length < jobsPerTenant) &&
      providers.every(
        (name) =>
          running.filter((job) => job.providers.includes(name)).length < (jobsByProvider[name] ?? JOBS),
      )
    );
  }
}
