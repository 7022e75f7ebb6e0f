import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { createBreaker } from '../../../src/resilience/breaker/create-breaker.js';
import { openBreaker } from '../../../src/resilience/breaker/open-breaker.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { withStepLimit } from '../../support/step-limit.js';

it('ends every call with an answer or a typed error, whatever is written into the memory of a breaker', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.constantFrom(1, 10, 200, 'all' as const), async (seed, words) => {
      const clock = new SimulatedClock({ now: 5_000_000_000n });
      const breaker = createBreaker(
        {
          name: 'test',
          failuresInRow: 3,
          countWindow: { size: 20, failureRate: 0.5, slowCallRate: 0.9 },
          timeWindow: { failureRate: 0.5 },
          slowCallMs: 100,
          probes: 4,
        },
        { clock, seed: 1 },
      );
      const other = openBreaker(breaker.handle(), { clock });
      const memory = new Int32Array(breaker.handle().memory);
      const random = new Random(seed);
      const count = words === 'all' ? memory.length : words;
      for (let i = 0; i < count; i++) {
        memory[words === 'all' ? i : Math.floor(random.next() * memory.length)] = random.next() * 2 ** 32;
      }
      const tried = (operation: () => unknown) => {
        try {
          operation();
        } catch (error) {
          expect(['BREAKER_OPEN', 'BREAKER_INVALID', 'HANDLE_INVALID']).toContain(
            (error as { code?: string }).code,
          );
        }
      };
      await withStepLimit(async () => {
        for (let round = 0; round < 3; round++) {
          for (const of of [breaker, other]) {
            tried(() => of.permit().succeed());
            tried(() => of.permit().fail());
            tried(() => of.permit().ignore());
            tried(() => of.refusal());
            await of
              .execute(() => 7)
              .catch((error) =>
                tried(() => {
                  throw error;
                }),
              );
          }
          tried(() => breaker.state);
          tried(() => breaker.counts);
          tried(() => breaker.reclaim(1));
          tried(() => breaker.save());
          await clock.advance(1_000);
        }
        tried(() => breaker.hold());
        tried(() => breaker.releaseAll());
        tried(() => breaker.reset());
        tried(() => breaker.close());
      });
    }),
    { numRuns: 60, seed: 11 },
  );
});
