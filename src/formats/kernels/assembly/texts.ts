import { fieldAt, fieldSkip, fieldStep } from './csv-rows';
import { HEADS, TEXT_BYTES, TEXTS, UNREAD, VALUES } from './memory';

/** A slot holds 16 bytes of the text, its owner and length (its key), and its number. */
const KEY: usize = 16;
const NUMBER: usize = 24;
/** Slots of a group: a text is in one of those that its hash points to. */
const WAYS: usize = 4;
export const TEXT_LONGEST: i32 = 16;

let unread: i32 = 0;
let nextWay: usize = 0;

@inline
function groupOf(text: v128, key: u64): usize {
  const low = <u64>i64x2.extract_lane(text, 0);
  const high = <u64>i64x2.extract_lane(text, 1);
  let hash = low * 0x9e37_79b9_7f4a_7c15 + high * 0xc2b2_ae3d_27d4_eb4f + key * 0x1656_67b1_9e37_79f9;
  hash = (hash ^ (hash >> 32)) * 0x9e37_79b9_7f4a_7c15;
  return TEXTS + <usize>(hash >> 53) * WAYS * <usize>TEXT_BYTES;
}

@inline
function textAt(start: usize, length: i32): v128 {
  return v128.and(v128.load(start), v128.load(HEADS + (<usize>length << 4)));
}

/** Owner and length as one word. */
@inline
function keyOf(owner: i32, length: i32): u64 {
  return <u64>(<u32>owner) | (<u64>(<u32>length) << 32);
}

@inline
function read<T>(first: i32, rows: i32, owner: i32): i32 {
  const step = fieldStep;
  const skip = fieldSkip;
  let field = fieldAt + <usize>first * step;
  for (let row = first; row < rows; row++, field += step) {
    const start = <usize>(load<u32>(field - 4) + skip);
    const length = <i32>(load<u32>(field) - <u32>start);
    if (length > TEXT_LONGEST) return row;
    const text = textAt(start, length);
    const key = keyOf(owner, length);
    let slot = groupOf(text, key);
    const groupEnd = slot + WAYS * <usize>TEXT_BYTES;
    while (load<u64>(slot, KEY) !== key || v128.any_true(v128.xor(v128.load(slot), text))) {
      slot += <usize>TEXT_BYTES;
      if (slot === groupEnd) return row;
    }
    store<T>(VALUES + <usize>row * sizeof<T>(), <T>load<i32>(slot, NUMBER));
  }
  return rows;
}

/**
 * Looks up the numbers of texts of at most 16 bytes, 32 bits each. It stops at the first unknown text, so that the
 * caller can number texts in the order of rows.
 *
 * @param first - Where to begin: 0, or the row after (or with) the one at which the last call stopped, once that was
 *   handled.
 * @param owner - Each owner has texts of its own. Not 0.
 * @returns The first row whose text is not known, or too long to be; `rows` if there is none.
 */
export function readTexts32(first: i32, rows: i32, owner: i32): i32 {
  return read<i32>(first, rows, owner);
}

/** The same, 8 bits each. */
export function readTexts8(first: i32, rows: i32, owner: i32): i32 {
  return read<u8>(first, rows, owner);
}

/** Starts another column: forgets the rows at `UNREAD`. */
export function beginTexts(): void {
  unread = 0;
}

/** Adds a row to those at `UNREAD`. */
export function leaveText(row: i32): void {
  store<i32>(UNREAD + (<usize>unread << 2), row);
  unread++;
}

/** Number of rows at `UNREAD`. */
export function textsLeft(): i32 {
  return unread;
}

/** Stores the number of the text in a row, which has at most 16 bytes. In a full group it replaces another text. */
export function keepText(row: i32, owner: i32, number: i32): void {
  const field = fieldAt + <usize>row * fieldStep;
  const start = <usize>(load<u32>(field - 4) + fieldSkip);
  const length = <i32>(load<u32>(field) - <u32>start);
  const text = textAt(start, length);
  const key = keyOf(owner, length);
  const group = groupOf(text, key);
  let slot = group;
  const groupEnd = group + WAYS * <usize>TEXT_BYTES;
  while (slot < groupEnd && load<u64>(slot, KEY) !== 0) slot += <usize>TEXT_BYTES;
  if (slot === groupEnd) {
    slot = group + nextWay * <usize>TEXT_BYTES;
    nextWay = (nextWay + 1) % WAYS;
  }
  v128.store(slot, text);
  store<u64>(slot, key, KEY);
  store<i32>(slot, number, NUMBER);
}
