const FNV_PRIME = 16_777_619;
const FNV_START = 0x811c9dc5;

/** The ids of the symbols that were asked for, by their bytes in a message: no text is made for a look-up. */
export class SymbolTable {
  readonly #ids = new Map<string, number>();
  readonly #texts: Uint8Array[] = [];
  readonly #idOf: number[] = [];
  /** Open addressing: an index into the lists, plus 1; 0 is free. */
  readonly #cells: Int32Array;
  /** Index of the symbol of the last message, which the next one is likely to have as well. */
  #last = 0;

  /**
   * @param symbols - As the venue writes them.
   * @param idOf - Its id for the writer of rows.
   */
  constructor(symbols: readonly string[], idOf: (symbol: string) => number) {
    let size = 16;
    while (size < symbols.length * 4) size *= 2;
    this.#cells = new Int32Array(size);
    for (const symbol of symbols) {
      const id = idOf(symbol);
      const text = Uint8Array.from(Buffer.from(symbol, 'utf8'));
      this.#ids.set(symbol, id);
      this.#texts.push(text);
      this.#idOf.push(id);
      let cell = hashOf(text, 0, text.length) & (size - 1);
      while (this.#cells[cell] !== 0) cell = (cell + 1) & (size - 1);
      this.#cells[cell] = this.#texts.length;
    }
  }

  /** @returns The id of a symbol; −1 if it was not asked for. */
  idOf(symbol: string): number {
    return this.#ids.get(symbol) ?? -1;
  }

  /** The same for a symbol in bytes. */
  find(bytes: Uint8Array, start: number, end: number): number {
    if (this.#isAt(this.#last, bytes, start, end)) return this.#idOf[this.#last]!;
    const mask = this.#cells.length - 1;
    for (let cell = hashOf(bytes, start, end) & mask; this.#cells[cell] !== 0; cell = (cell + 1) & mask) {
      const index = this.#cells[cell]! - 1;
      if (!this.#isAt(index, bytes, start, end)) continue;
      this.#last = index;
      return this.#idOf[index]!;
    }
    return -1;
  }

  #isAt(index: number, bytes: Uint8Array, start: number, end: number): boolean {
    const text = this.#texts[index];
    if (text === undefined || text.length !== end - start) return false;
    for (let i = 0; i < text.length; i++) if (text[i] !== bytes[start + i]) return false;
    return true;
  }
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = FNV_START;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, FNV_PRIME);
  return hash >>> 0;
}
