/** When a market is open: a calendar. */
export interface MarketHours {
  /** `undefined`: not all of it is known. */
  openBetween(from: bigint, to: bigint): bigint | undefined;
  /** What is known of it. */
  knownOpenBetween(from: bigint, to: bigint): bigint;
}

/**
 * Measures open session: time passes on the monotonic clock, and the calendar says for how much of it the market was
 * open. So neither a night nor a clock that is set counts as silence. Time of which nobody knows whether the market
 * was open is measured apart: the market was open for `knownNs` at least, and for `ns` at most.
 */
export class OpenTime {
  /** `undefined`: no hours are known at all. */
  readonly #hours: MarketHours | undefined;
  #lookedAt: bigint;
  #openNs = 0n;
  #knownNs = 0n;
  #wasClosed = false;

  /** @param now - On the monotonic clock. */
  constructor(hours: MarketHours | undefined, now: bigint) {
    this.#hours = hours;
    this.#lookedAt = now;
  }

  /** Open session up to the last `pass`, in ns, with all time that may have been one. */
  get ns(): bigint {
    return this.#openNs;
  }

  /** The part of it that is known to have been open session. */
  get knownNs(): bigint {
    return this.#knownNs;
  }

  /**
   * Time has passed.
   *
   * @param now - On the monotonic clock.
   * @param wall - Ns since 1970 UTC.
   * @returns `ns`.
   */
  pass(now: bigint, wall: bigint): bigint {
    const passed = now - this.#lookedAt;
    if (passed <= 0n) return this.#openNs; // of a time that is left out
    this.#lookedAt = now;
    const open = this.#hours?.openBetween(wall - passed, wall);
    const known = open ?? this.#hours?.knownOpenBetween(wall - passed, wall) ?? 0n;
    this.#openNs += open ?? passed;
    this.#knownNs += known;
    this.#wasClosed = known === 0n;
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

  /** Whether the market was at no time known to be open from the `pass` before the last one on. */
  get wasClosed(): boolean {
    return this.#wasClosed;
  }

  /** When so much more may have passed at the earliest, on the monotonic clock. */
  earliestAt(ns: bigint): bigint {
    return this.#lookedAt + ns;
  }
}
