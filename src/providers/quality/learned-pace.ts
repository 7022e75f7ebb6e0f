const MINUTE_MS = 60_000;
/** How long a symbol is given while little is known of it. */
const UNKNOWN_MS = 10 * MINUTE_MS;
const LEAST_MS = MINUTE_MS;
const MOST_MS = 60 * MINUTE_MS;
/** Pauses that a symbol must have had before they are gone by. */
const PAUSES_MIN = 20;
/** A silence is this many times the longest pause. */
const TIMES_LONGEST = 5;
/** Pauses are remembered for one to two of these. */
const GENERATION_MS = 30 * MINUTE_MS;

/**
 * How long the pauses between the rows of each symbol are: it is silent after five times the longest one of the last
 * half to whole hour of open session, one minute at least and one hour at most. Until it has had twenty pauses, it is
 * after ten minutes. 17 bytes a symbol.
 */
export class LearnedPace {
  readonly #leastMs: number;
  readonly #unknownMs: number;
  readonly #longest: Float64Array;
  readonly #longestBefore: Float64Array;
  readonly #pauses: Uint8Array;
  #generationSinceMs = 0;

  /** @param leastMs - What no symbol is silent before, such as some bars. */
  constructor(symbols: number, leastMs = 0) {
    this.#leastMs = Math.max(LEAST_MS, leastMs);
    this.#unknownMs = Math.max(UNKNOWN_MS, leastMs);
    this.#longest = new Float64Array(symbols);
    this.#longestBefore = new Float64Array(symbols);
    this.#pauses = new Uint8Array(symbols);
  }

  afterMs(symbol: number): number {
    if (this.#pauses[symbol]! < PAUSES_MIN) return this.#unknownMs;
    const longest = Math.max(this.#longest[symbol]!, this.#longestBefore[symbol]!);
    return Math.max(this.#leastMs, Math.min(MOST_MS, TIMES_LONGEST * longest));
  }

  /**
   * A pause has ended with a row. One that was a silence counts as long as the silence that was told, so that an
   * outage is not learned, and a symbol that has become quiet is, step by step.
   */
  learn(symbol: number, pauseMs: number): void {
    const learned = Math.min(pauseMs, this.afterMs(symbol));
    if (learned > this.#longest[symbol]!) this.#longest[symbol] = learned;
    if (this.#pauses[symbol]! < PAUSES_MIN) this.#pauses[symbol]!++;
  }

  /** @param openMs - Open session so far. */
  pass(openMs: number): void {
    if (openMs - this.#generationSinceMs < GENERATION_MS) return;
    this.#generationSinceMs = openMs;
    this.#longestBefore.set(this.#longest);
    this.#longest.fill(0);
  }
}
