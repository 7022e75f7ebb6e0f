/**
 * Exact comparisons of 64-bit integers (including instants), two words per row. The high words are
 * compared as signed, then the low words as unsigned: flipping their top bits makes a signed comparison do that.
 */
import type { Mask } from './mask.js';

const FLIP = 0x8000_0000 | 0;

export function wordsLessConstant(
  a: Int32Array,
  high: number,
  low: number,
  { bytes }: Mask,
  rows: number,
): void {
  const flipped = low ^ FLIP;
  for (let i = 0; i < rows; i++) {
    const h = a[2 * i + 1]!;
    bytes[i] = Number(h < high || (h === high && (a[2 * i]! ^ FLIP) < flipped));
  }
}

export function wordsLessColumns(a: Int32Array, b: Int32Array, { bytes }: Mask, rows: number): void {
  for (let i = 0; i < rows; i++) {
    const h = a[2 * i + 1]!;
    const k = b[2 * i + 1]!;
    bytes[i] = Number(h < k || (h === k && (a[2 * i]! ^ FLIP) < (b[2 * i]! ^ FLIP)));
  }
}

export function wordsAtMostConstant(
  a: Int32Array,
  high: number,
  low: number,
  { bytes }: Mask,
  rows: number,
): void {
  const flipped = low ^ FLIP;
  for (let i = 0; i < rows; i++) {
    const h = a[2 * i + 1]!;
    bytes[i] = Number(h < high || (h === high && (a[2 * i]! ^ FLIP) <= flipped));
  }
}

export function wordsAtMostColumns(a: Int32Array, b: Int32Array, { bytes }: Mask, rows: number): void {
  for (let i = 0; i < rows; i++) {
    const h = a[2 * i + 1]!;
    const k = b[2 * i + 1]!;
    bytes[i] = Number(h < k || (h === k && (a[2 * i]! ^ FLIP) <= (b[2 * i]! ^ FLIP)));
  }
}

export function wordsEqualConstant(
  a: Int32Array,
  high: number,
  low: number,
  { bytes }: Mask,
  rows: number,
): void {
  const flipped = low ^ FLIP;
  for (let i = 0; i < rows; i++) {
    const h = a[2 * i + 1]!;
    bytes[i] = Number(h === high && (a[2 * i]! ^ FLIP) === flipped);
  }
}

export function wordsEqualColumns(a: Int32Array, b: Int32Array, { bytes }: Mask, rows: number): void {
  for (let i = 0; i < rows; i++) {
    const h = a[2 * i + 1]!;
    const k = b[2 * i + 1]!;
    bytes[i] = Number(h === k && (a[2 * i]! ^ FLIP) === (b[2 * i]! ^ FLIP));
  }
}
