/**
 * One mark per row, 0 or 1, each in a byte. `words` is the same memory with four rows per word, so
 * that kernels write four marks at once.
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

/** Packs the marks of four rows into one word. Assumes little-endian, as on every machine that Node supports here. */
export function packMarks(p: boolean, q: boolean, r: boolean, s: boolean): number {
  return Number(p) | (Number(q) << 8) | (Number(r) << 16) | (Number(s) << 24);
}
