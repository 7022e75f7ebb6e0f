/** An instant. A class, so that it is not printed as a plain 64-bit number. */
export class Instant {
  readonly #ns: bigint;

  /** @param ns - Nanoseconds since 1970 UTC. */
  constructor(ns: bigint) {
    this.#ns = ns;
  }

  /** ISO 8601 with nine decimals, or the number of nanoseconds if it is outside the calendar's range. */
  toString(): string {
    const subMillis = ((this.#ns % 1_000_000n) + 1_000_000n) % 1_000_000n;
    const date = new Date(Number((this.#ns - subMillis) / 1_000_000n));
    if (Number.isNaN(date.getTime())) return `${this.#ns} ns`;
    return `${date.toISOString().slice(0, -1)}${String(subMillis).padStart(6, '0')}Z`;
  }
}
