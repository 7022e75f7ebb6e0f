import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { WireError } from '../../src/core/errors.js';
import {
  areSpent,
  asksForRestart,
  nextRestart,
  noRestarts,
  type Restarts,
  type RunEnd,
  spentError,
} from '../../src/supervision/restart-policy.js';
import { crash, onFailure } from './job-fixtures.js';

const failed: RunEnd = { outcome: 'failed', error: crash, isStable: false };
const errorOf = (code: WireError['code'], retryable: boolean, more: Partial<WireError> = {}): RunEnd => ({
  outcome: 'failed',
  error: { code, message: code, retryable, ...more },
  isStable: false,
});

/** Restarts again and again, a minute apart, and returns the waits. */
function waitsOf(ends: readonly RunEnd[], restarts = noRestarts(onFailure, 1)): number[] {
  let left: Restarts = restarts;
  return ends.map((end, i) => {
    const nowMs = i * 60_000;
    const next = nextRestart(left, end, nowMs);
    left = next.restarts;
    return next.startAtMs - nowMs;
  });
}

describe('a restart policy', () => {
  it.each([
    ['a crash', failed, true],
    ['a source that failed', errorOf('SOURCE_FAILED', true), true],
    ['a provider that is throttled', errorOf('PROVIDER_THROTTLED', true), true],
    ['wrong credentials', errorOf('PROVIDER_AUTHENTICATION', false), false],
    ['a row that came late', errorOf('LATE_ROW', false), false],
    ['a wrong spec', errorOf('SPEC_INVALID', false), false],
  ])('lets the error decide whether a run follows (%s)', (_, end, again) => {
    expect(asksForRestart(noRestarts(onFailure, 1), end)).toBe(again);
    expect(asksForRestart(noRestarts({ ...onFailure, policy: 'always' }, 1), end)).toBe(again);
  });

  it('starts again what has completed if it says always, and nothing that was stopped', () => {
    const always = noRestarts({ ...onFailure, policy: 'always' }, 1);
    const completed: RunEnd = { outcome: 'completed', isStable: true };
    expect(asksForRestart(always, completed)).toBe(true);
    expect(asksForRestart(noRestarts(onFailure, 1), completed)).toBe(false);
    expect(asksForRestart(always, { outcome: 'stopped', isStable: true })).toBe(false);
  });

  it('waits a random part of a bound that doubles up to a cap, the same for each seed', () => {
    const ends = Array<RunEnd>(2_000).fill(failed);
    const waits = waitsOf(ends);
    expect(waits).toEqual(waitsOf(ends));
    expect(waits).not.toEqual(waitsOf(ends, noRestarts(onFailure, 2)));
    for (const [i, bound] of [1_000, 2_000, 4_000].entries()) {
      const firsts = Array.from({ length: 500 }, (_, seed) => {
        return waitsOf(ends.slice(0, i + 1), noRestarts(onFailure, seed))[i]!;
      });
      expect(Math.max(...firsts)).toBeLessThanOrEqual(bound);
      expect(Math.max(...firsts)).toBeGreaterThan(bound * 0.95);
      expect(Math.min(...firsts)).toBeLessThan(bound * 0.05);
    }
    // The cap bounds what chance is drawn from: waits are spread over all of it and do not pile up at it.
    const capped = waits.slice(3);
    expect(Math.max(...capped)).toBeLessThanOrEqual(5_000);
    const mean = capped.reduce((sum, wait) => sum + wait, 0) / capped.length;
    expect(mean).toBeGreaterThan(2_350);
    expect(mean).toBeLessThan(2_650);
    expect(capped.filter((wait) => wait >= 4_900).length / capped.length).toBeLessThan(0.04);
  });

  it('begins with the shortest wait again after a run that was stable, and not after one that only started', () => {
    const stable = { ...failed, isStable: true };
    const waits = Array.from({ length: 300 }, (_, seed) =>
      waitsOf([failed, failed, failed, stable], noRestarts(onFailure, seed)),
    );
    expect(Math.max(...waits.map((each) => each[2]!))).toBeGreaterThan(3_000);
    expect(Math.max(...waits.map((each) => each[3]!))).toBeLessThanOrEqual(1_000);
  });

  it('waits for as long as a provider asks, however short its own cap is, and spreads those that were sent away', () => {
    const throttled = errorOf('PROVIDER_THROTTLED', true, { retryAfterMs: 60_000 });
    const waits = Array.from({ length: 100 }, (_, seed) =>
      waitsOf([throttled], noRestarts(onFailure, seed)),
    ).flat();
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(60_000);
    expect(Math.max(...waits)).toBeLessThanOrEqual(61_000);
    expect(new Set(waits).size).toBeGreaterThan(50);
  });

  it('obeys a pause that a provider asks for up to a day, whatever it says', () => {
    const said = fc.oneof(
      fc.double(),
      fc.integer({ min: -10, max: 2 ** 31 }),
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0, 1.7e12, 30 * 86_400_000),
    );
    const nowMs = 1_700_000_000_000;
    fc.assert(
      fc.property(said, fc.integer(), (retryAfterMs, seed) => {
        const end = errorOf('PROVIDER_THROTTLED', true, { retryAfterMs });
        const { startAtMs } = nextRestart(noRestarts(onFailure, seed), end, nowMs);
        expect(startAtMs).toBeGreaterThanOrEqual(
          nowMs + Math.min(86_400_000, Math.max(0, retryAfterMs || 0)),
        );
        expect(startAtMs).toBeLessThanOrEqual(nowMs + 86_400_000 + onFailure.backOffMs);
      }),
      { seed: 7 },
    );
  });

  it('is spent once all restarts fall within the time, and not a moment longer', () => {
    let restarts = noRestarts(onFailure, 1);
    for (const atMs of [0, 20_000, 40_000]) {
      expect(areSpent(restarts, atMs)).toBe(false);
      ({ restarts } = nextRestart(restarts, failed, atMs));
    }
    expect(areSpent(restarts, 40_000)).toBe(true);
    expect(areSpent(restarts, 59_999)).toBe(true);
    expect(areSpent(restarts, 60_000)).toBe(false);
  });

  it('counts no restart for longer than the time again if the wall clock is set back', () => {
    let restarts = noRestarts({ ...onFailure, maxRestarts: 1 }, 1);
    ({ restarts } = nextRestart(restarts, failed, 3_600_000));
    expect(areSpent(restarts, 3_600_000 - 1_000)).toBe(true);
    expect(areSpent(restarts, 0)).toBe(false);
  });

  it('keeps no more than it may count', () => {
    let restarts = noRestarts(onFailure, 1);
    for (let i = 0; i < 1_000; i++) ({ restarts } = nextRestart(restarts, failed, i));
    expect(restarts.decidedAtMs.length).toBeLessThanOrEqual(onFailure.maxRestarts + 1);
  });

  it('says what it allowed, and what the last run failed with', () => {
    expect(spentError(onFailure, crash)).toMatchObject({
      code: 'RESTARTS_SPENT',
      message: expect.stringMatching(
        /3 times within 1m, .*"maxRestarts", "within".* failed: boom \[THREAD_CRASHED\]/,
      ),
      retryable: false,
    });
    expect(
      spentError(onFailure, { ...crash, stack: 'Error: boom\n    at run', stage: 'sink' }),
    ).toMatchObject({
      stack: 'Error: boom\n    at run',
      stage: 'sink',
    });
  });
});
