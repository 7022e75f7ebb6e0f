import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  asBigInt64Array,
  compareInt64,
  readEpochMillis,
  readInt64,
  readSubMillis,
  writeEpochMillis,
  writeInt64,
} from '../../src/columns/int64.js';

const anyInt64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
/** The instants that a 64-bit count of nanoseconds can hold. */
const epochMs = fc.integer({ min: -9_223_372_036_854, max: 9_223_372_036_853 });

describe('a pair of words', () => {
  it('gives back what was written, over all of the 64 bits', () => {
    const words = new Int32Array(4);
    fc.assert(
      fc.property(anyInt64, (value) => {
        writeInt64(words, 1, value);
        expect(readInt64(words, 1)).toBe(value);
      }),
    );
  });

  it('is the memory of a BigInt64Array', () => {
    const words = new Int32Array(2);
    fc.assert(
      fc.property(anyInt64, (value) => {
        writeInt64(words, 0, value);
        expect(asBigInt64Array(words)[0]).toBe(value);
      }),
    );
  });

  it('holds milliseconds and the nanoseconds past them exactly, before 1970 too', () => {
    const words = new Int32Array(2);
    fc.assert(
      fc.property(epochMs, fc.integer({ min: 0, max: 999_999 }), (ms, sub) => {
        writeEpochMillis(words, 0, ms, sub);
        expect(readInt64(words, 0)).toBe(BigInt(ms) * 1_000_000n + BigInt(sub));
        expect(readEpochMillis(words, 0)).toBe(ms);
        expect(readSubMillis(words, 0)).toBe(sub);
      }),
    );
  });

  it('holds milliseconds written without nanoseconds past them', () => {
    const words = new Int32Array(2);
    writeEpochMillis(words, 0, 1_700_000_000_123);
    expect(readInt64(words, 0)).toBe(1_700_000_000_123_000_000n);
  });

  it('compares as the integers do', () => {
    const words = new Int32Array(4);
    fc.assert(
      fc.property(anyInt64, anyInt64, (a, b) => {
        writeInt64(words, 0, a);
        writeInt64(words, 1, b);
        expect(Math.sign(compareInt64(words, 0, words, 1))).toBe(a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });
});
