/**
 * Compare dictionary ids (null is −1) or enum codes, and write the results as marks. Every comparison
 * with null is false, `!=` included.
 */
import { type Mask, packMarks } from './mask.js';

export function idIs(a: Int32Array, id: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(a[i]! === id, a[i + 1]! === id, a[i + 2]! === id, a[i + 3]! === id);
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! === id);
}

export function andIdIs(a: Int32Array, id: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(a[i]! === id, a[i + 1]! === id, a[i + 2]! === id, a[i + 3]! === id);
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! === id);
}

export function idIsNot(a: Int32Array, id: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(
      a[i]! !== id && a[i]! >= 0,
      a[i + 1]! !== id && a[i + 1]! >= 0,
      a[i + 2]! !== id && a[i + 2]! >= 0,
      a[i + 3]! !== id && a[i + 3]! >= 0,
    );
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! !== id && a[i]! >= 0);
}

export function andIdIsNot(a: Int32Array, id: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(
      a[i]! !== id && a[i]! >= 0,
      a[i + 1]! !== id && a[i + 1]! >= 0,
      a[i + 2]! !== id && a[i + 2]! >= 0,
      a[i + 3]! !== id && a[i + 3]! >= 0,
    );
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! !== id && a[i]! >= 0);
}

export function codeIs(a: Uint8Array, code: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(a[i]! === code, a[i + 1]! === code, a[i + 2]! === code, a[i + 3]! === code);
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! === code);
}

export function andCodeIs(a: Uint8Array, code: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(a[i]! === code, a[i + 1]! === code, a[i + 2]! === code, a[i + 3]! === code);
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! === code);
}

export function codeIsNot(a: Uint8Array, code: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(a[i]! !== code, a[i + 1]! !== code, a[i + 2]! !== code, a[i + 3]! !== code);
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! !== code);
}

export function andCodeIsNot(a: Uint8Array, code: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(a[i]! !== code, a[i + 1]! !== code, a[i + 2]! !== code, a[i + 3]! !== code);
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! !== code);
}

/** Looks up the mark of each id; the first entry of the table is for null. */
export function idInTable(a: Int32Array, table: Uint8Array, { bytes }: Mask, rows: number): void {
  for (let i = 0; i < rows; i++) bytes[i] = table[a[i]! + 1]!;
}

/** Looks up the mark of each code. */
export function codeInTable(a: Uint8Array, table: Uint8Array, { bytes }: Mask, rows: number): void {
  for (let i = 0; i < rows; i++) bytes[i] = table[a[i]!]!;
}

export function idsEqual(a: Int32Array, b: Int32Array, { bytes }: Mask, rows: number): void {
  for (let i = 0; i < rows; i++) bytes[i] = Number(a[i]! === b[i]! && a[i]! >= 0);
}

export function idsUnequal(a: Int32Array, b: Int32Array, { bytes }: Mask, rows: number): void {
  for (let i = 0; i < rows; i++) bytes[i] = Number(a[i]! !== b[i]! && a[i]! >= 0 && b[i]! >= 0);
}

/** Translates ids of one dictionary to ids of another; the first entry of the table is for null. */
export function translateIds(a: Int32Array, table: Int32Array, out: Int32Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = table[a[i]! + 1]!;
}

export function translateCodes(a: Uint8Array, table: Int32Array, out: Int32Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = table[a[i]!]!;
}
