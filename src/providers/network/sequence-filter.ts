/**
 * Leaves out what has been seen, by sequence: for rows that two connections deliver. Holds one number for each symbol.
 */
export class SequenceFilter {
  readonly #last: number[] = [];

  /**
   * Whether a row is new; if so, it counts as seen. Sequences have to grow.
   *
   * @param symbolId - As `writer.symbolId` gives it.
   */
  isNew(symbolId: number, sequence: number): boolean {
    const last = this.#last[symbolId];
    if (last !== undefined && sequence <= last) return false;
    while (this.#last.length < symbolId) this.#last.push(Number.NEGATIVE_INFINITY); // no holes: it stays a plain list
    this.#last[symbolId] = sequence;
    return true;
  }

  /**
   * Looks at the last row of a symbol that was new.
   * @returns Its sequence as a whole number; `undefined` before the first.
   */
  last(symbolId: number): number | undefined {
    const last = this.#last[symbolId];
    return last === Number.NEGATIVE_INFINITY ? undefined : last;
  }

  /** Begins a symbol anew, as after a reset of its numbers. Without an id, all of them. */
  forget(symbolId?: number): void {
    if (symbolId === undefined) this.#last.length = 0;
    else if (symbolId < this.#last.length) this.#last[symbolId] = Number.NEGATIVE_INFINITY;
  }
}
