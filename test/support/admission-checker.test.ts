import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Admission,
  checkPauses,
  checkRolling,
  checkSmooth,
  checkSmoothSlowly,
  OverAdmissionError,
} from './admission-checker.js';

const admissions = fc.array(
  fc.record({ at: fc.bigInt({ min: 0n, max: 60n }), cost: fc.integer({ min: 1, max: 3 }) }),
  { maxLength: 12 },
);
const periods = fc
  .array(
    fc.record({
      burst: fc.integer({ min: 1, max: 9 }),
      nsPerPermit: fc.oneof(fc.bigInt({ min: 1n, max: 12n }), fc.constant(undefined)),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((list) => list.map((period, i) => ({ ...period, from: BigInt(i) * 20n })));

const refuses = (check: () => void): boolean => {
  try {
    check();
    return false;
  } catch (error) {
    if (error instanceof OverAdmissionError) return true;
    throw error;
  }
};

describe('the checker of admissions', () => {
  it('finds in one pass what it finds interval by interval', () => {
    const verdicts = new Set<boolean>();
    fc.assert(
      fc.property(admissions, periods, (granted, rates) => {
        const verdict = refuses(() => checkSmooth(granted, rates));
        verdicts.add(verdict);
        expect(verdict).toBe(refuses(() => checkSmoothSlowly(granted, rates)));
      }),
      { numRuns: 2_000, seed: 1 },
    );
    expect(verdicts.size).toBe(2);
  });

  it('finds in one pass every window that holds too much', () => {
    const verdicts = new Set<boolean>();
    fc.assert(
      fc.property(admissions, fc.integer({ min: 1, max: 8 }), (granted, permits) => {
        const windowNs = 10n;
        const tooMuch = granted.some(({ at }) => {
          const within = granted.filter((other) => other.at <= at && other.at > at - windowNs);
          return within.reduce((sum, { cost }) => sum + cost, 0) > permits;
        });
        verdicts.add(tooMuch);
        expect(refuses(() => checkRolling(granted, { permits, windowNs }))).toBe(tooMuch);
      }),
      { numRuns: 2_000, seed: 1 },
    );
    expect(verdicts.size).toBe(2);
  });

  it('lets pass exactly burst + rate × Δt, and not one permit more', () => {
    const law = [{ from: 0n, burst: 2, nsPerPermit: 10n }];
    const exact: Admission[] = [
      { at: 5n, cost: 2 },
      { at: 15n, cost: 1 },
      { at: 35n, cost: 2 },
    ];
    expect(refuses(() => checkSmooth(exact, law))).toBe(false);
    expect(refuses(() => checkSmooth([...exact, { at: 44n, cost: 1 }], law))).toBe(true);
  });

  it('counts what is earned by the rate of the time', () => {
    const law = [
      { from: 0n, burst: 1, nsPerPermit: 10n },
      { from: 100n, burst: 1, nsPerPermit: 5n },
    ];
    const at = (instant: bigint) => ({ at: instant, cost: 1 });
    expect(refuses(() => checkSmooth([at(95n), at(102n)], law))).toBe(true); // half, and two fifths
    expect(refuses(() => checkSmooth([at(95n), at(103n)], law))).toBe(false);
  });

  it('takes a pause to end where it says', () => {
    const pause = [{ from: 10n, until: 20n }];
    expect(refuses(() => checkPauses([{ at: 19n, cost: 1 }], pause))).toBe(true);
    expect(
      refuses(() =>
        checkPauses(
          [
            { at: 10n, cost: 1 },
            { at: 20n, cost: 1 },
          ],
          pause,
        ),
      ),
    ).toBe(false);
  });
});
