import { describe, expect, it } from 'vitest';
import type { LetterProgress } from '../../../src/engine/dead-letters/dead-letter-position.js';
import { LetterCut } from '../../../src/engine/dead-letters/letter-cut.js';

const PROGRESS: LetterProgress = { ordinal: 10, count: 10, bytes: 1_000, earlier: undefined };
const A = {};
const B = {};

describe('a cut of dead letters', () => {
  it('counts those of a branch until it takes its part, and awaits those of others meanwhile', () => {
    const cut = new LetterCut(PROGRESS, []);
    for (const ordinal of [11, 13]) cut.note(A, ordinal);
    cut.note(B, 12);
    cut.take(B, []);
    cut.note(B, 14);
    cut.note(A, 16); // 15 is of the trunk
    cut.take(A, []);
    cut.note(A, 17);
    expect(cut.upTo()).toEqual({ ordinal: 16, bytes: 1_000, awaited: [14, 15] });
  });

  it('awaits those of the inputs of a branch behind its place, of before and after the cut of the trunk', () => {
    const cut = new LetterCut(PROGRESS, [{ ordinals: [3], bytes: 300 }]);
    for (const ordinal of [11, 12, 13]) cut.note(A, ordinal);
    cut.take(A, [{ ordinals: [9, 12, 13], bytes: 800 }]);
    expect(cut.upTo()).toEqual({ ordinal: 11, bytes: 300, awaited: [3, 9] });
    expect(cut.upTo()).toEqual({ ordinal: 11, bytes: 300, awaited: [3, 9] });
  });

  it('says how many count where ordinals do not tell', () => {
    const cut = new LetterCut({ ...PROGRESS, count: 8 }, []);
    cut.note(A, 11);
    cut.take(A, [{ ordinals: [2], bytes: 200 }]);
    expect(cut.upTo()).toEqual({ ordinal: 11, bytes: 200, awaited: [2], count: 8 });
  });

  it('no longer awaits a letter of an earlier start that a branch has added again', () => {
    const cut = new LetterCut(
      { ...PROGRESS, count: 8, earlier: { last: 10, bytes: 400, awaited: [5, 10] } },
      [],
    );
    cut.note(A, 5);
    cut.note(A, 11);
    cut.take(A, []);
    expect(cut.upTo()).toEqual({ ordinal: 11, bytes: 400, awaited: [10] });
  });

  it('takes the last part of a branch that was busy with an earlier cut', () => {
    const cut = new LetterCut(PROGRESS, []);
    cut.note(A, 11);
    cut.take(A, [{ ordinals: [11], bytes: 100 }]);
    cut.note(A, 12);
    cut.take(A, [{ ordinals: [12], bytes: 1_000 }]);
    expect(cut.upTo()).toEqual({ ordinal: 11, bytes: 1_000 });
  });
});
