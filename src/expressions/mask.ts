/**
 * One mark a row, 0 or 1, in bytes; `words` is the same memory, four rows a word, so that kernels
 * write four marks at once.
 */
export interface Mask {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
}

export const bytesOfMask = (rows: number): number => (rows + 3) & ~3;

export function allocateMask(rows: number): Mask {
  const bytes = new Uint8Array(bytesOfMask(rows));
  return { bytes, words: new Int32Array(bytes.buffer) };
}

/** The marks of four rows as one word (little-endian, as every machine that runs Node is). */
export function packMarks(p: boolean, q: boolean, r: boolean, s: boolean): number {
  return Number(p) | (Number(q) << 8) | (Number(r) << 16) | (Number(s) << 24);
}
