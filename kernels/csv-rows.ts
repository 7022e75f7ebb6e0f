import { BOUNDS, LINES, SEPARATORS, STARTS } from './memory';
import { hasQuotes } from './structure-index';

const FIRST: usize = SEPARATORS + 4;

/**
 * Takes lines for rows, as long as each has so many fields, and is neither blank nor a comment.
 *
 * @param linesMax - Lines that the structure index has.
 * @param comment - The first byte of comments; −1 if there are none.
 * @param endsEmpty - Whether the last field of each row must be empty.
 * @param shift - Is added to where each row begins.
 * @returns The rows. Where each begins is at `STARTS`.
 */
export function takeRows(fields: i32, linesMax: i32, comment: i32, endsEmpty: bool, shift: i32): i32 {
  let start = load<u32>(SEPARATORS) + 1;
  let last = fields - 1; // place of the row's end among the separators
  for (let row = 0; row < linesMax; row++, last += fields) {
    if (load<i32>(LINES + (<usize>row << 2)) !== last) return row;
    const first = <i32>load<u8>(start);
    if (first === comment) return row;
    const at = FIRST + (<usize>last << 2);
    const end = load<u32>(at);
    if (fields === 1 && (end === start || (end - start === 1 && first === 13))) return row;
    if (endsEmpty) {
      const lastField = end - load<u32>(at - 4);
      if (lastField !== 1 && (lastField !== 2 || load<u8>(end - 1) !== 13)) return row;
    }
    store<u32>(STARTS + (<usize>row << 2), start + shift);
    start = end + 1;
  }
  return linesMax;
}

/** Writes start and end of a field of each row to `BOUNDS`, without quotes and without a carriage return. */
export function placeField(field: i32, fields: i32, rows: i32): void {
  const step = <usize>fields << 2;
  const isLast = field === fields - 1;
  let at = FIRST + (<usize>field << 2);
  let out = BOUNDS;
  const outEnd = BOUNDS + (<usize>rows << 3);
  if (!isLast && !hasQuotes) {
    for (; out < outEnd; out += 8, at += step) {
      store<u32>(out, load<u32>(at - 4) + 1);
      store<u32>(out, load<u32>(at), 4);
    }
    return;
  }
  for (; out < outEnd; out += 8, at += step) {
    let start = load<u32>(at - 4) + 1;
    let end = load<u32>(at);
    if (isLast && end > start && load<u8>(end - 1) === 13) end--;
    if (hasQuotes && end > start && load<u8>(start) === 34) {
      start++;
      end--;
    }
    store<u32>(out, start);
    store<u32>(out, end, 4);
  }
}
