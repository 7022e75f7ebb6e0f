import { PACKED, VALUES } from './memory';

const MINIBLOCKS: i32 = 4;
const MINIBLOCK: i32 = 32;
const BLOCK: i32 = MINIBLOCKS * MINIBLOCK;
/** Upper words that are further apart make a difference that is too large, and may wrap around. */
const UPPER_MAX: i64 = 1 << 20;

/**
 * Writes differences of values of 64 bits as blocks of DELTA_BINARY_PACKED, as `writeDeltaInt64` in
 * `src/formats/parquet/delta-packing.ts` does.
 *
 * @param count - Differences, each between a value and the one before it. The first value has room before it for
 *   the one before.
 * @param limit - The largest difference, either way.
 * @returns The bytes; −1 if a difference is too large.
 */
export function packDeltas(count: i32, limit: i64): i32 {
  let out = PACKED;
  for (let row = 0; row < count; row += BLOCK) {
    const at = VALUES + (<usize>row << 3);
    const rows = min(BLOCK, count - row);
    let before = load<i64>(at - 8);
    let least: i64 = i64.MAX_VALUE;
    let most: i64 = i64.MIN_VALUE;
    let upper: i64 = 0;
    for (let i = 0; i < rows; i++) {
      const value = load<i64>(at + (<usize>i << 3));
      const far = (value >> 32) - (before >> 32);
      upper |= far < 0 ? -far : far;
      const delta = value - before;
      least = min(least, delta);
      most = max(most, delta);
      before = value;
    }
    if (upper >= UPPER_MAX || least < -limit || most > limit) return -1;
    out = writeVarint(out, <u64>((least << 1) ^ (least >> 63)));
    const widths = out;
    out += MINIBLOCKS;
    before = load<i64>(at - 8);
    for (let mini = 0; mini < MINIBLOCKS; mini++) {
      const from = at + (<usize>(mini * MINIBLOCK) << 3);
      const values = max(0, min(MINIBLOCK, rows - mini * MINIBLOCK));
      const width = widthOf(from, values, least);
      store<u8>(widths + mini, width);
      if (width > 0) out = packBlock(out, from, values, least, width);
    }
  }
  return <i32>(out - PACKED);
}

/** Bits of the largest of the differences, less the least one. */
function widthOf(from: usize, count: i32, least: i64): i32 {
  let any: i64 = 0;
  let before = load<i64>(from - 8);
  for (let i = 0; i < count; i++) {
    const value = load<i64>(from + (<usize>i << 3));
    any |= value - before - least;
    before = value;
  }
  return 64 - <i32>clz(any);
}

function packBlock(out: usize, from: usize, count: i32, least: i64, width: i32): usize {
  let before = load<i64>(from - 8);
  let held: u64 = 0;
  let bits: i32 = 0;
  let at = out;
  for (let i = 0; i < MINIBLOCK; i++) {
    let delta: u64 = 0;
    if (i < count) {
      const value = load<i64>(from + (<usize>i << 3));
      delta = <u64>(value - before - least);
      before = value;
    }
    held |= delta << <u64>bits;
    bits += width;
    if (bits >= 64) {
      store<u64>(at, held);
      at += 8;
      bits -= 64;
      held = bits === 0 ? 0 : delta >> <u64>(width - bits);
    }
  }
  store<u64>(at, held); // 32 values have 32 bits more, or none
  return out + <usize>(4 * width);
}

function writeVarint(out: usize, value: u64): usize {
  for (; value > 127; value >>= 7) store<u8>(out++, <u8>(value & 127) | 128);
  store<u8>(out, <u8>value);
  return out + 1;
}
