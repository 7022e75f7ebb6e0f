import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { openRates } from '../../../src/resilience/rate/rate-client.js';
import { RateCoordinator } from '../../../src/resilience/rate/rate-coordinator.js';
import { RateMemory } from '../../../src/shared-memory/rate-memory.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { withStepLimit } from '../../support/step-limit.js';
import { START } from './rate-rig.js';

const ref = { provider: 'x', endpoint: 'e', tenant: 't' };

const PARTS = ['anywhere', 'parameters', 'cells', 'everything'] as const;

function overwrite(
  buffer: SharedArrayBuffer,
  part: (typeof PARTS)[number],
  words: number,
  random: Random,
): void {
  const memory = RateMemory.open(buffer);
  const scope = Math.floor(random.next() * 3);
  const [first, end] = {
    anywhere: [0, memory.i32.length],
    everything: [0, memory.i32.length],
    parameters: [memory.parametersByte(scope, 0) / 4, memory.parametersByte(scope, 2) / 4],
    cells: [2 * memory.cellAt(scope, 0, 0), 2 * memory.ownLaneAt(scope) + 2],
  }[part] as [number, number];
  const count = part === 'everything' ? end : words;
  for (let i = 0; i < count; i++) {
    const at = part === 'everything' ? i : first + Math.floor(random.next() * (end - first));
    // Small numbers, too, which are nearer to what may be there.
    memory.i32[at] = random.next() * 2 ** (random.next() < 0.5 ? 8 : 32);
  }
}

it('ends every call with an answer or a typed error, whatever is written into the memory of budgets', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.constantFrom(1, 10, 200, 5_000),
      fc.constantFrom(...PARTS),
      async (seed, words, part) => {
        const clock = new SimulatedClock({ now: START });
        const rates = new RateCoordinator({
          clock,
          scopesMax: 4,
          threadsMax: 4,
          rollingPermitsMax: 64,
          inFlightPlacesMax: 64,
          providers: {
            x: {
              permits: 10,
              inFlight: 8,
              endpoints: { e: { permits: 9, per: '1s', algorithm: 'rolling' } },
            },
          },
          tenants: { t: { permits: 20, burst: 5, weight: 3 } },
        });
        const clients = [openRates(rates.handle(), { clock }), openRates(rates.handle(), { clock })];
        const limiters = clients.map((client) => client.limiter(ref));
        const calls = limiters.map((limiter) => limiter.acquire({ cost: 3 }));
        const settled = Promise.allSettled(calls);
        overwrite(rates.handle().memory, part, words, new Random(seed));

        const [limiter] = limiters as [(typeof limiters)[0]];
        const operations: (() => unknown)[] = [
          () => limiter.tryAcquire(),
          () => limiter.tryAcquire(2),
          () => limiter.reserve({ cost: 2 }),
          () => limiter.left(),
          () => limiter.release(),
          () => limiter.acquire({ timeoutMs: 10 }).catch(check),
          () => rates.observeUsed({ provider: 'x', endpoint: 'e' }, { used: 1e9 }),
          () => rates.observeUsed({ provider: 'x' }, { used: 1e9 }),
          () =>
            openRates(rates.handle(), { clock }).observeUsed({ provider: 'x', endpoint: 'e' }, { used: 1e9 }),
          () => rates.cooldown({ provider: 'x' }, 10),
          () => rates.throttled({ provider: 'x', endpoint: 'e' }, 10),
          () => rates.status({ tenant: 't' }),
          () => rates.statuses(),
          () => openRates(rates.handle(), { clock }).limiter(ref).tryAcquire(),
          () => rates.set({ tenant: 't' }, { permits: 1, inFlight: 64 }),
          () => rates.set({ provider: 'x', endpoint: 'e' }, { permits: 3, algorithm: 'rolling' }),
          () => rates.remove({ provider: 'x' }),
          () => rates.reclaim(0),
          () => clients[1]!.close(),
          () => rates.close(),
        ];
        await withStepLimit(async () => {
          for (const operation of operations) {
            try {
              operation();
            } catch (error) {
              check(error);
            }
          }
          await clock.advance(5);
          for (const client of clients) client.close();
        });
        for (const result of await settled) if (result.status === 'rejected') check(result.reason);
      },
    ),
    { numRuns: 200, seed: 11 },
  );
});

function check(error: unknown): void {
  const codes = ['HANDLE_INVALID', 'SCOPE_UNKNOWN', 'RATE_TABLE_FULL', 'RATE_CLOSED', 'COST_ABOVE_BURST'];
  codes.push('ACQUIRE_TIMED_OUT', 'BUDGET_SPENT', 'OPTIONS_INVALID');
  const { code, message, stack } = error as { code?: string; message?: string; stack?: string };
  expect(codes, `${message}\n${stack}`).toContain(code);
}
