import type { ByteBuffer } from './byte-buffer.js';
import { type EncodeKernels, encodeKernels } from './kernels/encode-kernels.js';

const TWO_32 = 4_294_967_296;
const TWO_24 = 16_777_216;
const BLOCK = 128;
const MINIBLOCKS = 4;
const MINIBLOCK = BLOCK / MINIBLOCKS;
/** The largest difference of 64-bit integers, either way. */
const DELTA_MAX = 2 ** 51;

const deltas = new Float64Array(BLOCK);

/**
 * Writes integers as DELTA_BINARY_PACKED: ascending times take three bytes instead of eight, and less
 * work than compression. Differences are computed in doubles.
 *
 * @param words - 64-bit integers, two words each; it writes rows `start` to `end`, at least one.
 * @returns False if a difference does not fit 52 bits (26 days in ns); then nothing is written.
 * @see https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
export function writeDeltaInt64(out: ByteBuffer, words: Int32Array, start: number, end: number): boolean {
  const from = out.length;
  writeHeader(out, end - start, (BigInt(words[2 * start + 1]!) << 32n) | BigInt(words[2 * start]! >>> 0));
  const kernels = encodeKernels();
  if (kernels) {
    const fits = packDeltasBy(kernels, out, words, start, end);
    if (!fits) out.length = from;
    return fits;
  }
  for (let row = start + 1; row < end; row += BLOCK) {
    const count = Math.min(BLOCK, end - row);
    let low = words[2 * row - 2]! >>> 0;
    let high = words[2 * row - 1]!;
    for (let i = 0; i < count; i++) {
      const nextLow = words[2 * (row + i)]! >>> 0;
      const nextHigh = words[2 * (row + i) + 1]!;
      deltas[i] = (nextHigh - high) * TWO_32 + (nextLow - low);
      low = nextLow;
      high = nextHigh;
    }
    if (!writeBlock(out, count, DELTA_MAX)) {
      out.length = from;
      return false;
    }
  }
  return true;
}

function packDeltasBy(
  { call, valuesMax, words: given, packed }: EncodeKernels,
  out: ByteBuffer,
  words: Int32Array,
  start: number,
  end: number,
): boolean {
  for (let row = start + 1; row < end; row += valuesMax) {
    const until = Math.min(end, row + valuesMax);
    given.set(words.subarray(2 * row - 2, 2 * until));
    const length = call.packDeltas(until - row, BigInt(DELTA_MAX));
    if (length < 0) return false;
    out.append(packed.subarray(0, length));
  }
  return true;
}

/** Does the same for 32-bit integers. Returns false if a difference does not fit 31 bits. */
export function writeDeltaInt32(out: ByteBuffer, values: Int32Array, start: number, end: number): boolean {
  const from = out.length;
  writeHeader(out, end - start, BigInt(values[start]!));
  for (let row = start + 1; row < end; row += BLOCK) {
    const count = Math.min(BLOCK, end - row);
    for (let i = 0; i < count; i++) deltas[i] = values[row + i]! - values[row + i - 1]!;
    if (!writeBlock(out, count, 2 ** 30)) {
      out.length = from;
      return false;
    }
  }
  return true;
}

function writeHeader(out: ByteBuffer, count: number, first: bigint): void {
  out.varint(BLOCK);
  out.varint(MINIBLOCKS);
  out.varint(count);
  out.zigzag(first);
}

function writeBlock(out: ByteBuffer, count: number, limit: number): boolean {
  let min = deltas[0]!;
  let max = min;
  for (let i = 1; i < count; i++) {
    const delta = deltas[i]!;
    if (delta < min) min = delta;
    if (delta > max) max = delta;
  }
  if (min < -limit || max > limit) return false;
  out.zigzag(BigInt(min));
  out.reserve(MINIBLOCKS + BLOCK * 8);
  const { bytes } = out;
  const widths = out.length;
  let at = widths + MINIBLOCKS;
  for (let mini = 0; mini < MINIBLOCKS; mini++) {
    const start = mini * MINIBLOCK;
    const end = Math.min(count, start + MINIBLOCK);
    let largest = 0;
    for (let i = start; i < end; i++) {
      deltas[i]! -= min;
      if (deltas[i]! > largest) largest = deltas[i]!;
    }
    const width = largest < TWO_32 ? 32 - Math.clz32(largest) : 64 - Math.clz32(Math.floor(largest / TWO_32));
    bytes[widths + mini] = width;
    if (start >= end || width === 0) continue;
    const until = at + (MINIBLOCK / 8) * width;
    at = packWide(bytes, at, start, end, width);
    while (at < until) bytes[at++] = 0;
  }
  out.length = at;
  return true;
}

/** Packs `deltas[start…end]`, of up to 53 bits each, 24 bits at a time. */
function packWide(bytes: Uint8Array, at: number, start: number, end: number, width: number): number {
  let held = 0;
  let bits = 0;
  for (let i = start; i < end; i++) {
    let value = deltas[i]!;
    for (let left = width; left > 0; left -= 24) {
      const upper = left > 24 ? Math.floor(value / TWO_24) : 0;
      held |= (value - upper * TWO_24) << bits;
      bits += Math.min(left, 24);
      value = upper;
      while (bits >= 8) {
        bytes[at++] = held & 255;
        held >>>= 8;
        bits -= 8;
      }
    }
  }
  if (bits > 0) bytes[at++] = held & 255;
  return at;
}
