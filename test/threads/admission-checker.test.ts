import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Admission, mostInWindow, overAdmission } from './admission-checker.js';

const SECOND = 1_000_000_000n;
const at = (ms: number, cost = 1, doubtMs = 0): Admission => ({
  earliest: BigInt(ms) * 1_000_000n,
  latest: BigInt(ms + doubtMs) * 1_000_000n,
  cost,
});
const law = { burst: 2, periods: [{ from: 0n, permitsPerSecond: 1 }] };

describe('the checker of admissions', () => {
  it('finds nothing in the burst followed by the rate', () => {
    expect(overAdmission([at(0, 2), at(1_000), at(2_000)], law)).toBe(0);
  });

  it('finds one permit too many in the middle of a long rest', () => {
    expect(overAdmission([at(0, 2), at(60_000), at(60_001), at(60_002), at(120_000)], law)).toBeCloseTo(
      0.998,
    );
  });

  it('gives a call the benefit of the doubt between two readings of the clock', () => {
    expect(overAdmission([at(0, 2), at(400, 1, 600)], law)).toBe(0);
    expect(overAdmission([at(0, 2), at(400, 1, 500)], law)).toBeCloseTo(0.1);
  });

  it('follows a rate that changes', () => {
    const periods = [...law.periods, { from: 10n * SECOND, permitsPerSecond: 10 }];
    const conforming = [at(9_000, 5), at(10_000), at(10_500, 5)];
    expect(overAdmission(conforming, { burst: 5, periods })).toBeCloseTo(0);
    expect(overAdmission([...conforming, at(10_600, 2)], { burst: 5, periods })).toBeCloseTo(1);
    expect(overAdmission([...conforming, at(10_600, 2)], { ...law, burst: 5 })).toBeCloseTo(6.4);
  });

  it('finds the same as a look at every interval', () => {
    const admission = fc.record({
      ms: fc.nat(5_000),
      doubt: fc.nat(50),
      cost: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(fc.array(admission, { minLength: 1, maxLength: 30 }), (raw) => {
        const admissions = raw.map(({ ms, doubt, cost }) => at(ms, cost, doubt));
        let worst = Number.NEGATIVE_INFINITY;
        for (const { earliest: begin } of admissions) {
          for (const { latest: end } of admissions) {
            const inside = admissions.filter(({ earliest, latest }) => earliest >= begin && latest <= end);
            if (inside.length === 0) continue;
            const granted = inside.reduce((sum, { cost }) => sum + cost, 0);
            worst = Math.max(worst, granted - law.burst - Number(end - begin) / 1e9);
          }
        }
        expect(overAdmission(admissions, law)).toBeCloseTo(worst, 6);
      }),
    );
  });

  it('counts what lies in a window for certain, one of its ends left out', () => {
    expect(mostInWindow([at(0), at(999), at(1_000)], SECOND)).toBe(2);
    expect(mostInWindow([at(0, 3), at(500, 2, 500), at(900)], SECOND)).toBe(4);
  });
});
