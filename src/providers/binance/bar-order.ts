/** The bars of each symbol in their order, over all connections: which are new, and which were left out. */
export class BarOrder {
  readonly #lengthMs: number;
  /** By id of the symbol. Beginning of the last bar that was delivered. */
  readonly #delivered = new Map<number, number>();
  /** Beginning of the bar that has to end next. */
  readonly #due = new Map<number, number>();

  /** @param lengthMs - Of a bar. */
  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  /**
   * A bar goes on, or has ended.
   *
   * @param timeMs - Its beginning, in ms since 1970 UTC.
   * @returns The beginning of the first bar before it that has not come, and then does not count as missing again; NaN
   *   if all have.
   */
  begin(symbol: number, timeMs: number): number {
    const due = this.#due.get(symbol);
    if (due !== undefined && timeMs <= due) return Number.NaN;
    this.#due.set(symbol, timeMs);
    return due ?? Number.NaN;
  }

  /** A bar has ended. @returns Whether it is later than all that have. */
  end(symbol: number, timeMs: number): boolean {
    const delivered = this.#delivered.get(symbol);
    if (delivered !== undefined && timeMs <= delivered) return false;
    this.#delivered.set(symbol, timeMs);
    this.#due.set(symbol, timeMs + this.#lengthMs);
    return true;
  }

  /** It was told that bars are missing: those are not told once more. */
  forgetDue(): void {
    this.#due.clear();
  }
}
