/** A time in which all sources are down, or open only to fail again without a row. On the monotonic clock. */
export class Outage {
  readonly #maxNs: bigint | undefined;
  #since: bigint | undefined;

  /** @param maxNs - How long it may last. `undefined`: without end. */
  constructor(maxNs: number | undefined) {
    this.#maxNs = maxNs === undefined ? undefined : BigInt(maxNs);
  }

  /** When it has lasted too long; `undefined` if it may go on. */
  get tooLongAt(): bigint | undefined {
    return this.#since === undefined || this.#maxNs === undefined ? undefined : this.#since + this.#maxNs;
  }

  /** Nothing works. Told again and again, it counts from the first time. */
  goesOn(now: bigint): void {
    this.#since ??= now;
  }

  /** A source works. */
  end(): void {
    this.#since = undefined;
  }

  /** Time in which nobody listened does not count. */
  standStill(ns: bigint): void {
    if (this.#since !== undefined) this.#since += ns;
  }
}
