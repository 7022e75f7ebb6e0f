/** Operations on masks; marks are 0 or 1, and most kernels combine four at a time. */
import type { Mask } from './mask.js';

const ONES = 0x0101_0101;

export function andMask(a: Mask, out: Mask, rows: number): void {
  const [from, to] = [a.words, out.words];
  const count = wordsOf(rows);
  for (let i = 0; i < count; i++) to[i]! &= from[i]!;
}

export function orMask(a: Mask, out: Mask, rows: number): void {
  const [from, to] = [a.words, out.words];
  const count = wordsOf(rows);
  for (let i = 0; i < count; i++) to[i]! |= from[i]!;
}

/** Takes the marks of `a` away from `out`. */
export function andNotMask(a: Mask, out: Mask, rows: number): void {
  const [from, to] = [a.words, out.words];
  const count = wordsOf(rows);
  for (let i = 0; i < count; i++) to[i]! &= ~from[i]!;
}

export function clearMask({ words }: Mask, rows: number): void {
  words.fill(0, 0, wordsOf(rows));
}

export function notMask({ words }: Mask, rows: number): void {
  const count = wordsOf(rows);
  for (let i = 0; i < count; i++) words[i]! ^= ONES;
}

/** Marks the rows in which both masks agree (`flip` 1) or differ (`flip` 0). */
export function compareMasks(a: Mask, out: Mask, flip: 0 | 1, rows: number): void {
  const [from, to] = [a.words, out.words];
  const count = wordsOf(rows);
  const pattern = flip * ONES;
  for (let i = 0; i < count; i++) to[i] = to[i]! ^ from[i]! ^ pattern;
}

/** Takes the mark of `yes` if the condition is marked, else that of `no`. */
export function chooseMask(condition: Mask, yes: Mask, no: Mask, out: Mask, rows: number): void {
  const count = wordsOf(rows);
  for (let i = 0; i < count; i++) {
    // Marks are only the lowest bit of their bytes, so that bitwise operations select whole marks.
    out.words[i] = (yes.words[i]! & condition.words[i]!) | (no.words[i]! & ~condition.words[i]!);
  }
}

export function chooseFloats(
  condition: Uint8Array,
  yes: Float64Array,
  no: Float64Array,
  out: Float64Array,
  rows: number,
): void {
  for (let i = 0; i < rows; i++) out[i] = condition[i]! === 0 ? no[i]! : yes[i]!;
}

export function chooseIds(
  condition: Uint8Array,
  yes: Int32Array,
  no: Int32Array,
  out: Int32Array,
  rows: number,
): void {
  for (let i = 0; i < rows; i++) out[i] = condition[i]! === 0 ? no[i]! : yes[i]!;
}

/** Marks the rows in which a boolean column is true. */
export function marksOf(column: Uint8Array, { bytes }: Mask, rows: number): void {
  for (let i = 0; i < rows; i++) bytes[i] = Number(column[i]! !== 0);
}

export function isNullFloat(a: Float64Array, { bytes }: Mask, rows: number): void {
  for (let i = 0; i < rows; i++) bytes[i] = Number(Number.isNaN(a[i]!));
}

export function isNullId(a: Int32Array, { bytes }: Mask, rows: number): void {
  for (let i = 0; i < rows; i++) bytes[i] = Number(a[i]! < 0);
}

/** Marks the rows whose value is in the list (not in it, if `negated`). @param sorted - The list, ascending. */
export function floatIn(
  a: Float64Array,
  sorted: Float64Array,
  negated: boolean,
  { bytes }: Mask,
  rows: number,
): void {
  for (let i = 0; i < rows; i++) {
    const x = a[i]!;
    let low = 0;
    let high = sorted.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]! < x) low = middle + 1;
      else high = middle;
    }
    bytes[i] = Number((sorted[low]! === x) !== negated && !Number.isNaN(x));
  }
}

/** Whether every row is marked. */
export function allMarked({ words, bytes }: Mask, rows: number): boolean {
  const whole = rows >> 2;
  for (let i = 0; i < whole; i++) if (words[i]! !== ONES) return false;
  for (let row = whole << 2; row < rows; row++) if (bytes[row]! === 0) return false;
  return true;
}

/** The number of marked rows. */
export function countMarked({ words, bytes }: Mask, rows: number): number {
  const whole = rows >> 2;
  let count = 0;
  // The product has the sum of the four marks in its highest byte.
  for (let i = 0; i < whole; i++) count += Math.imul(words[i]!, ONES) >>> 24;
  for (let row = whole << 2; row < rows; row++) count += bytes[row]!;
  return count;
}

/** Marks past the last row are garbage, so whole words may be written. */
function wordsOf(rows: number): number {
  return (rows + 3) >> 2;
}
