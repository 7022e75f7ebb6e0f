import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readPlanningMessage } from '../../src/wire/planning.js';

describe('a message of a thread with code of users', () => {
  it('is taken where it is one, and nothing beside it', () => {
    expect(readPlanningMessage({ answer: '{}', printed: 'x' })).toEqual({ answer: '{}' });
    expect(readPlanningMessage({ printed: 'x' })).toEqual({ printed: 'x' });
    expect(readPlanningMessage({ neverLoads: true })).toEqual({ neverLoads: true });
  });

  it('is none where it is malformed, and never an exception', () => {
    for (const data of [undefined, null, 1, 'answer', [], {}, { answer: 1 }, { printed: {} }]) {
      expect(readPlanningMessage(data)).toBeUndefined();
    }
    fc.assert(
      fc.property(fc.anything(), (data) => {
        readPlanningMessage(data);
      }),
    );
  });
});
