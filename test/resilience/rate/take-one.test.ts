import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { GcraLimit } from '../../../src/resilience/rate/gcra-permit-swap.js';
import { differenceOf } from '../../../src/resilience/rate/to-number.js';
import { STALE } from '../../../src/resilience/rate/verdict.js';
import { rateMemory, START } from './rate-rig.js';

const NS_MAX = 2n ** 62n;

describe('the difference of two instants as a number', () => {
  it('is exact up to 2⁵³ either way, wherever the instants are', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: NS_MAX }),
        fc.bigInt({ min: -(2n ** 53n), max: 2n ** 53n }),
        (from, by) => {
          expect(BigInt(differenceOf(from + by, from))).toBe(by);
        },
      ),
    );
  });

  it('is the nearest double beyond', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -1n, max: NS_MAX }), fc.bigInt({ min: -1n, max: NS_MAX }), (to, from) => {
        expect(differenceOf(to, from)).toBe(Number(to - from));
      }),
    );
  });
});

describe('a take of one permit', () => {
  const duration = fc.constantFrom('1ms', '3ms', '7s', '1d', '30d');

  it('answers as any take does, and leaves the same behind, for short and for endless bursts', () => {
    fc.assert(
      fc.property(
        duration,
        fc.integer({ min: 1, max: 600 }),
        fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 1, maxLength: 20 }),
        (per, burst, steps) => {
          const [one, any] = [0, 1].map(() => {
            const rig = rateMemory({ x: { permits: 1, per, burst } });
            return { limit: rig.view('x').limits[0] as GcraLimit, cells: rig.memory };
          });
          let now = START;
          for (const step of steps) {
            now += BigInt(step);
            expect(one!.limit.takeOne(now)).toBe(any!.limit.take(now, 1));
            const at = one!.cells.cellAt(0, 1, 0);
            expect([one!.cells.b64[at], one!.cells.b64[at - 4]]).toEqual([
              any!.cells.b64[at],
              any!.cells.b64[at - 4],
            ]);
          }
        },
      ),
    );
  });

  it('takes nothing from a cell that is closed', () => {
    const rig = rateMemory({ x: { permits: 1, per: '1s' } });
    const limit = rig.view('x').limits[0] as GcraLimit;
    limit.retire();
    expect(limit.takeOne(START)).toBe(STALE);
    expect(limit.left(START)).toBe(0);
  });
});
