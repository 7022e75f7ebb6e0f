/** How long to wait before the next connection. */
export interface BackOffOptions {
  /** The first wait is 0 to so many ms, by chance; each further one has twice this bound. Default: 1000. */
  readonly firstMs?: number | undefined;
  /** The bound grows no further than this, in ms. Default: 60000. */
  readonly msMax?: number | undefined;
  /** The waits begin anew once a connection has given rows for so many ms. Default: 60000. */
  readonly stableMs?: number | undefined;
}

const FIRST_MS = 1_000;
const MS_MAX = 60_000;
const STABLE_MS = 60_000;

/**
 * Waits between connections: by chance from nothing up to a bound (full jitter), so that those who lost their
 * connections together do not come back together. Only rows over a stable time make the waits short again: a supplier
 * that accepts connections and drops them is not asked more and more often.
 */
export class BackOff {
  readonly #firstMs: number;
  readonly #msMax: number;
  readonly #stableMs: number;
  readonly #random: () => number;
  #failures = 0;
  /** When the first rows of this connection came, in ms of a monotonic clock. */
  #rowsSinceMs = Number.NaN;

  constructor(
    { firstMs = FIRST_MS, msMax = MS_MAX, stableMs = STABLE_MS }: BackOffOptions,
    random: () => number,
  ) {
    this.#firstMs = firstMs;
    this.#msMax = msMax;
    this.#stableMs = stableMs;
    this.#random = random;
  }

  /** Whether the next wait is longer than the first: only then does `rows` have to be told. */
  get isBackingOff(): boolean {
    return this.#failures > 0;
  }

  /** Rows have come. */
  rows(nowMs: number): void {
    if (Number.isNaN(this.#rowsSinceMs)) this.#rowsSinceMs = nowMs;
    else if (nowMs - this.#rowsSinceMs >= this.#stableMs) this.#failures = 0;
  }

  /** A connection ended, or there was none. @returns Ms to wait, at least 1. */
  failed(): number {
    const boundMs = Math.min(this.#msMax, this.#firstMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 64);
    this.#rowsSinceMs = Number.NaN;
    return 1 + Math.floor(this.#random() * (boundMs - 1));
  }
}
