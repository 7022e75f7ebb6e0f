const BLOCK = 65_536;
const TABLE_BITS = 14;
/** Bytes at the end of a block that are not searched, so that loading four bytes is always in bounds. */
const MARGIN = 15;

const table = new Uint16Array(1 << TABLE_BITS);

/** The maximum size of the compressed output. */
export const snappyBytesMax = (bytes: number): number => 32 + bytes + Math.floor(bytes / 6);

/**
 * Compresses to Snappy's block format.
 *
 * @param out - Must have room for `snappyBytesMax` bytes.
 * @returns Bytes written.
 * @see https://github.com/google/snappy/blob/main/format_description.txt
 */
export function snappyCompress(input: Uint8Array, out: Uint8Array): number {
  const { length } = input;
  let at = 0;
  let left = length;
  while (left > 127) {
    out[at++] = (left & 127) | 128;
    left >>>= 7;
  }
  out[at++] = left;
  const view = new DataView(input.buffer, input.byteOffset, length);
  for (let start = 0; start < length; start += BLOCK) {
    at = compressBlock(input, view, start, Math.min(start + BLOCK, length), out, at);
  }
  return at;
}

const hash = (word: number): number => Math.imul(word, 0x1e35_a7bd) >>> (32 - TABLE_BITS);

function compressBlock(
  input: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  out: Uint8Array,
  at: number,
): number {
  if (end - start < MARGIN + 2) return writeLiteral(input, start, end, out, at);
  table.fill(0);
  const limit = end - MARGIN;
  let pending = start;
  let next = start + 1;
  while (next <= limit) {
    // Tries every position at first, then skips more and more while nothing repeats.
    let skip = 32;
    let candidate = 0;
    let word = view.getInt32(next, true);
    for (;;) {
      const slot = hash(word);
      candidate = start + table[slot]!;
      table[slot] = next - start;
      if (view.getInt32(candidate, true) === word && candidate < next) break;
      next += skip++ >>> 5;
      if (next > limit) return writeLiteral(input, pending, end, out, at);
      word = view.getInt32(next, true);
    }
    if (next > pending) at = writeLiteral(input, pending, next, out, at);

    for (;;) {
      const from = next;
      let back = candidate + 4;
      next += 4;
      while (next < end && input[next] === input[back]) {
        next++;
        back++;
      }
      at = writeCopy(out, at, from - candidate, next - from);
      pending = next;
      if (next >= limit) return writeLiteral(input, pending, end, out, at);
      table[hash(view.getInt32(next - 1, true))] = next - 1 - start;
      word = view.getInt32(next, true);
      const slot = hash(word);
      candidate = start + table[slot]!;
      table[slot] = next - start;
      if (view.getInt32(candidate, true) !== word) break;
    }
    next++;
  }
  return writeLiteral(input, pending, end, out, at);
}

function writeLiteral(input: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  const length = end - start;
  if (length === 0) return at;
  const tag = length - 1;
  if (tag < 60) {
    out[at++] = tag << 2;
  } else if (tag < 256) {
    out[at++] = 60 << 2;
    out[at++] = tag;
  } else {
    out[at++] = 61 << 2;
    out[at++] = tag & 255;
    out[at++] = tag >>> 8;
  }
  if (length > 48) {
    out.set(input.subarray(start, end), at);
  } else {
    for (let i = 0; i < length; i++) out[at + i] = input[start + i]!;
  }
  return at + length;
}

function writeCopy(out: Uint8Array, at: number, offset: number, length: number): number {
  // A copy covers at most 64 bytes, and the rest must be at least 4.
  while (length >= 68) {
    at = writeLongCopy(out, at, offset, 64);
    length -= 64;
  }
  if (length > 64) {
    at = writeLongCopy(out, at, offset, 60);
    length -= 60;
  }
  if (length >= 12 || offset >= 2_048) return writeLongCopy(out, at, offset, length);
  out[at] = 1 | ((length - 4) << 2) | ((offset >>> 8) << 5);
  out[at + 1] = offset & 255;
  return at + 2;
}

function writeLongCopy(out: Uint8Array, at: number, offset: number, length: number): number {
  out[at] = 2 | ((length - 1) << 2);
  out[at + 1] = offset & 255;
  out[at + 2] = offset >>> 8;
  return at + 3;
}
