/** With more distinct doubles than this in a row group, they are written in plain encoding. */
const VALUES_MAX = 8_192;
const SLOTS = 4 * VALUES_MAX;
const SHIFT = 32 - 15;

/**
 * Maps doubles to codes, numbered in order of appearance. Prices and sizes repeat, and codes of 12 bits
 * are both smaller and faster to write than compressed doubles. It compares bits, so that −0 and every
 * NaN keep theirs.
 */
export class DoubleDictionary {
  readonly #slots = new Int32Array(SLOTS);
  /** Words of the distinct values. */
  readonly #words = new Int32Array(2 * VALUES_MAX);
  #size = 0;

  /** The distinct values in plain encoding; valid until the next `encode`. */
  get bytes(): Uint8Array {
    return new Uint8Array(this.#words.buffer, 0, this.#size * 8);
  }

  get size(): number {
    return this.#size;
  }

  /**
   * @param codes - Receives one code for each value.
   * @returns False if there are too many distinct values; then the codes are garbage.
   */
  encode(values: Float64Array, count: number, codes: Int32Array): boolean {
    const slots = this.#slots.fill(-1);
    const known = this.#words;
    const words = new Int32Array(values.buffer, values.byteOffset, 2 * count);
    let size = 0;
    for (let i = 0; i < count; i++) {
      const low = words[2 * i]!;
      const high = words[2 * i + 1]!;
      let slot = Math.imul(low ^ Math.imul(high, 0x85eb_ca6b), 0x9e37_79b1) >>> SHIFT;
      let code = slots[slot]!;
      while (code >= 0 && (known[2 * code] !== low || known[2 * code + 1] !== high)) {
        slot = (slot + 1) & (SLOTS - 1);
        code = slots[slot]!;
      }
      if (code < 0) {
        if (size === VALUES_MAX) return false;
        code = size++;
        slots[slot] = code;
        known[2 * code] = low;
        known[2 * code + 1] = high;
      }
      codes[i] = code;
    }
    this.#size = size;
    return true;
  }
}
