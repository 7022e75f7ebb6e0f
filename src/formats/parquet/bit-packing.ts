import { invariant } from '../../core/invariant.js';
import type { ByteBuffer } from './byte-buffer.js';
import { type EncodeKernels, encodeKernels } from './kernels/encode-kernels.js';

const CODES_AT_ONCE = 8_192;
const WIDTH_MAX = 24;
/** Wider codes, which no dictionary of doubles has, are packed without the kernel. */
const KERNEL_WIDTH_MAX = 16;
/** Where bits are packed, so many codes at once. */
const words = new Int32Array((CODES_AT_ONCE * WIDTH_MAX) / 32);

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
  invariant(width <= WIDTH_MAX, `a code has ${WIDTH_MAX} bits at most`);
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
  const kernels = width <= KERNEL_WIDTH_MAX ? encodeKernels() : undefined;
  if (kernels) {
    packBy(kernels, out, codes, start, end, width);
    return;
  }
  const until = out.length + groups * width;
  const { bytes } = out;
  let at = out.length;
  for (let from = start; from < end; from += CODES_AT_ONCE) {
    at = packBits(bytes, at, codes, from, Math.min(end, from + CODES_AT_ONCE), width);
  }
  while (at < until) bytes[at++] = 0;
  out.length = until;
}

/** Appends packed codes, padded to a multiple of 8, to a buffer that has room for them. */
function packBy(
  { call, valuesMax, codes: given, packed }: EncodeKernels,
  out: ByteBuffer,
  codes: Int32Array | Uint8Array,
  start: number,
  end: number,
  width: number,
): void {
  for (let from = start; from < end; from += valuesMax) {
    const count = Math.min(end - from, valuesMax);
    const padded = (count + 7) & ~7;
    given.set(codes.subarray(from, from + count));
    given.fill(0, count, padded);
    call.packCodes(padded, width);
    const length = (padded / 8) * width;
    out.bytes.set(packed.subarray(0, length), out.length);
    out.length += length;
  }
}

/**
 * Packs up to `CODES_AT_ONCE` codes, the lowest bit first, without padding after the last byte. A word at a
 * time takes half the time of a byte at a time, and four narrow codes at a time half of that.
 */
function packBits(
  bytes: Uint8Array,
  at: number,
  codes: Int32Array | Uint8Array,
  start: number,
  end: number,
  width: number,
): number {
  const length = ((end - start) * width + 7) >> 3;
  const out = words;
  let filled = 0;
  let held = 0;
  let bits = 0;
  let i = start;
  if (width <= 8) {
    for (const fours = start + ((end - start) & ~3); i < fours; i += 4) {
      const four =
        codes[i]! |
        (codes[i + 1]! << width) |
        (codes[i + 2]! << (2 * width)) |
        (codes[i + 3]! << (3 * width));
      held |= four << bits;
      bits += 4 * width;
      if (bits >= 32) {
        out[filled++] = held;
        bits -= 32;
        held = bits === 0 ? 0 : four >>> (4 * width - bits); // a shift by 32 is one by 0
      }
    }
  }
  for (; i < end; i++) {
    const code = codes[i]!;
    held |= code << bits;
    bits += width;
    if (bits >= 32) {
      out[filled++] = held;
      bits -= 32;
      held = code >>> (width - bits);
    }
  }
  if (bits > 0) out[filled] = held;
  bytes.set(new Uint8Array(out.buffer, 0, length), at);
  return at + length;
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
