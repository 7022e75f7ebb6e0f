import { describe, expect, it } from 'vitest';
import { streamPositionOf } from '../../../src/providers/adapter/stream-position.js';

const ENTRY = [5, -1, 1, 0, 0];

describe('the position of a stream', () => {
  it('is taken as it was given', () => {
    const position = { since: '3', last: [ENTRY, null, [-9, 2, 2, 7, 7]] };
    expect(streamPositionOf(position, 'venue', 3)).toEqual(position);
  });

  it.each([
    [null],
    [{ since: '3' }],
    [{ since: 3, last: [ENTRY] }],
    [{ since: '3', last: [ENTRY, ENTRY] }],
    [{ since: '3', last: [[5, 1, 0, 0, 0]] }],
    [{ since: '3', last: [['x', 1, 1, 0, 0]] }],
    [{ since: '3', last: [[5, 1, 1, 0.5, 0]] }],
  ])('is refused as %j', (position) => {
    expect(() => streamPositionOf(position, 'venue', 1)).toThrow(
      'Provider "venue": expected the position {since, last} of a stream of 1 symbols',
    );
  });
});
