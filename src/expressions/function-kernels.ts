/** Functions of one column of doubles. `out` may be the input. Null is NaN, and NaN in gives NaN out. */

export function negate(a: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = -a[i]!;
}

export function absolute(a: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = Math.abs(a[i]!);
}

export function floor(a: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = Math.floor(a[i]!);
}

export function ceil(a: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = Math.ceil(a[i]!);
}

export function squareRoot(a: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = Math.sqrt(a[i]!);
}

export function naturalLog(a: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = Math.log(a[i]!);
}

export function decimalLog(a: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = Math.log10(a[i]!);
}

export function exponential(a: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = Math.exp(a[i]!);
}

export function sign(a: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = Math.sign(a[i]!);
}

/** Rounds halves away from zero, as in SQL; `Math.round` rounds them up. */
export function round(a: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) {
    const x = a[i]!;
    out[i] = x < 0 ? -Math.round(-x) : Math.round(x);
  }
}

/** Rounds to a number of decimals, with `scale` = 10^decimals. A number too large to have decimals is kept. */
export function roundDecimals(a: Float64Array, scale: number, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) {
    const x = a[i]!;
    const scaled = Math.abs(x) * scale;
    const rounded = Math.round(scaled) / scale;
    out[i] = scaled < 9_007_199_254_740_992 ? (x < 0 ? -rounded : rounded) : x;
  }
}

/** Replaces nulls of the first column with values of the second. */
export function coalesceColumns(a: Float64Array, b: Float64Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) {
    const x = a[i]!;
    out[i] = Number.isNaN(x) ? b[i]! : x;
  }
}

/** Converts 32-bit integers to doubles. */
export function widenInt32(a: Int32Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = a[i]!;
}

/** Converts 64-bit integers to doubles: above 2⁵³, to the nearest. */
export function widenInt64(words: Int32Array, out: Float64Array, rows: number): void {
  for (let i = 0; i < rows; i++) out[i] = words[2 * i + 1]! * 4_294_967_296 + (words[2 * i]! >>> 0);
}
