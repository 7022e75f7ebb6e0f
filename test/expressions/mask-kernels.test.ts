import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocateMask, type Mask } from '../../src/expressions/mask.js';
import { andNotMask, clearMask, countMarked } from '../../src/expressions/mask-kernels.js';

const marks = fc.array(fc.constantFrom(0, 1), { maxLength: 70 });

/** A mask with these marks, and others in the memory behind them. */
function maskOf(given: readonly number[]): Mask {
  const mask = allocateMask(given.length + 8);
  mask.bytes.fill(1);
  mask.bytes.set(given);
  return mask;
}

describe('a mask', () => {
  it('counts its marks, and none behind the last row', () => {
    fc.assert(
      fc.property(marks, (given) => {
        expect(countMarked(maskOf(given), given.length)).toBe(given.filter((mark) => mark === 1).length);
      }),
    );
  });

  it('loses the marks of another, or all of them', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(0, 1), fc.constantFrom(0, 1))), (pairs) => {
        const rows = pairs.length;
        const mask = maskOf(pairs.map(([mark]) => mark));
        andNotMask(maskOf(pairs.map(([, other]) => other)), mask, rows);
        expect([...mask.bytes.subarray(0, rows)]).toEqual(pairs.map(([mark, other]) => mark & ~other));
        clearMask(mask, rows);
        expect(countMarked(mask, rows)).toBe(0);
      }),
    );
  });
});
