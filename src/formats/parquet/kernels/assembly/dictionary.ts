import { CODES, DICTIONARY_MAX, KNOWN, SLOTS, SLOTS_COUNT, VALUES } from './memory';

/** Values in the dictionary. */
let size: i32 = 0;

/** Begins with an empty dictionary. */
export function beginDictionary(): void {
  size = 0;
  memory.fill(SLOTS, 0, SLOTS_COUNT * 2);
}

@inline
function slotOf(bits: u64): usize {
  return SLOTS + ((<usize>((bits * 0x9e37_79b9_7f4a_7c15) >> 50)) << 1);
}

/** 1 + the code of a value, which it adds if it is new; 0 if there is no room for it. */
function placeOf(bits: u64): i32 {
  let slot = slotOf(bits);
  for (;;) {
    const place = <i32>load<u16>(slot);
    if (place === 0) break;
    if (load<u64>(KNOWN + (<usize>place << 3)) === bits) return place;
    slot = SLOTS + ((slot - SLOTS + 2) & (SLOTS_COUNT * 2 - 1));
  }
  if (size === DICTIONARY_MAX) return 0;
  const place = ++size;
  store<u16>(slot, place);
  store<u64>(KNOWN + (<usize>place << 3), bits);
  return place;
}

/**
 * Codes values of 64 bits, numbered in order of appearance. It compares bits, so that −0 and every NaN keep theirs.
 *
 * @returns The size of the dictionary; −1 if it is full, and then the codes are garbage.
 */
export function encodeValues(count: i32): i32 {
  let at = VALUES;
  let out = CODES;
  // Two values per turn where both are in their first slots: each waits for two loads that depend on each other.
  for (const end = VALUES + (<usize>(count & ~1) << 3); at < end; at += 16) {
    const a = load<u64>(at);
    const b = load<u64>(at, 8);
    let placeA = <i32>load<u16>(slotOf(a));
    let placeB = <i32>load<u16>(slotOf(b));
    const differ =
      (load<u64>(KNOWN + (<usize>placeA << 3)) ^ a) | (load<u64>(KNOWN + (<usize>placeB << 3)) ^ b);
    if (differ !== 0 || placeA === 0 || placeB === 0) {
      placeA = placeOf(a);
      placeB = placeOf(b);
      if (placeA === 0 || placeB === 0) return -1;
    }
    store<i32>(out, placeA - 1);
    store<i32>(out, placeB - 1, 4);
    out += 8;
  }
  if ((count & 1) !== 0) {
    const place = placeOf(load<u64>(at));
    if (place === 0) return -1;
    store<i32>(out, place - 1);
  }
  return size;
}
