import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readInt64 } from '../../../src/columns/int64.js';
import { writeWhole64 } from '../../../src/formats/csv/whole-number.js';

function read64(text: string): bigint | 'bad' {
  const bytes = Buffer.from(text);
  const words = new Int32Array(4);
  return writeWhole64(bytes, 0, bytes.length, words, 1) ? readInt64(words, 1) : 'bad';
}

describe('a whole number of 64 bits', () => {
  it('is exact over its whole range', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.nat({ max: 3 }),
        (value, zeros) => {
          const text = value < 0n ? `-${'0'.repeat(zeros)}${-value}` : `${'0'.repeat(zeros)}${value}`;
          expect(read64(text)).toBe(value);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it.each([0n, -1n, 2n ** 32n, -(2n ** 32n), 2n ** 32n - 1n, 10n ** 9n, 2n ** 63n - 1n, -(2n ** 63n)])(
    'may be %d',
    (value) => {
      expect(read64(String(value))).toBe(value);
    },
  );

  it.each([
    '',
    '-',
    '+',
    '1.0',
    '1e3',
    '9223372036854775808',
    '-9223372036854775809',
    '99999999999999999999',
    'x',
    ' 1',
  ])('is not %j', (text) => {
    expect(read64(text)).toBe('bad');
  });
});
