/** Rows of a symbol that are remembered. */
const REMEMBERED = 64;

/**
 * The times of the rows that were fetched last, where rows have no numbers. The stream may deliver some of these rows
 * once more: those that were on their way when it began, and the bar that was not over. Each uses up one.
 */
export class FetchedTimes {
  readonly #times = new Map<number, bigint[]>();
  readonly #maxDelayNs: bigint;
  #used = 0;

  /** @param maxDelayNs - How far a row may be behind earlier rows of its symbol, in time. */
  constructor(maxDelayNs: bigint) {
    this.#maxDelayNs = maxDelayNs;
  }

  get isEmpty(): boolean {
    return this.#times.size === 0;
  }

  /** Rows that came twice. */
  get used(): number {
    return this.#used;
  }

  add(symbol: number, time: bigint): void {
    const times = this.#times.get(symbol) ?? [];
    if (times.length === 0) this.#times.set(symbol, times);
    times.push(time);
    if (times.length > REMEMBERED) times.shift();
  }

  /** A row comes. @returns Whether it was fetched. */
  use(symbol: number, time: bigint): boolean {
    const times = this.#times.get(symbol);
    if (!times) return false;
    const at = times.indexOf(time);
    if (at >= 0) {
      times.splice(at, 1);
      this.#used++;
    }
    const last = times.at(-1);
    if (last === undefined || time > last + this.#maxDelayNs) this.#times.delete(symbol);
    return at >= 0;
  }
}
