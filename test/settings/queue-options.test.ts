import { describe, expect, it } from 'vitest';
import { losesRows, OVERFLOW_POLICIES, overflowFor } from '../../src/settings/overflow-policy.js';
import { QueueOptions } from '../../src/settings/queue-options.js';
import { schemaProblems } from '../../src/settings/schema-problems.js';

function problemsOf(options: unknown): string[] {
  const { error } = QueueOptions.safeParse(options, { reportInput: true });
  return error
    ? schemaProblems(error.issues, options).map(({ path, message }) => `${path.join('.')}: ${message}`)
    : [];
}

describe('options of a queue', () => {
  it('block unless told otherwise', () => {
    const { overflow } = QueueOptions.parse({});
    expect(overflowFor(overflow, 'trade')).toBe('block');
  });

  it('give each kind of row a policy of its own, and block for kinds that are not named', () => {
    const { overflow } = QueueOptions.parse({ overflow: { quotes: 'conflate', books: 'fail' } });
    expect(overflowFor(overflow, 'quote')).toBe('conflate');
    expect(overflowFor(overflow, 'book')).toBe('fail');
    expect(overflowFor(overflow, 'trade')).toBe('block');
  });

  it('give rows of any kind the one policy that is named', () => {
    const { overflow } = QueueOptions.parse({ overflow: 'drop-oldest' });
    expect(overflowFor(overflow, 'custom')).toBe('drop-oldest');
  });

  it('say which policies may leave rows out', () => {
    expect(OVERFLOW_POLICIES.filter(losesRows)).toEqual(['conflate', 'drop-oldest', 'drop-newest']);
  });

  it('refuse bounds out of range, unknown policies and unknown kinds, saying what is expected', () => {
    expect(problemsOf({ batches: 0, rows: 1.5, bytes: 10 })).toEqual([
      'batches: expected 1 to 65536 batches, found 0',
      'rows: expected 1 to 100000000 rows, found 1.5',
      'bytes: expected 1024 to 68719476736 bytes, found 10',
    ]);
    expect(problemsOf({ overflow: 'drop' })).toEqual([expect.stringMatching(/^overflow: expected block/)]);
    expect(problemsOf({ overflow: { trades: 'conflated' } })).toEqual([
      'overflow.trades: expected block, conflate, drop-oldest, drop-newest, fail, found "conflated" (did you mean "conflate"?)',
    ]);
    expect(problemsOf({ overflow: { trade: 'block' } })).toEqual([
      'overflow.trade: expected one of quotes, trades, bars, books, custom (did you mean "trades"?)',
    ]);
  });
});
