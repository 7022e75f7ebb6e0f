import { describe, expect, it } from 'vitest';
import { shareOf } from '../../src/core/share-of.js';

describe('a share of a number', () => {
  it.each([
    [100, 0.07, 7],
    [100, 0.29, 29],
    [3, 0.5, 2],
    [10, 1, 10],
    [1_000, 0.001, 1],
  ])('of %i at %f is what is written, not what floating point makes of it', (count, share, least) => {
    expect(shareOf(count, share)).toBe(least);
  });
});
