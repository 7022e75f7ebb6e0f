/**
 * Compare columns and write the results as marks, four per write. The `and…` variants keep a mark only
 * if the comparison also holds, which saves a mask and a pass. Every comparison with null (NaN) is
 * false, `!=` included.
 *
 * A pass costs 1.0 to 1.4 ns a row; writing single bytes, 2.1 ns.
 */
import { type Mask, packMarks } from './mask.js';

export function lessConstant(a: Float64Array, c: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(a[i]! < c, a[i + 1]! < c, a[i + 2]! < c, a[i + 3]! < c);
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! < c);
}

export function andLessConstant(a: Float64Array, c: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(a[i]! < c, a[i + 1]! < c, a[i + 2]! < c, a[i + 3]! < c);
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! < c);
}

export function atMostConstant(a: Float64Array, c: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(a[i]! <= c, a[i + 1]! <= c, a[i + 2]! <= c, a[i + 3]! <= c);
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! <= c);
}

export function andAtMostConstant(a: Float64Array, c: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(a[i]! <= c, a[i + 1]! <= c, a[i + 2]! <= c, a[i + 3]! <= c);
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! <= c);
}

export function greaterConstant(a: Float64Array, c: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(a[i]! > c, a[i + 1]! > c, a[i + 2]! > c, a[i + 3]! > c);
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! > c);
}

export function andGreaterConstant(a: Float64Array, c: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(a[i]! > c, a[i + 1]! > c, a[i + 2]! > c, a[i + 3]! > c);
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! > c);
}

export function atLeastConstant(a: Float64Array, c: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(a[i]! >= c, a[i + 1]! >= c, a[i + 2]! >= c, a[i + 3]! >= c);
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! >= c);
}

export function andAtLeastConstant(a: Float64Array, c: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(a[i]! >= c, a[i + 1]! >= c, a[i + 2]! >= c, a[i + 3]! >= c);
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! >= c);
}

export function equalConstant(a: Float64Array, c: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(a[i]! === c, a[i + 1]! === c, a[i + 2]! === c, a[i + 3]! === c);
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! === c);
}

export function andEqualConstant(a: Float64Array, c: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(a[i]! === c, a[i + 1]! === c, a[i + 2]! === c, a[i + 3]! === c);
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! === c);
}

export function unequalConstant(a: Float64Array, c: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(
      a[i]! < c || a[i]! > c,
      a[i + 1]! < c || a[i + 1]! > c,
      a[i + 2]! < c || a[i + 2]! > c,
      a[i + 3]! < c || a[i + 3]! > c,
    );
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! < c || a[i]! > c);
}

export function andUnequalConstant(a: Float64Array, c: number, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(
      a[i]! < c || a[i]! > c,
      a[i + 1]! < c || a[i + 1]! > c,
      a[i + 2]! < c || a[i + 2]! > c,
      a[i + 3]! < c || a[i + 3]! > c,
    );
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! < c || a[i]! > c);
}

export function lessColumns(a: Float64Array, b: Float64Array, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(
      a[i]! < b[i]!,
      a[i + 1]! < b[i + 1]!,
      a[i + 2]! < b[i + 2]!,
      a[i + 3]! < b[i + 3]!,
    );
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! < b[i]!);
}

export function andLessColumns(a: Float64Array, b: Float64Array, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(
      a[i]! < b[i]!,
      a[i + 1]! < b[i + 1]!,
      a[i + 2]! < b[i + 2]!,
      a[i + 3]! < b[i + 3]!,
    );
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! < b[i]!);
}

export function atMostColumns(a: Float64Array, b: Float64Array, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(
      a[i]! <= b[i]!,
      a[i + 1]! <= b[i + 1]!,
      a[i + 2]! <= b[i + 2]!,
      a[i + 3]! <= b[i + 3]!,
    );
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! <= b[i]!);
}

export function andAtMostColumns(
  a: Float64Array,
  b: Float64Array,
  { bytes, words }: Mask,
  rows: number,
): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(
      a[i]! <= b[i]!,
      a[i + 1]! <= b[i + 1]!,
      a[i + 2]! <= b[i + 2]!,
      a[i + 3]! <= b[i + 3]!,
    );
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! <= b[i]!);
}

export function equalColumns(a: Float64Array, b: Float64Array, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(
      a[i]! === b[i]!,
      a[i + 1]! === b[i + 1]!,
      a[i + 2]! === b[i + 2]!,
      a[i + 3]! === b[i + 3]!,
    );
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! === b[i]!);
}

export function andEqualColumns(
  a: Float64Array,
  b: Float64Array,
  { bytes, words }: Mask,
  rows: number,
): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(
      a[i]! === b[i]!,
      a[i + 1]! === b[i + 1]!,
      a[i + 2]! === b[i + 2]!,
      a[i + 3]! === b[i + 3]!,
    );
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! === b[i]!);
}

export function unequalColumns(a: Float64Array, b: Float64Array, { bytes, words }: Mask, rows: number): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word] = packMarks(
      a[i]! < b[i]! || a[i]! > b[i]!,
      a[i + 1]! < b[i + 1]! || a[i + 1]! > b[i + 1]!,
      a[i + 2]! < b[i + 2]! || a[i + 2]! > b[i + 2]!,
      a[i + 3]! < b[i + 3]! || a[i + 3]! > b[i + 3]!,
    );
  }
  for (let i = whole; i < rows; i++) bytes[i] = Number(a[i]! < b[i]! || a[i]! > b[i]!);
}

export function andUnequalColumns(
  a: Float64Array,
  b: Float64Array,
  { bytes, words }: Mask,
  rows: number,
): void {
  const whole = rows & ~3;
  for (let i = 0, word = 0; i < whole; i += 4, word++) {
    words[word]! &= packMarks(
      a[i]! < b[i]! || a[i]! > b[i]!,
      a[i + 1]! < b[i + 1]! || a[i + 1]! > b[i + 1]!,
      a[i + 2]! < b[i + 2]! || a[i + 2]! > b[i + 2]!,
      a[i + 3]! < b[i + 3]! || a[i + 3]! > b[i + 3]!,
    );
  }
  for (let i = whole; i < rows; i++) bytes[i]! &= Number(a[i]! < b[i]! || a[i]! > b[i]!);
}
