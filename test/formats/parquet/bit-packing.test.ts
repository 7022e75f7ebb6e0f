import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bitWidth, writeHybrid } from '../../../src/formats/parquet/bit-packing.js';
import { ByteBuffer } from '../../../src/formats/parquet/byte-buffer.js';

/** Reads Parquet's hybrid as its specification has it, a bit at a time. */
function readHybrid(bytes: Uint8Array, count: number, width: number): number[] {
  let at = 0;
  let header = 0;
  for (let shift = 0; ; shift += 7) {
    header |= (bytes[at]! & 127) << shift;
    if (bytes[at++]! < 128) break;
  }
  const isPacked = (header & 1) === 1;
  const values: number[] = [];
  for (let i = 0; i < count; i++) {
    let value = 0;
    for (let bit = 0; bit < width; bit++) {
      const place = isPacked ? i * width + bit : bit;
      value += ((bytes[at + (place >> 3)]! >> (place & 7)) & 1) * 2 ** bit;
    }
    values.push(value);
  }
  return values;
}

describe('codes in the hybrid of Parquet', () => {
  it('are the same when they are read, whatever their width and number', () => {
    const codes = fc
      .integer({ min: 0, max: 24 })
      .chain((width) =>
        fc.tuple(
          fc.constant(width),
          fc.array(fc.integer({ min: 0, max: 2 ** width - 1 }), { maxLength: 300 }),
        ),
      );
    fc.assert(
      fc.property(codes, fc.nat(20), fc.boolean(), ([width, given], skipped, narrow) => {
        const Codes = narrow && width <= 8 ? Uint8Array : Int32Array;
        const all = Codes.from([...new Array<number>(skipped).fill(0), ...given]);
        const out = new ByteBuffer(1);
        out.byte(0xa5); // so that nothing is aligned
        writeHybrid(out, all, skipped, all.length, width);
        expect(readHybrid(out.view().subarray(1), given.length, width)).toEqual(given);
        expect(out.bytes[0]).toBe(0xa5);
      }),
      { numRuns: 2_000, seed: 7 },
    );
  });

  it('are the same when there are more of them than are packed at once', () => {
    for (const width of [1, 7, 8, 9, 24]) {
      const codes = Int32Array.from({ length: 20_001 }, (_, i) => (i * 7_919) % 2 ** width);
      const out = new ByteBuffer();
      writeHybrid(out, codes, 0, codes.length, width);
      expect(readHybrid(out.view(), codes.length, width)).toEqual([...codes]);
    }
  });

  it('are refused where they are wider than there is room for', () => {
    const wide = () => writeHybrid(new ByteBuffer(), Int32Array.of(0, 1), 0, 2, 25);
    expect(wide).toThrow('Broken invariant: a code has 24 bits at most');
  });

  it('take as many bits as the largest of so many values', () => {
    expect([1, 2, 3, 256, 257, 8_192].map(bitWidth)).toEqual([0, 1, 2, 8, 9, 13]);
  });
});
