/** Which rows have a value: one bit a row. */
export class ValidityBits {
  readonly #bits: Uint8Array;
  #hasNull = false;

  constructor(rowsMax: number) {
    this.#bits = new Uint8Array(Math.ceil(rowsMax / 64) * 8);
  }

  begin(): void {
    if (this.#hasNull) this.#hasNull = false;
    this.#bits.fill(0xff);
  }

  /** @param row - Counted from the first of the rows. */
  setNull(row: number): void {
    this.#bits[row >> 3]! &= ~(1 << (row & 7));
    this.#hasNull = true;
  }

  /** `undefined` where all rows have a value. */
  get bits(): Uint8Array | undefined {
    return this.#hasNull ? this.#bits : undefined;
  }
}
