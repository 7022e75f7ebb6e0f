import { describe, expect, it } from 'vitest';
import { shareOfKey } from '../../src/checkpoints/share-of-key.js';

describe('the share of a key', () => {
  it.each([
    ['job-1, job-2 …', (i: number) => `job-${i + 1}`],
    [
      'feeds of symbols',
      (i: number) => `feed/${String.fromCharCode(65 + (i % 26), 65 + Math.floor(i / 26))}USDT`,
    ],
  ])('spreads 200 jobs over the time between two checkpoints (%s)', (_kind, keyOf) => {
    const shares = Array.from({ length: 200 }, (_, i) => shareOfKey(keyOf(i))).sort((a, b) => a - b);
    expect(shares[0]).toBeGreaterThan(0);
    expect(shares.at(-1)).toBeLessThanOrEqual(1);
    // Of a second: no 20 ms of it, in which 4 of them are to be expected, have much more.
    const inSlots = new Array<number>(50).fill(0);
    for (const share of shares) inSlots[Math.ceil(share * 50) - 1]!++;
    expect(Math.max(...inSlots)).toBeLessThanOrEqual(12);
    expect(inSlots.filter((jobs) => jobs === 0).length).toBeLessThanOrEqual(5);
  });

  it('is the same every time', () => {
    expect(shareOfKey('quotes')).toBe(shareOfKey('quotes'));
    expect(shareOfKey('')).toBeGreaterThan(0);
  });
});
