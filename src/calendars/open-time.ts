/** When a market is open: `openBetween` of a calendar. */
export interface MarketHours {
  openBetween(from: bigint, to: bigint): bigint | undefined;
}

/**
 * Measures open session: time passes on the monotonic clock, and the calendar says for how much of it the market was
 * open. So neither a night nor a clock that is set counts as silence. Time of which nobody knows whether the market
 * was open is counted, and remembered as such.
 */
export class OpenTime {
  /** `undefined`: no hours are known at all. */
  readonly #hours: MarketHours | undefined;
  #lookedAt: bigint;
  #openNs = 0n;
  #wasClosed = false;
  /** Where the last stretch ended that nobody knows of, in open time. */
  #unknownToNs = -1n;

  /** @param now - On the monotonic clock. */
  constructor(hours: MarketHours | undefined, now: bigint) {
    this.#hours = hours;
    this.#lookedAt = now;
  }

  /** Open session up to the last `pass`, in ns. */
  get ns(): bigint {
    return this.#openNs;
  }

  /**
   * Time has passed.
   *
   * @param now - On the monotonic clock.
   * @param wall - Ns since 1970 UTC.
   * @returns Open session so far, in ns.
   */
  pass(now: bigint, wall: bigint): bigint {
    const passed = now - this.#lookedAt;
    if (passed <= 0n) return this.#openNs; // of a time that is left out
    this.#lookedAt = now;
    const open = this.#hours?.openBetween(wall - passed, wall);
    this.#openNs += open ?? passed;
    this.#wasClosed = open === 0n;
    if (open === undefined) this.#unknownToNs = this.#openNs;
    return this.#openNs;
  }

  /** Leaves out the time up to an instant. */
  skipTo(now: bigint): void {
    this.#lookedAt = now;
  }

  /** Leaves out the next time that passes. */
  skip(ns: bigint): void {
    this.#lookedAt += ns;
  }

  /**
   * Whether all of the time since then is known to be open session.
   *
   * @param sinceNs - In open time.
   */
  isKnownSince(sinceNs: bigint | number): boolean {
    return sinceNs >= this.#unknownToNs;
  }

  /** Whether the market was closed all the time from the `pass` before the last one on. */
  get wasClosed(): boolean {
    return this.#wasClosed;
  }

  /** When so much more may have passed at the earliest, on the monotonic clock. */
  earliestAt(ns: bigint): bigint {
    return this.#lookedAt + ns;
  }
}
