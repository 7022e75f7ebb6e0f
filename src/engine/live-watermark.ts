/** How long a lag is remembered: a minute of receiving, in steps. */
const STEP_NS = 5_000_000_000n;
const STEPS = 12;

/** How often a watermark is due. */
export const WATERMARK_EVERY_NS = 200_000_000n;

/**
 * The watermark of a live source: now, less what the source says that rows may be behind one another,
 * less the largest lag of receive behind event time that was seen in the last minute of receiving. By
 * receive time alone, a venue two seconds behind would always be late.
 *
 * A lag is a difference between a clock and event time, and only differences of lags count. So the
 * clock may be any that runs at the pace of time: the monotonic one, on which a wall clock that is set
 * has no hold. Where it stands behind the venue's, the lag is negative.
 */
export class LiveWatermark {
  readonly #maxDelayNs: bigint;
  /** The largest lag of each step, in a ring. */
  readonly #lags = new BigInt64Array(STEPS);
  /** Of the ring, which hold a lag. */
  readonly #isSeen: boolean[] = new Array(STEPS).fill(false);
  /** The step that rows were last received in. */
  #step: bigint | undefined;
  #at: bigint | undefined;
  #dueAt = 0n;

  /** @param maxDelayNs - How far rows may be behind those before them. */
  constructor(maxDelayNs: number) {
    this.#maxDelayNs = BigInt(maxDelayNs);
  }

  /**
   * Rows were received.
   *
   * @param now - On the clock.
   * @param leastNs - The least of their event times.
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

  /** The stream itself told a watermark of all symbols: no lesser one is worth telling. */
  heed(at: bigint): void {
    if (this.#at === undefined || at > this.#at) this.#at = at;
  }

  /** The last one that was told, or is known from the stream; `undefined`: none yet. */
  get at(): bigint | undefined {
    return this.#at;
  }

  /** Nothing was received for a while, for want of a reader: what comes next may be as much older. */
  standStill(ns: bigint): void {
    for (let place = 0; place < STEPS; place++) if (this.#isSeen[place]) this.#lags[place]! += ns;
  }

  /**
   * The watermark that is to be told now; `undefined` if none is due, no row was received yet, or it
   * would tell nothing new.
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

  /** Only receiving lets old lags go: those before a silence are the best guess in it. */
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
