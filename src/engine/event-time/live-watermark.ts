/** A lag is remembered for a minute of receiving, in steps of five seconds. */
const STEP_NS = 5_000_000_000n;
const STEPS = 12;

/** How often a watermark is due. */
export const WATERMARK_EVERY_NS = 200_000_000n;

/**
 * The watermark of a live source: now, minus the source's `maxDelay`, minus the largest lag of receive
 * time behind event time in the last minute of receiving. Without the lag, rows of a venue that is two
 * seconds behind would always be late.
 *
 * A lag is the difference between a clock and event time, and only differences between lags matter. So
 * it uses the monotonic clock, which is not affected when the wall clock is set. If the clock is behind
 * that of the venue, the lag is negative.
 */
export class LiveWatermark {
  readonly #maxDelayNs: bigint;
  /** Ring of the largest lag in each step. */
  readonly #lags = new BigInt64Array(STEPS);
  /** Which entries of the ring hold a lag. */
  readonly #isSeen: boolean[] = new Array(STEPS).fill(false);
  /** The step in which rows were last received. */
  #step: bigint | undefined;
  #at: bigint | undefined;
  #dueAt = 0n;

  /** @param maxDelayNs - How far a row may be behind earlier rows. */
  constructor(maxDelayNs: number) {
    this.#maxDelayNs = BigInt(maxDelayNs);
  }

  /**
   * Called when rows were received.
   *
   * @param now - On the monotonic clock.
   * @param leastNs - The earliest of their event times.
   */
  receive(now: bigint, leastNs: bigint): void {
    const step = now / STEP_NS;
    this.#forget(step);
    const place = Number(step % BigInt(STEPS));
    const lag = now - leastNs;
    if (!this.#isSeen[place] || lag > this.#lags[place]!) this.#lags[place] = lag;
    this.#isSeen[place] = true;
    this.#step = step;
  }

  /** Called for a watermark of all symbols in the stream itself; later watermarks must be higher. */
  heed(at: bigint): void {
    if (this.#at === undefined || at > this.#at) this.#at = at;
  }

  /** The last watermark that was emitted, or seen in the stream; `undefined` if there is none yet. */
  get at(): bigint | undefined {
    return this.#at;
  }

  /** Called after nothing was read for a while: the next rows may be older by that time. */
  standStill(ns: bigint): void {
    for (let place = 0; place < STEPS; place++) if (this.#isSeen[place]) this.#lags[place]! += ns;
  }

  /**
   * Returns the watermark to emit now; `undefined` if none is due, if no row was received yet, or if it
   * is not higher than the last.
   */
  next(now: bigint): bigint | undefined {
    const lag = this.#largestLag();
    if (lag === undefined || now < this.#dueAt) return undefined;
    const at = now - this.#maxDelayNs - lag;
    if (this.#at !== undefined && at <= this.#at) return undefined;
    this.#at = at;
    this.#dueAt = now + WATERMARK_EVERY_NS;
    return at;
  }

  /** Drops old lags. Called only on receiving: during a silence, the lags from before are the best guess. */
  #forget(step: bigint): void {
    const passed = this.#step === undefined ? 0n : step - this.#step;
    for (let i = 0n; i < passed && i < BigInt(STEPS); i++) {
      this.#isSeen[Number((step - i) % BigInt(STEPS))] = false;
    }
  }

  #largestLag(): bigint | undefined {
    let largest: bigint | undefined;
    for (let place = 0; place < STEPS; place++) {
      if (this.#isSeen[place] && (largest === undefined || this.#lags[place]! > largest)) {
        largest = this.#lags[place];
      }
    }
    return largest;
  }
}
