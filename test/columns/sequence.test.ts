import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeInt64 } from '../../src/columns/int64.js';
import { type ColumnData, type ColumnType, columnIndex, type Schema } from '../../src/columns/schema.js';
import { sequenceComparer, sequenceIndex, sequenceReader } from '../../src/columns/sequence.js';

const NUMBERS: Record<string, fc.Arbitrary<number>> = {
  int64: fc.maxSafeInteger(),
  int32: fc.integer(),
  float64: fc.double({ noNaN: true }),
};

function columnOf(type: string, values: readonly number[]): ColumnData {
  if (type === 'float64') return Float64Array.from(values);
  if (type === 'int32') return Int32Array.from(values);
  const words = new Int32Array(2 * values.length);
  for (const [row, value] of values.entries()) writeInt64(words, row, BigInt(value));
  return words;
}

/** Negative, 0 or positive, as the words of the first row are below, equal to or above those of the second. */
function compared(type: ColumnType, values: readonly [number, number]): number {
  const read = sequenceReader(type);
  const column = columnOf(type, values);
  const [a, b] = [
    { high: 0, low: 0 },
    { high: 0, low: 0 },
  ];
  read(column, 0, a!);
  read(column, 1, b!);
  return Math.sign(a!.high - b!.high || a!.low - b!.low);
}

/** The same by their values. */
function comparedAsValues(type: ColumnType, values: readonly [number, number]): number {
  const column = columnOf(type, values);
  return Math.sign(sequenceComparer(type)(column, 0, column, 1));
}

describe.each(Object.entries(NUMBERS))('a sequence of %s', (name, numbers) => {
  const type = name as ColumnType;
  const schema: Schema = { kind: 'custom', columns: [{ name: 'sequence', type }] };

  it('is one that rows of an instant are ordered by', () => {
    expect(sequenceIndex(schema)).toBe(columnIndex(schema, 'sequence'));
  });

  it('has words in the order of its numbers', () => {
    fc.assert(
      fc.property(fc.tuple(numbers, numbers), (values) => {
        const [a, b] = values;
        expect(compared(type, values)).toBe(a === b ? 0 : a < b ? -1 : 1);
        expect(comparedAsValues(type, values)).toBe(compared(type, values));
      }),
    );
  });
});

describe('a sequence', () => {
  it('that is null comes after all others', () => {
    const [nothing, most] = [Number.NaN, Number.POSITIVE_INFINITY];
    expect(compared('float64', [nothing, most])).toBe(1);
    expect(comparedAsValues('float64', [nothing, most])).toBe(1);
    expect(comparedAsValues('float64', [most, nothing])).toBe(-1);
    expect(comparedAsValues('float64', [nothing, nothing])).toBe(0);
  });

  it('of texts orders nothing', () => {
    expect(sequenceIndex({ kind: 'custom', columns: [{ name: 'sequence', type: 'string' }] })).toBe(-1);
  });
});
