import { describe, expect, it } from 'vitest';
import { ComparisonTime, ComparisonTimeError } from '../../src/core/comparison-time.js';

/** Comparisons that take as long as is said, by a clock of their own. */
function comparisons() {
  let nowMs = 0;
  const time = new ComparisonTime(() => nowMs);
  const take = (ms: number) =>
    time.within(() => {
      nowMs += ms;
      return false;
    });
  return { time, take };
}

describe('the time for globs that are compared in one go', () => {
  it('is enough for any number of sound ones', () => {
    const { take } = comparisons();
    for (let i = 0; i < 3_000; i++) expect(take(0.9)).toBe(false);
  });

  it('is enough for some that the thread was interrupted in', () => {
    const { take } = comparisons();
    for (let i = 0; i < 3_000; i++) expect(take(i % 100 === 0 ? 50 : 0.3)).toBe(false);
  });

  it('is enough where the process stood still in one', () => {
    const { take } = comparisons();
    take(60_000);
    expect(take(0.1)).toBe(false);
  });

  it('is over where they take long together, and is not saved up before', () => {
    const { take } = comparisons();
    for (let i = 0; i < 2_000; i++) take(0.1);
    const takeLong = () => {
      for (let i = 0; i < 10; i++) take(101);
    };
    expect(takeLong).toThrow(ComparisonTimeError);
    expect(() => take(0.1)).toThrow(ComparisonTimeError);
  });

  it('ends one that takes too long, which counts as one that matches, and leaves time for the next', () => {
    const time = new ComparisonTime();
    const forever = () => {
      for (;;);
    };
    expect(time.within(forever)).toBe(true);
    expect(time.within(() => false)).toBe(false);
  });

  it('passes on what is thrown', () => {
    const fails = () => {
      throw new TypeError('not a glob');
    };
    expect(() => new ComparisonTime().within(fails)).toThrow(new TypeError('not a glob'));
  });
});
