/** Numbers this close are those of rows that were seen, however few there have been. */
const SEEN_WITHIN = 1_000;

/**
 * Whether a number that is not above the last one is that of a numbering that has begun anew, as on a test network that
 * was reset: it is below half of the last one. What two connections both deliver is seconds apart, and the numbers of a
 * symbol do not double in that time, unless there are next to none.
 */
export const beginsAnew = (last: number, sequence: number): boolean =>
  last - sequence > Math.max(SEEN_WITHIN, last / 2);

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

  /**
   * Whether a row that is not new is one of numbers that have begun anew: `forget` the symbol then, or it is mute until
   * they have passed the last one.
   */
  beginsAnew(symbolId: number, sequence: number): boolean {
    const last = this.#last[symbolId];
    return last !== undefined && beginsAnew(last, sequence);
  }

  /** Begins a symbol anew, as after a reset of its numbers. Without an id, all of them. */
  forget(symbolId?: number): void {
    if (symbolId === undefined) this.#last.length = 0;
    else if (symbolId < this.#last.length) this.#last[symbolId] = Number.NEGATIVE_INFINITY;
  }
}
