/**
 * Arithmetic over columns of doubles. Each form has its own function, so that every array access is
 * monomorphic. `out` may be one of the inputs. Null is NaN, and NaN in gives NaN out.
 *
 * The most common forms are unrolled by eight: the bounds and interrupt checks of each iteration cost
 * more than the arithmetic (2.3 ns a row as a plain loop, 1.1 ns unrolled).
 */

export function addColumns(a: Float64Array, b: Float64Array, out: Float64Array, rows: number): void {
  const whole = rows & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i] = a[i]! + b[i]!;
    out[i + 1] = a[i + 1]! + b[i + 1]!;
    out[i + 2] = a[i + 2]! + b[i + 2]!;
    out[i + 3] = a[i + 3]! + b[i + 3]!;
    out[i + 4] = a[i + 4]! + b[i + 4]!;
    out[i + 5] = a[i + 5]! + b[i + 5]!;
    out[i + 6] = a[i + 6]! + b[i + 6]!;
    out[i + 7] = a[i + 7]! + b[i + 7]!;
  }
  for (let i = whole; i < rows; i++) out[i] = a[i]! + b[i]!;
}

export function subtractColumns(a: Float64Array, b: Float64Array, out: Float64Array, rows: number): void {
  const whole = rows & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i] = a[i]! - b[i]!;
    out[i + 1] = a[i + 1]! - b[i + 1]!;
    out[i + 2] = a[i + 2]! - b[i + 2]!;
    out[i + 3] = a[i + 3]! - b[i + 3]!;
    out[i + 4] = a[i + 4]! - b[i + 4]!;
    out[i + 5] = a[i + 5]! - b[i + 5]!;
    out[i + 6] = a[i + 6]! - b[i + 6]!;
    out[i + 7] = a[i + 7]! - b[i + 7]!;
  }
  for (let i = whole; i < rows; i++) out[i] = a[i]! - b[i]!;
}

export function multiplyColumns(a: Float64Array, b: Float64Array, out: Float64Array, rows: number): void {
  const whole = rows & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i] = a[i]! * b[i]!;
    out[i + 1] = a[i + 1]! * b[i + 1]!;
    out[i + 2] = a[i + 2]! * b[i + 2]!;
    out[i + 3] = a[i + 3]! * b[i + 3]!;
    out[i + 4] = a[i + 4]! * b[i + 4]!;
    out[i + 5] = a[i + 5]! * b[i + 5]!;
    out[i + 6] = a[i + 6]! * b[i + 6]!;
    out[i + 7] = a[i + 7]! * b[i + 7]!;
  }
  for (let i = whole; i < rows; i++) out[i] = a[i]! * b[i]!;
}

export function divideColumns(a: Float64Array, b: Float64Array, out: Float64Array, rows: number): void {
  const whole = rows & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i] = a[i]! / b[i]!;
    out[i + 1] = a[i + 1]! / b[i + 1]!;
    out[i + 2] = a[i + 2]! / b[i + 2]!;
    out[i + 3] = a[i + 3]! / b[i + 3]!;
    out[i + 4] = a[i + 4]! / b[i + 4]!;
    out[i + 5] = a[i + 5]! / b[i + 5]!;
    out[i + 6] = a[i + 6]! / b[i + 6]!;
    out[i + 7] = a[i + 7]! / b[i + 7]!;
  }
  for (let i = whole; i < rows; i++) out[i] = a[i]! / b[i]!;
}

export function addConstant(a: Float64Array, c: number, out: Float64Array, rows: number): void {
  const whole = rows & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i] = a[i]! + c;
    out[i + 1] = a[i + 1]! + c;
    out[i + 2] = a[i + 2]! + c;
    out[i + 3] = a[i + 3]! + c;
    out[i + 4] = a[i + 4]! + c;
    out[i + 5] = a[i + 5]! + c;
    out[i + 6] = a[i + 6]! + c;
    out[i + 7] = a[i + 7]! + c;
  }
  for (let i = whole; i < rows; i++) out[i] = a[i]! + c;
}

export function multiplyConstant(a: Float64Array, c: number, out: Float64Array, rows: number): void {
  const whole = rows & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i] = a[i]! * c;
    out[i + 1] = a[i + 1]! * c;
    out[i + 2] = a[i + 2]! * c;
    out[i + 3] = a[i + 3]! * c;
    out[i + 4] = a[i + 4]! * c;
    out[i + 5] = a[i + 5]! * c;
    out[i + 6] = a[i + 6]! * c;
    out[i + 7] = a[i + 7]! * c;
  }
  for (let i = whole; i < rows; i++) out[i] = a[i]! * c;
}

/** Fuses two passes, for expressions such as `(bid + ask) / 2`. */
export function addAndMultiply(
  a: Float64Array,
  b: Float64Array,
  c: number,
  out: Float64Array,
  rows: number,
): void {
  const whole = rows & ~7;
  for (let i = 0; i < whole; i += 8) {
    out[i] = (a[i]! + b[i]!) * c;
    out[i + 1] = (a[i + 1]! + b[i + 1]!) * c;
    out[i + 2] = (a[i + 2]! + b[i + 2]!) * c;
    out[i + 3] = (a[i + 3]! + b[i + 3]!) * c;
    out[i + 4] = (a[i + 4]! + b[i + 4]!) * c;
    out[i + 5] = (a[i + 5]! + b[i + 5]!) * c;
    out[i + 6] = (a[i + 6]! + b[i + 6]!) * c;
    out[i + 7] = (a[i + 7]! + b[i + 7]!) * c;
  }
  for (let i = whole; i < rows; i++) out[i] = (a[i]! + b[i]!) * c;
}

export function divideByConstant(a: Float64Array, c: number, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = a[i]! / c;
}

export function subtractFromConstant(a: Float64Array, c: number, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = c - a[i]!;
}

export function divideConstantBy(a: Float64Array, c: number, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = c / a[i]!;
}

export function remainderOfColumns(a: Float64Array, b: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = a[i]! % b[i]!;
}

export function remainderByConstant(a: Float64Array, c: number, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = a[i]! % c;
}

export function remainderOfConstant(a: Float64Array, c: number, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = c % a[i]!;
}

export function minOfColumns(a: Float64Array, b: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = Math.min(a[i]!, b[i]!);
}

export function minWithConstant(a: Float64Array, c: number, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = Math.min(a[i]!, c);
}

export function maxOfColumns(a: Float64Array, b: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = Math.max(a[i]!, b[i]!);
}

export function maxWithConstant(a: Float64Array, c: number, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = Math.max(a[i]!, c);
}
