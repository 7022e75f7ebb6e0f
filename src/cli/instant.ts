/** An instant, which a plain number of 64 bits is not. */
export class Instant {
  readonly #ns: bigint;

  /** @param ns - Since 1970 UTC. */
  constructor(ns: bigint) {
    this.#ns = ns;
  }

  /** ISO 8601 with nine decimals, or the number where no calendar goes that far. */
  toString(): string {
    const subMillis = ((this.#ns % 1_000_000n) + 1_000_000n) % 1_000_000n;
    const date = new Date(Number((this.#ns - subMillis) / 1_000_000n));
    if (Number.isNaN(date.getTime())) return `${this.#ns} ns`;
    return `${date.toISOString().slice(0, -1)}${String(subMillis).padStart(6, '0')}Z`;
  }
}
