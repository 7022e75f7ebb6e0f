/** Slots at first: one for each symbol, and one for rows without. */
const SLOTS = 64;

/**
 * Finds the last row of each symbol of a batch, from its end: where the same symbols come again and again, all of them
 * are found within a small part of it.
 */
export class LastOfSymbols {
  /** The rows, from later to earlier. Only the first `find()` ones count. */
  rows = new Int32Array(SLOTS);
  /** By slot: in which search it was found last. */
  #found = new Uint32Array(SLOTS);
  #search = 0;

  /**
   * @param symbols - Ids, −1 for none.
   * @param symbolsMax - How many different ones there may be. Once so many are found, the rest has no other.
   * @param numbers - If given, rows whose number is NaN are passed over.
   * @returns How many there are.
   */
  find(symbols: Int32Array, length: number, symbolsMax: number, numbers?: Float64Array): number {
    this.#search = (this.#search + 1) >>> 0;
    if (this.#search === 0) this.#beginAnew();
    const search = this.#search;
    let found = this.#found;
    let count = 0;
    for (let row = length - 1; row >= 0 && count < symbolsMax; row--) {
      const slot = symbols[row]! + 1;
      if (slot >= found.length) found = this.#grow(slot);
      if (found[slot] === search || (numbers !== undefined && Number.isNaN(numbers[row]))) continue;
      found[slot] = search;
      this.rows[count++] = row;
    }
    return count;
  }

  /** The searches cannot be told apart any more: 0 stands for none. */
  #beginAnew(): void {
    this.#found.fill(0);
    this.#search = 1;
  }

  #grow(slot: number): Uint32Array<ArrayBuffer> {
    const found = new Uint32Array(Math.max(2 * this.#found.length, slot + 1));
    found.set(this.#found);
    this.#found = found;
    const rows = new Int32Array(found.length);
    rows.set(this.rows);
    this.rows = rows;
    return found;
  }
}
