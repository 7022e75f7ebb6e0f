import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import type { Permit } from '../../../src/resilience/rate/permit.js';
import { type Admission, checkPauses, checkRolling, checkSmooth } from '../../support/admission-checker.js';
import { provider, startRates } from './coordinator-rig.js';
import { MS } from './rate-rig.js';

interface Rule {
  readonly permits: number;
  readonly burst: number;
  readonly perNs: bigint;
  readonly isRolling: boolean;
}

/** What each call may be answered, by plain arithmetic on all that was granted before. */
class Model {
  readonly #rules: readonly Rule[];
  readonly #granted: Admission[] = [];

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
  }

  /** Ns until the cost is free; 0: it was taken. */
  take(now: bigint, cost: number): bigint {
    let wait = 0n;
    for (const rule of this.#rules) {
      const own = (rule.isRolling ? this.#leavesAt(rule, cost) : this.#earnedAt(rule, cost)) - now;
      if (own > wait) wait = own;
    }
    if (wait === 0n) this.#granted.unshift({ at: now, cost });
    return wait;
  }

  /** When the burst, and what was earned since each instant, has room for all from there on. */
  #earnedAt({ permits, burst, perNs }: Rule, cost: number): bigint {
    let sum = cost;
    let latest = 0n;
    for (const { at, cost: given } of this.#granted) {
      sum += given;
      const earnedAt = at + BigInt(Math.max(0, sum - burst)) * intervalOf(permits, perNs);
      if (earnedAt > latest) latest = earnedAt;
    }
    return latest;
  }

  /** When so many have left the window that there is room. */
  #leavesAt({ permits, perNs }: Rule, cost: number): bigint {
    let sum = cost;
    for (const { at, cost: given } of this.#granted) {
      sum += given;
      if (sum > permits) return at + perNs;
    }
    return 0n;
  }
}

const intervalOf = (permits: number, perNs: bigint): bigint =>
  (perNs + BigInt(permits) - 1n) / BigInt(permits);

const limit = fc.record({
  permits: fc.integer({ min: 1, max: 12 }),
  per: fc.constantFrom('100ms', '700ms', '1s', '3s'),
  burst: fc.integer({ min: 3, max: 9 }),
  isRolling: fc.boolean(),
});
const NS = { '100ms': 100n, '700ms': 700n, '1s': 1_000n, '3s': 3_000n } as const;
type LimitCase = { permits: number; per: string; burst: number; isRolling: boolean };

const rules = (limits: readonly LimitCase[]): Rule[] =>
  limits.map(({ permits, per, burst, isRolling }) => ({
    permits: isRolling ? permits + 2 : permits,
    burst,
    perNs: NS[per as keyof typeof NS] * MS,
    isRolling,
  }));
const budgetOf = (limits: readonly LimitCase[]): BudgetInput => ({
  limits: limits.map(({ permits, per, burst, isRolling }) =>
    isRolling ? { permits: permits + 2, per, algorithm: 'rolling' } : { permits, per, burst },
  ),
});

/** Checks all limits of a budget. */
function checkLaws(admissions: readonly Admission[], limits: readonly LimitCase[]): void {
  for (const { permits, burst, perNs, isRolling } of rules(limits)) {
    if (isRolling) checkRolling(admissions, { permits, windowNs: perNs });
    else checkSmooth(admissions, [{ from: 0n, burst, nsPerPermit: intervalOf(permits, perNs) }]);
  }
}

describe('a budget', () => {
  it('answers exactly as plain arithmetic does, wait by wait', async () => {
    const call = fc.record({
      ns: fc.bigInt({ min: 0n, max: 400n * MS }),
      cost: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(limit, { minLength: 1, maxLength: 3 }),
        fc.array(call, { minLength: 1, maxLength: 60 }),
        async (limits, calls) => {
          const { clock, rates } = startRates({ providers: { x: budgetOf(limits) } });
          const limiter = rates.limiter(provider);
          const model = new Model(rules(limits));
          for (const { ns, cost } of calls) {
            await clock.advance(Number(ns) / 1e6);
            expect(limiter.tryAcquire(cost)).toBe(Number(model.take(clock.now(), cost)));
          }
        },
      ),
      { numRuns: 150, seed: 11 },
    );
  });

  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('try' as const), cost: fc.integer({ min: 1, max: 3 }) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('acquire' as const),
        cost: fc.integer({ min: 1, max: 3 }),
        timeoutMs: fc.option(fc.integer({ min: 0, max: 900 }), { nil: undefined }),
        priority: fc.integer({ min: -1, max: 2 }),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('reserve' as const),
        cost: fc.integer({ min: 1, max: 3 }),
        isCancelled: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('cool' as const), ms: fc.integer({ min: 1, max: 500 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('used' as const), used: fc.integer({ min: 0, max: 12 }) }),
    },
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 300 }) }),
    },
  );

  it('keeps its law whatever several threads do, serves all who wait, and leaves nothing behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(limit, { minLength: 1, maxLength: 2 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), step), { maxLength: 50 }),
        async (limits, steps) => {
          const { clock, rates, open } = startRates({
            providers: { x: budgetOf(limits) },
            tenants: { t: { weight: 2 } },
          });
          const clients = [open(), open(), open()];
          const limiters = clients.map((client, i) =>
            client.limiter(i === 2 ? { tenant: 't', ...provider } : provider),
          );
          limiters.push(rates.limiter(provider));
          const admissions: Admission[] = [];
          const reserved: Admission[] = [];
          const pauses: { from: bigint; until: bigint }[] = [];
          const calls: Promise<unknown>[] = [];
          let quit = new AbortController();
          for (const [thread, action] of steps) {
            const limiter = limiters[thread]!;
            if (action.kind === 'wait') await clock.advance(action.ms);
            else if (action.kind === 'try') {
              if (limiter.tryAcquire(action.cost) === 0)
                admissions.push({ at: clock.now(), cost: action.cost });
            } else if (action.kind === 'acquire') {
              const { cost, timeoutMs, priority } = action;
              const call = limiter.acquire({
                cost,
                priority,
                signal: quit.signal,
                ...(timeoutMs !== undefined && { timeoutMs }),
              });
              calls.push(
                call.then(
                  ({ atNs, cost }: Permit) => admissions.push({ at: atNs, cost }),
                  () => {},
                ),
              );
            } else if (action.kind === 'reserve') {
              const reservation = limiter.reserve({ cost: action.cost });
              if (typeof reservation === 'number') continue;
              if (action.isCancelled) reservation.cancel();
              else reserved.push({ at: reservation.atNs, cost: reservation.cost });
            } else if (action.kind === 'abort') {
              quit.abort();
              quit = new AbortController();
            } else if (action.kind === 'cool') {
              rates.cooldown(provider, action.ms);
              pauses.push({ from: clock.now(), until: clock.now() + BigInt(action.ms) * MS });
            } else {
              rates.observeUsed(provider, { used: action.used });
            }
          }
          await clock.advance(60_000);
          checkLaws([...admissions, ...reserved], limits);
          checkPauses(admissions, pauses);
          await Promise.all(calls); // nobody is left waiting
          expect(clock.timersPending).toBe(0);
          const { granted, permits } = rates.status(provider);
          expect(granted).toBeGreaterThanOrEqual(admissions.length + reserved.length);
          expect(permits).toBeGreaterThanOrEqual(
            [...admissions, ...reserved].reduce((sum, { cost }) => sum + cost, 0),
          );
        },
      ),
      { numRuns: 150, seed: 11 },
    );
  });
});
