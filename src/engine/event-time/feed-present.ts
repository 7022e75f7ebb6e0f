/** A time further in the future is a wrong one, and no difference of clocks. */
const AHEAD_MS_MAX = 60_000;
/** Rows are on their way so long; only what is behind by more is delayed. */
const ON_THE_WAY_MS = 1_000;
/** How far the lags of a delayed feed may be apart. */
const NEAR_MS = 10_000;
/** How long rows have to come with such a lag: one old row, such as the last trade of a quiet symbol, shows none. */
const STEADY_MS = 1_000;

/**
 * What the present is in the event time of a feed: the clock of this host, moved by what the clock of the supplier is
 * ahead of it, or by what a delayed feed is behind. It goes by the newest row that has come so far.
 */
export class FeedPresent {
  /** Of the newest row in proportion to when it was received; less than 0 if it is behind. */
  #aheadMs = Number.NEGATIVE_INFINITY;
  /** When the first row with about that lag was received. */
  #sinceMs = 0;
  #isSteady = false;

  /** A row has come. Allocates nothing. */
  row(timeMs: number, receivedMs: number): void {
    const aheadMs = timeMs - receivedMs;
    if (!(aheadMs < AHEAD_MS_MAX)) return;
    if (aheadMs > this.#aheadMs) {
      if (aheadMs > this.#aheadMs + NEAR_MS) {
        this.#sinceMs = receivedMs;
        this.#isSteady = false;
      }
      this.#aheadMs = aheadMs;
    }
    if (!this.#isSteady && aheadMs >= this.#aheadMs - NEAR_MS) {
      this.#isSteady = receivedMs - this.#sinceMs >= STEADY_MS;
    }
  }

  /** The event time of an instant of this host, in ms since 1970: what has happened later has come later. */
  at(hostMs: number): number {
    if (this.#aheadMs >= 0) return hostMs + this.#aheadMs;
    return this.#isDelayed ? hostMs + this.#aheadMs + ON_THE_WAY_MS : hostMs;
  }

  /** As `at`, in ns. */
  atNs(hostNs: bigint): bigint {
    const hostMs = Number(hostNs / 1_000_000n);
    return hostNs + nanosOf(this.at(hostMs) - hostMs);
  }

  /** An event time before which nothing has come later than an instant of this host, in ns. Not after that instant. */
  sinceNs(hostNs: bigint): bigint {
    return this.#isDelayed ? hostNs + nanosOf(this.#aheadMs) : hostNs;
  }

  get #isDelayed(): boolean {
    return this.#isSteady && this.#aheadMs < -ON_THE_WAY_MS;
  }
}

const nanosOf = (ms: number): bigint => BigInt(Math.round(ms * 1e6));
