import type { ByteBuffer } from './byte-buffer.js';

/** Bits needed for any code below `values`. */
export const bitWidth = (values: number): number => (values <= 1 ? 0 : 32 - Math.clz32(values - 1));

/**
 * Writes codes in Parquet's hybrid of run lengths and bit packing: as one run if all are equal, otherwise
 * bit-packed.
 *
 * @param width - 0 to 24 bits.
 */
export function writeHybrid(
  out: ByteBuffer,
  codes: Int32Array | Uint8Array,
  start: number,
  end: number,
  width: number,
): void {
  const count = end - start;
  if (width === 0 || allEqual(codes, start, end)) {
    out.varint(count * 2);
    for (let bits = 0, code = count > 0 ? codes[start]! : 0; bits < width; bits += 8)
      out.byte((code >>> bits) & 255);
    return;
  }
  const groups = (count + 7) >> 3;
  out.varint(groups * 2 + 1);
  out.reserve(groups * width);
  const until = out.length + groups * width;
  const { bytes } = out;
  let at = packBits(bytes, out.length, codes, start, end, width);
  while (at < until) bytes[at++] = 0;
  out.length = until;
}

/** Packs the lowest bit first, without padding after the last byte. */
function packBits(
  bytes: Uint8Array,
  at: number,
  codes: Int32Array | Uint8Array,
  start: number,
  end: number,
  width: number,
): number {
  let held = 0;
  let bits = 0;
  for (let i = start; i < end; i++) {
    held |= codes[i]! << bits;
    bits += width;
    while (bits >= 8) {
      bytes[at++] = held & 255;
      held >>>= 8;
      bits -= 8;
    }
  }
  if (bits > 0) bytes[at++] = held & 255;
  return at;
}

/** Packs one bit per value, 1 if it is not 0: for booleans, and for the levels of a column with nulls. */
export function packFlags(out: ByteBuffer, flags: Uint8Array, start: number, end: number): void {
  out.reserve((end - start + 7) >> 3);
  const { bytes } = out;
  let at = out.length;
  for (let i = start; i < end; i += 8) {
    const until = Math.min(8, end - i);
    let byte = 0;
    for (let bit = 0; bit < until; bit++) byte |= (flags[i + bit]! === 0 ? 0 : 1) << bit;
    bytes[at++] = byte;
  }
  out.length = at;
}

/** Writes the definition levels of a page. If no row or every row is null, `present` is not read. */
export function writeLevels(out: ByteBuffer, present: Uint8Array, rows: number, nulls: number): void {
  if (nulls === 0 || nulls === rows) {
    out.varint(rows * 2);
    out.byte(nulls === 0 ? 1 : 0);
    return;
  }
  out.varint(((rows + 7) >> 3) * 2 + 1);
  packFlags(out, present, 0, rows);
}

function allEqual(codes: Int32Array | Uint8Array, start: number, end: number): boolean {
  const first = codes[start];
  for (let i = start + 1; i < end; i++) if (codes[i] !== first) return false;
  return true;
}
