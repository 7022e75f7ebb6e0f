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
 *
 * So a lag means nothing to another process, but the spread of lags does: after a restart, the first rows may
 * be those of the smallest lag, and others as far behind them as before.
 */
export class LiveWatermark {
  readonly #maxDelayNs: bigint;
  /** Rings of the largest and the smallest lag in each step. */
  readonly #lags = new BigInt64Array(STEPS);
  readonly #leastLags = new BigInt64Array(STEPS);
  /** Which entries of the rings hold a lag. */
  readonly #isSeen: boolean[] = new Array(STEPS).fill(false);
  /** The step in which rows were last received. */
  #step: bigint | undefined;
  #at: bigint | undefined;
  #dueAt = 0n;
  /** The spread of lags in an earlier start, as long as those would be remembered. */
  #earlierSpread = 0n;
  /** The largest lag that is possible by it, from the first lag on; and the step of that. */
  #possible: { lag: bigint; readonly step: bigint } | undefined;

  /** @param maxDelayNs - How far a row may be behind earlier rows. */
  constructor(maxDelayNs: number) {
    this.#maxDelayNs = BigInt(maxDelayNs);
  }

  /**
   * Called when rows were received.
   *
   * @param now - On the monotonic clock.
   * @param leastNs - The earliest of their event times.
   * @param greatestNs - The latest of them.
   */
  receive(now: bigint, leastNs: bigint, greatestNs = leastNs): void {
    const step = now / STEP_NS;
    this.#forget(step);
    const place = Number(step % BigInt(STEPS));
    const lag = now - leastNs;
    const leastLag = now - greatestNs;
    const isSeen = this.#isSeen[place];
    if (!isSeen || lag > this.#lags[place]!) this.#lags[place] = lag;
    if (!isSeen || leastLag < this.#leastLags[place]!) this.#leastLags[place] = leastLag;
    this.#isSeen[place] = true;
    this.#step = step;
    if (this.#earlierSpread > 0n) this.#possible ??= { lag: lag + this.#earlierSpread, step };
  }

  /** By how much the lags differ that are remembered, in ns. For the next start. */
  get spreadNs(): bigint {
    let largest: bigint | undefined;
    let least: bigint | undefined;
    for (let place = 0; place < STEPS; place++) {
      if (!this.#isSeen[place]) continue;
      if (largest === undefined || this.#lags[place]! > largest) largest = this.#lags[place]!;
      if (least === undefined || this.#leastLags[place]! < least) least = this.#leastLags[place]!;
    }
    const spread = largest === undefined || least === undefined ? 0n : largest - least;
    return spread > this.#earlierSpread ? spread : this.#earlierSpread;
  }

  /** Called before the first rows. @param spreadNs - `spreadNs` of an earlier start. */
  expectSpread(spreadNs: bigint): void {
    this.#earlierSpread = spreadNs;
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
    for (let place = 0; place < STEPS; place++) {
      if (!this.#isSeen[place]) continue;
      this.#lags[place]! += ns;
      this.#leastLags[place]! += ns;
    }
    if (this.#possible) this.#possible.lag += ns;
  }

  /**
   * Returns the watermark to emit now; `undefined` if none is due, if no row was received yet, or if it
   * is not higher than the last.
   *
   * @param max - What it may not pass.
   */
  next(now: bigint, max?: bigint): bigint | undefined {
    const lag = this.#largestLag();
    if (lag === undefined || now < this.#dueAt) return undefined;
    const byClock = now - this.#maxDelayNs - lag;
    const at = max !== undefined && max < byClock ? max : byClock;
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
    if (this.#possible && step - this.#possible.step >= BigInt(STEPS)) {
      this.#possible = undefined;
      this.#earlierSpread = 0n;
    }
  }

  #largestLag(): bigint | undefined {
    let largest = this.#possible?.lag;
    for (let place = 0; place < STEPS; place++) {
      if (this.#isSeen[place] && (largest === undefined || this.#lags[place]! > largest)) {
        largest = this.#lags[place];
      }
    }
    return largest;
  }
}
