import { COUNTS, LENGTHS, OFFSETS, SORTED } from './memory';

/**
 * An entry of a table: bits 0 to 5 the bits to pass, extra ones included; 8 to 11 the bits of the code without
 * these; 16 to 30 a literal, or the least length or distance.
 */
export const LITERAL: u32 = 0x8000_0000;
/** Not an entry of a literal, length or distance: another table begins at bits 16 to 30, with the bits at 8 to 11. */
export const FURTHER: u32 = 0x1000;
/** With `FURTHER`: the end of the block. */
export const BLOCK_END: u32 = 0x2000;
/** With `FURTHER`: no code. */
export const NONE: u32 = 0x4000;

export const CODES_OF_SYMBOLS: i32 = 0;
export const CODES_OF_DISTANCES: i32 = 1;
export const CODES_OF_LENGTHS: i32 = 2;

/** The least length of symbols 257 to 285, and their extra bits; the least distance, and its extra bits. */
const LENGTH_BASES = memory.data<u16>([
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
]);
const LENGTH_EXTRAS = memory.data<u8>([
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
]);
const DISTANCE_BASES = memory.data<u16>([
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
  8193, 12289, 16385, 24577,
]);
const DISTANCE_EXTRAS = memory.data<u8>([
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
]);

/** What a symbol means, with the bits of its code. */
function entryOf(kind: i32, symbol: i32, bits: i32): u32 {
  const code = <u32>bits << 8;
  if (kind === CODES_OF_LENGTHS) return (<u32>symbol << 16) | code | bits;
  if (kind === CODES_OF_DISTANCES) {
    if (symbol >= 30) return FURTHER | NONE;
    const extra = <u32>load<u8>(DISTANCE_EXTRAS + symbol);
    return (<u32>load<u16>(DISTANCE_BASES + (symbol << 1)) << 16) | code | (bits + extra);
  }
  if (symbol < 256) return LITERAL | (<u32>symbol << 16) | code | bits;
  if (symbol === 256) return FURTHER | BLOCK_END | code | bits;
  if (symbol >= 286) return FURTHER | NONE;
  const extra = <u32>load<u8>(LENGTH_EXTRAS + symbol - 257);
  return (<u32>load<u16>(LENGTH_BASES + ((symbol - 257) << 1)) << 16) | code | (bits + extra);
}

/** The lowest `bits` bits of a code, reversed: the first bit of a code comes first in the data. */
function reversed(code: u32, bits: i32): u32 {
  let result: u32 = 0;
  for (let i = 0; i < bits; i++) result |= ((code >> i) & 1) << (bits - 1 - i);
  return result;
}

/**
 * Makes the table of the canonical Huffman code with these lengths.
 *
 * @param from - Address of a byte for each symbol: the length of its code, up to 15.
 * @param bits - Bits that the table is looked up with first.
 * @returns Whether they are those of a whole code, or of one distance, or of none.
 */
export function makeTable(kind: i32, from: usize, symbols: i32, table: usize, bits: i32): bool {
  memory.fill(COUNTS, 0, 64);
  for (let i = 0; i < symbols; i++) {
    const at = COUNTS + (<usize>load<u8>(from + i) << 2);
    store<i32>(at, load<i32>(at) + 1);
  }
  const used = symbols - load<i32>(COUNTS);
  store<i32>(COUNTS, 0);
  let left: i32 = 1;
  let offset: i32 = 0;
  let longest: i32 = 0;
  for (let length = 1; length < 16; length++) {
    const count = load<i32>(COUNTS + (length << 2));
    left = (left << 1) - count;
    if (left < 0) return false;
    store<i32>(OFFSETS + (length << 2), offset);
    offset += count;
    if (count > 0) longest = length;
  }
  if (left > 0 && (kind !== CODES_OF_DISTANCES || used > 1 || longest > 1)) return false;
  if (left > 0) for (let i = 0; i < 1 << bits; i++) store<u32>(table + (i << 2), FURTHER | NONE);
  for (let symbol = 0; symbol < symbols; symbol++) {
    const length = <usize>load<u8>(from + symbol);
    if (length === 0) continue;
    const at = OFFSETS + (length << 2);
    const place = load<i32>(at);
    store<u16>(SORTED + (place << 1), <u16>symbol);
    store<i32>(at, place + 1);
  }

  let code: u32 = 0;
  let place: i32 = 0;
  let next: i32 = 1 << bits; // where the next further table begins
  let further: i32 = 0;
  let furtherBits: i32 = 0;
  let prefix: u32 = 0xffff_ffff;
  for (let length = 1; length <= longest; length++, code <<= 1) {
    for (let count = load<i32>(COUNTS + (length << 2)); count > 0; count--, code++, place++) {
      const entry = entryOf(kind, load<u16>(SORTED + (place << 1)), length);
      const lookup = reversed(code, length);
      if (length <= bits) {
        for (let i = lookup; i < <u32>1 << bits; i += <u32>1 << length) store<u32>(table + (i << 2), entry);
        continue;
      }
      const front = lookup & ((1 << bits) - 1);
      if (front !== prefix) {
        prefix = front;
        further = next;
        // As many bits as the codes with this front need: of the codes left, the first that fill a table.
        furtherBits = length - bits;
        let room: i32 = (1 << furtherBits) - count;
        for (let longer = length + 1; room > 0 && longer <= longest; longer++) {
          room = (room << 1) - load<i32>(COUNTS + (longer << 2));
          furtherBits = longer - bits;
        }
        next += 1 << furtherBits;
        store<u32>(table + (front << 2), FURTHER | (<u32>further << 16) | (<u32>furtherBits << 8));
      }
      for (let i = lookup >> bits; i < <u32>1 << furtherBits; i += <u32>1 << (length - bits)) {
        store<u32>(table + ((further + i) << 2), entry);
      }
    }
  }
  return true;
}
