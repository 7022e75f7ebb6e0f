import { CODES, PACKED } from './memory';

@inline
function four(at: usize, width: u64): u64 {
  return (
    <u64>load<u32>(at) |
    (<u64>load<u32>(at, 4) << width) |
    (<u64>load<u32>(at, 8) << (2 * width)) |
    (<u64>load<u32>(at, 12) << (3 * width))
  );
}

/**
 * Packs codes, the lowest bit first: eight of them, `width` bytes, per turn.
 *
 * @param count - The codes after these, up to a multiple of 8, must be 0.
 * @param width - 1 to 16 bits.
 */
export function packCodes(count: i32, width: i32): void {
  const bits = <u64>width;
  // Of eight codes, the upper four begin half a byte into a byte if the width is odd.
  const upper = <usize>(width >> 1);
  let out = PACKED;
  for (let at = CODES, end = CODES + (<usize>count << 2); at < end; at += 32) {
    const low = four(at, bits);
    const high = four(at + 16, bits);
    store<u64>(out, low);
    if ((width & 1) === 0) store<u64>(out + upper, high);
    else store<u64>(out + upper, (low >> (4 * bits - 4)) | (high << 4));
    out += <usize>width;
  }
}
