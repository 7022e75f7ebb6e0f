import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeInt64 } from '../../../../src/columns/int64.js';
import { TimeSpan, timesOf } from '../../../../src/stages/operators/bars/time-span.js';

const LAST = 2n ** 63n - 1n;

/** Instants about where the bits of a time begin or cease to be a double that compares. */
const starts = fc
  .tuple(
    fc.constantFrom(0n, -5_000_000_000n, 1_704_153_600_000_000_000n, 0x7ff0_0000_0000_0000n, 2n ** 32n),
    fc.bigInt({ min: -5_000_000_000n, max: 5_000_000_000n }),
  )
  .map(([near, by]) => near + by);

describe('a span of time', () => {
  it('takes the rows up to the first one outside of it, as a comparison of bigints does', () => {
    fc.assert(
      fc.property(
        starts,
        fc.nat(1),
        fc.integer({ min: 1, max: 6_000_000_000 }),
        fc.array(fc.bigInt({ min: -9_000_000_000n, max: 9_000_000_000n }), { maxLength: 9 }),
        fc.array(fc.nat(1_000), { minLength: 1, maxLength: 40 }),
        fc.boolean(),
        (start, from, length, strays, steps, isAligned) => {
          const to = from + length;
          // Many rows within, and the odd one anywhere.
          const within = steps.map((step, i) => start + BigInt(from + ((step * (i + 1)) % length)));
          const times = [
            ...within,
            ...strays.map((by) => start + by),
            start + BigInt(to),
            start + BigInt(to - 1),
          ].filter((time) => time <= LAST);
          const column = new Int32Array(
            new ArrayBuffer(8 * times.length + 4),
            isAligned ? 0 : 4,
            2 * times.length,
          );
          times.forEach((time, row) => {
            writeInt64(column, row, time);
          });
          const selection = Int32Array.from(times.keys());
          const words = new Int32Array(2);
          writeInt64(words, 0, start);

          const span = new TimeSpan();
          span.set(words[1]!, words[0]! >>> 0, from, to);
          for (let row = 0; row <= times.length; row++) {
            const outside = times.findIndex(
              (time, i) => i >= row && (time < start + BigInt(from) || time >= start + BigInt(to)),
            );
            expect(span.firstOutside(timesOf(column), selection, row, times.length)).toBe(
              outside < 0 ? times.length : outside,
            );
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('that begins with 1970 does not take the least time of all, whose bits are those of a zero', () => {
    const column = new Int32Array(2);
    writeInt64(column, 0, -(2n ** 63n));
    const span = new TimeSpan();
    span.set(0, 0, 0, 10);
    expect(span.firstOutside(timesOf(column), Int32Array.of(0), 0, 1)).toBe(0);
  });

  it('looks at the places of rows alone', () => {
    const column = new Int32Array(2 * 12);
    for (let row = 0; row < 12; row++) writeInt64(column, row, row % 2 === 0 ? 5n : 99n);
    const span = new TimeSpan();
    span.set(0, 0, 1, 10);
    expect(span.firstOutside(timesOf(column), Int32Array.of(0, 2, 4, 6, 8, 10), 0, 6)).toBe(6);
    expect(span.firstOutside(timesOf(column), Int32Array.of(0, 2, 4, 6, 7, 10), 0, 6)).toBe(4);
  });
});
