/** Rows of a symbol that are remembered. */
const REMEMBERED = 64;

/**
 * The times of the rows that were fetched last, where rows have no numbers, and of those that were delivered before the
 * stream was begun. It may deliver some of these rows once more: those that were on their way when it began, and the
 * bar that was not over. Each uses up one.
 */
export class FetchedTimes {
  readonly #times = new Map<number, bigint[]>();
  /** The last instant of a symbol before the stream was begun: what is earlier was delivered. */
  readonly #begins = new Map<number, bigint>();
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

  /** The stream begins. @param rows - How many rows of the symbol were delivered at its last instant. */
  begin(symbol: number, time: bigint, rows: number): void {
    this.#begins.set(symbol, time);
    this.#times.set(symbol, new Array<bigint>(Math.min(rows, REMEMBERED)).fill(time));
  }

  add(symbol: number, time: bigint): void {
    const times = this.#times.get(symbol) ?? [];
    if (times.length === 0) this.#times.set(symbol, times);
    times.push(time);
    if (times.length > REMEMBERED) times.shift();
  }

  /** A row comes. @returns Whether it was fetched, or delivered. */
  use(symbol: number, time: bigint): boolean {
    const times = this.#times.get(symbol);
    if (!times) return false;
    const at = times.indexOf(time);
    const begin = this.#begins.get(symbol);
    const isKnown = at >= 0 || (begin !== undefined && time < begin - this.#maxDelayNs);
    if (at >= 0) times.splice(at, 1);
    if (isKnown) this.#used++;
    const last = latest(times.at(-1), begin);
    if (last === undefined || time > last + this.#maxDelayNs) {
      this.#times.delete(symbol);
      this.#begins.delete(symbol);
    }
    return isKnown;
  }
}

const latest = (a: bigint | undefined, b: bigint | undefined): bigint | undefined =>
  a === undefined || (b !== undefined && b > a) ? b : a;
