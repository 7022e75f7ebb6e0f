import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IndexedHeap } from '../../src/resilience/rate/indexed-heap.js';
import { type StartClaim, StartOrder } from '../../src/service/start-order.js';
import { JobLimits } from '../../src/settings/job-limits.js';
import { PRIORITY_MAX } from '../../src/settings/priority.js';

const MINUTE = 60_000_000_000n;

function orderOf(limits: Parameters<typeof JobLimits.parse>[0] = {}) {
  const order = new StartOrder<string>(JobLimits.parse(limits));
  let arrival = 0;
  return {
    order,
    add: (job: string, claim: Partial<StartClaim> = {}) =>
      order.add(job, { priority: 0, providers: [], sinceNs: 0n, arrival: arrival++, ...claim }),
    /** Takes jobs until none may start. */
    takeAll: (nowNs = 0n) => {
      const taken: string[] = [];
      for (let job = order.take(nowNs); job !== undefined; job = order.take(nowNs)) taken.push(job);
      return taken;
    },
  };
}

describe('the start order', () => {
  it('starts the job of the highest priority first, and equals as they came', () => {
    const { add, takeAll } = orderOf();
    add('first');
    add('second');
    add('urgent', { priority: 5 });
    add('whenever', { priority: -5 });
    expect(takeAll()).toEqual(['urgent', 'first', 'second', 'whenever']);
  });

  it('lets a job rise by one with each interval that it waits', () => {
    const { add, takeAll } = orderOf();
    add('old', { sinceNs: 0n });
    add('one more', { priority: 1, sinceNs: MINUTE });
    add('two more', { priority: 2, sinceNs: MINUTE });
    expect(takeAll(MINUTE)).toEqual(['two more', 'old', 'one more']);
  });

  it('holds nobody up for ever: what has waited for long enough is behind no newcomer of its tenant', () => {
    const { add, order } = orderOf();
    add('humble', { priority: -PRIORITY_MAX });
    for (let minute = 0n; minute <= 40n; minute++) {
      add(`urgent ${minute}`, { priority: PRIORITY_MAX, sinceNs: minute * MINUTE });
      if (order.take(minute * MINUTE) !== 'humble') continue;
      expect(minute).toBe(20n);
      return;
    }
    expect.unreachable();
  });

  it('lets tenants take turns among equals, a newcomer after one job of each', () => {
    const { add, order, takeAll } = orderOf();
    for (const job of ['a1', 'a2', 'a3']) add(job, { tenant: 'a' });
    for (const job of ['b1', 'b2']) add(job, { tenant: 'b' });
    add('none');
    expect([order.take(0n), order.take(0n)]).toEqual(['a1', 'b1']);
    add('c1', { tenant: 'c' });
    expect(takeAll()).toEqual(['none', 'a2', 'b2', 'c1', 'a3']);
  });

  it('gives a tenant that comes back each time it was served no more turns than the others', () => {
    const { add, order } = orderOf();
    for (let i = 0; i < 4; i++) add(`many ${i}`, { tenant: 'many' });
    add('single 0', { tenant: 'single' });
    const taken: (string | undefined)[] = [];
    for (let i = 0; i < 6; i++) {
      const job = order.take(0n);
      taken.push(job);
      if (job?.startsWith('single')) add(`single ${i}`, { tenant: 'single' });
    }
    expect(taken).toEqual(['many 0', 'single 0', 'many 1', 'single 1', 'many 2', 'single 3']);
  });

  it('lets those that have risen to the top take turns, however long one tenant has waited', () => {
    const { add, order } = orderOf();
    for (let i = 0; i < 3; i++) add(`early ${i}`, { tenant: 'early' });
    add('late', { tenant: 'late', sinceNs: 5n * MINUTE });
    expect([order.take(15n * MINUTE), order.take(15n * MINUTE)]).toEqual(['early 0', 'late']);
  });

  it('passes over jobs that a limit holds up, and starts them when a place is free', () => {
    const { add, order, takeAll } = orderOf({ jobsByTenant: { a: 1 }, jobsByProvider: { venue: 1 } });
    add('a1', { tenant: 'a', priority: 3 });
    add('a2', { tenant: 'a', priority: 2 });
    add('v1', { tenant: 'b', providers: ['venue', 'venue'], priority: 1 });
    add('v2', { tenant: 'c', providers: ['other', 'venue'] });
    add('free', { tenant: 'b', providers: ['other'] });
    expect(takeAll()).toEqual(['a1', 'v1', 'free']);
    expect(order.waitsFor('a2')).toEqual([{ for: 'tenant', tenant: 'a', limitJobs: 1 }]);
    expect(order.waitsFor('v2')).toEqual([{ for: 'provider', provider: 'venue', limitJobs: 1 }]);
    order.remove('v1');
    expect(order.waitsFor('v2')).toEqual([{ for: 'turn' }]);
    expect(takeAll()).toEqual(['v2']);
    order.remove('a1');
    expect(takeAll()).toEqual(['a2']);
    expect(order.waitsFor('a2')).toBeUndefined();
  });

  it('gives a place back once, and never for a job that had none', () => {
    const { add, order, takeAll } = orderOf({ jobs: 1 });
    for (const job of ['one', 'two', 'three', 'four']) add(job);
    expect(takeAll()).toEqual(['one']);
    order.remove('two');
    expect(takeAll()).toEqual([]);
    order.remove('one');
    order.remove('one');
    expect(takeAll()).toEqual(['three']);
    expect(order.waitsFor('four')).toEqual([{ for: 'jobs', limitJobs: 1 }]);
  });

  it('has a limit for names that every object has', () => {
    const { add, takeAll } = orderOf({ jobsByTenant: {}, jobsByProvider: {} });
    add('one', { tenant: 'constructor', providers: ['toString'] });
    expect(takeAll()).toEqual(['one']);
  });

  it('equals a naive model, for random jobs, limits, starts and ends', () => {
    fc.assert(
      fc.property(limitsArbitrary, fc.array(stepArbitrary, { maxLength: 300 }), (limits, steps) => {
        const { taken, expected } = play(limits, steps);
        expect(taken).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('compares a job only with a few others to add, take or remove it, however many wait', () => {
    expect(comparisonsOfStep(4_096)).toBeLessThan(3 * comparisonsOfStep(64));
  });
});

/** Comparisons of one step, the mean over all of them, of so many jobs of as many tenants. */
function comparisonsOfStep(jobs: number): number {
  const { order } = orderOf({ jobsPerTenant: 1 });
  let looks = 0;
  for (let i = 0; i < jobs; i++) {
    const priority = (i * 7) % PRIORITY_MAX;
    order.add(`job ${i}`, { priority, providers: [], sinceNs: 0n, arrival: i, tenant: `tenant ${i}` });
  }
  // What a heap compares is the first job of a lane, whose rank it reads.
  const first = Object.getOwnPropertyDescriptor(IndexedHeap.prototype, 'first')!;
  Object.defineProperty(IndexedHeap.prototype, 'first', {
    get() {
      looks++;
      return first.get!.call(this);
    },
    configurable: true,
  });
  try {
    for (let i = 0; i < jobs; i++) order.take(0n);
  } finally {
    Object.defineProperty(IndexedHeap.prototype, 'first', first);
  }
  return looks / jobs;
}

type Limits = Parameters<typeof JobLimits.parse>[0] & {
  readonly jobs?: number | undefined;
  readonly jobsPerTenant?: number | undefined;
  readonly jobsByTenant: Readonly<Record<string, number>>;
  readonly jobsByProvider: Readonly<Record<string, number>>;
};

type Step =
  | { readonly do: 'add'; readonly claim: Omit<StartClaim, 'sinceNs' | 'arrival'> }
  | { readonly do: 'take' }
  /** Which one: by its number among those that there are. */
  | { readonly do: 'remove' | 'end'; readonly which: number }
  | { readonly do: 'wait'; readonly seconds: number };

const tenants = fc.constantFrom(undefined, 'a', 'b', 'c', 'd');
const providers = fc.subarray(['x', 'y', 'z', 'unlimited']);
const limitOf = fc.integer({ min: 1, max: 4 });
const limitsArbitrary: fc.Arbitrary<Limits> = fc.record({
  jobs: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  jobsPerTenant: fc.option(limitOf, { nil: undefined }),
  jobsByTenant: fc.dictionary(fc.constantFrom('a', 'b'), limitOf),
  jobsByProvider: fc.dictionary(fc.constantFrom('x', 'y', 'z'), limitOf),
});
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      claim: fc.record({
        priority: fc.integer({ min: -PRIORITY_MAX, max: PRIORITY_MAX }),
        tenant: tenants,
        providers,
      }),
    }),
  },
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'take' }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('remove' as const, 'end' as const, 'end' as const),
      which: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.nat(240) }) },
);

/** Plays the steps to the order and to the model. */
function play(limits: Limits, steps: readonly Step[]) {
  const { order } = orderOf(limits);
  const model = new Model(limits);
  const taken: (string | undefined)[] = [];
  const expected: (string | undefined)[] = [];
  let nowNs = 0n;
  let added = 0;
  for (const step of steps) {
    if (step.do === 'wait') nowNs += BigInt(step.seconds) * 1_000_000_000n;
    else if (step.do === 'add') {
      const claim = { ...step.claim, sinceNs: nowNs, arrival: added };
      const job = `job ${added++}`;
      order.add(job, claim);
      model.add(job, claim);
    } else if (step.do === 'take') {
      expect(order.first(nowNs)).toBe(model.next(nowNs)?.job);
      taken.push(order.take(nowNs));
      expected.push(model.take(nowNs));
    } else {
      const among = step.do === 'end' ? model.running : model.waiting;
      const job = among[step.which % Math.max(1, among.length)]?.job;
      if (job === undefined) continue;
      order.remove(job);
      model.remove(job);
    }
  }
  return { taken, expected };
}

interface ModelJob {
  readonly job: string;
  readonly claim: StartClaim;
}

/** The rules as they are told, without a thought for speed. */
class Model {
  waiting: ModelJob[] = [];
  running: ModelJob[] = [];
  /** Tenants with waiting jobs, the one whose turn is next first. */
  #circle: (string | undefined)[] = [];
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  add(job: string, claim: StartClaim): void {
    this.waiting.push({ job, claim });
    if (!this.#circle.includes(claim.tenant)) this.#circle.push(claim.tenant);
  }

  next(nowNs: bigint): ModelJob | undefined {
    const ticks = (ns: bigint) => Number(ns / MINUTE);
    const risen = ({ claim }: ModelJob) => claim.priority + ticks(nowNs) - ticks(claim.sinceNs);
    const priority = (job: ModelJob) => Math.min(PRIORITY_MAX, risen(job));
    const may = this.waiting.filter((job) => this.#hasPlaces(job));
    const highest = may.filter((job) => priority(job) === Math.max(...may.map(priority)));
    const tenant = this.#circle.find((one) => highest.some(({ claim }) => claim.tenant === one));
    const own = highest.filter(({ claim }) => claim.tenant === tenant);
    return own.find((job) => risen(job) === Math.max(...own.map(risen)));
  }

  take(nowNs: bigint): string | undefined {
    const next = this.next(nowNs);
    if (!next) return undefined;
    this.waiting = this.waiting.filter((job) => job !== next);
    this.running.push(next);
    this.#circle = this.#circle.filter((tenant) => tenant !== next.claim.tenant);
    if (this.waiting.some(({ claim }) => claim.tenant === next.claim.tenant))
      this.#circle.push(next.claim.tenant);
    return next.job;
  }

  remove(job: string): void {
    this.waiting = this.waiting.filter((other) => other.job !== job);
    this.running = this.running.filter((other) => other.job !== job);
    this.#circle = this.#circle.filter((one) => this.waiting.some(({ claim }) => claim.tenant === one));
  }

  #hasPlaces({ claim }: ModelJob): boolean {
    const { jobs = 1_000, jobsPerTenant = 1_000, jobsByTenant, jobsByProvider } = this.#limits;
    const ofTenant = this.running.filter((job) => job.claim.tenant === claim.tenant).length;
    const tenantLimit = claim.tenant === undefined ? 1_000 : (jobsByTenant[claim.tenant] ?? jobsPerTenant);
    return (
      this.running.length < jobs &&
      ofTenant < tenantLimit &&
      claim.providers.every(
        (name) =>
          this.running.filter((job) => job.claim.providers.includes(name)).length <
          (jobsByProvider[name] ?? 1_000),
      )
    );
  }
}
