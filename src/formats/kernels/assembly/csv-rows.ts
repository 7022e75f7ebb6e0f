import { BOUNDS, LINES, SEPARATORS, STARTS } from './memory';
import { hasQuotes } from './structure-index';

const FIRST: usize = SEPARATORS + 4;

/** Whether a row that was taken ends with a carriage return. */
let hasReturns: bool = false;

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
  hasReturns = false;
  let last = fields - 1; // place of the row's end among the separators
  for (let row = 0; row < linesMax; row++, last += fields) {
    if (load<i32>(LINES + (<usize>row << 2)) !== last) return row;
    const first = <i32>load<u8>(start);
    if (first === comment) return row;
    const at = FIRST + (<usize>last << 2);
    const end = load<u32>(at);
    if (fields === 1 && (end === start || (end - start === 1 && first === 13))) return row;
    const isReturn = load<u8>(end - 1) === 13;
    hasReturns = hasReturns || isReturn;
    if (endsEmpty) {
      const lastField = end - load<u32>(at - 4);
      if (lastField !== 1 && (lastField !== 2 || !isReturn)) return row;
    }
    store<u32>(STARTS + (<usize>row << 2), start + shift);
    start = end + 1;
  }
  return linesMax;
}

/**
 * Where the kernels find the chosen field. The end of the first row's is at `fieldAt`, and its start, less
 * `fieldSkip`, one word before; those of each next row are `fieldStep` further.
 */
export let fieldAt: usize = 0;
export let fieldStep: usize = 0;
export let fieldSkip: u32 = 0;

/** Chooses a field of the rows for the kernels, without its quotes and without a carriage return. */
export function chooseField(field: i32, fields: i32, rows: i32): void {
  const isLast = field === fields - 1;
  fieldAt = FIRST + (<usize>field << 2);
  fieldStep = <usize>fields << 2;
  fieldSkip = 1; // what ends the field before
  if (hasQuotes || (isLast && hasReturns)) placeField(rows, isLast);
}

/** Writes start and end of the field of each row to `BOUNDS`, if they are not there. */
export function placeBounds(rows: i32): void {
  if (fieldSkip === 1) placeField(rows, false);
}

function placeField(rows: i32, isLast: bool): void {
  let at = fieldAt;
  let out = BOUNDS;
  const outEnd = BOUNDS + (<usize>rows << 3);
  for (; out < outEnd; out += 8, at += fieldStep) {
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
  fieldAt = BOUNDS + 4;
  fieldStep = 8;
  fieldSkip = 0;
}
