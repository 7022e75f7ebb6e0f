import { describe, expect, it } from 'vitest';
import { MatchTimeError, matchWithin } from '../../src/core/match-time.js';

/** A match that takes for ever at first, as one does whose thread gets no turn of the processor. */
function matchSlow(times: number) {
  let calls = 0;
  const match = () => {
    calls++;
    if (calls <= times) for (;;);
    return calls;
  };
  return { match, calls: () => calls };
}

describe('what matches a pattern of users', () => {
  it('is tried again where its time was over, since it may have had none', () => {
    expect(matchWithin(matchSlow(1).match, 200, 3)).toBe(2);
  });

  it('is given up once the time of each attempt is over', () => {
    const { match, calls } = matchSlow(Number.POSITIVE_INFINITY);
    expect(() => matchWithin(match, 200, 3)).toThrow(MatchTimeError);
    expect(calls()).toBeLessThanOrEqual(3); // the time of an attempt may be over before it begins
  });

  it('lets an error of its own pass at once', () => {
    let calls = 0;
    const match = () => {
      calls++;
      throw new SyntaxError('own');
    };
    expect(() => matchWithin(match, 20, 3)).toThrow(SyntaxError);
    expect(calls).toBe(1);
  });
});
