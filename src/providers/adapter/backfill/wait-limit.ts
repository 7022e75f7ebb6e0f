/** A gap of a symbol, or several that were found while an older one was open. */
interface FoundGap {
  /** When the first one was found. Moves on with the time that does not count. */
  since: bigint;
  /** How many rows had been held when the last one was found. */
  rows: number;
}

/**
 * How long the rows of a symbol have waited: since the oldest of its gaps that is open still, without the time in which
 * its history had to wait for others that moved on. Bounded: gaps that are found while an older one is open count as one.
 */
export class WaitLimit {
  #oldest: FoundGap;
  #later: FoundGap | undefined;
  #idleSince: bigint | undefined;

  /** @param now - On the monotonic clock, as for all of its functions. */
  constructor(now: bigint) {
    this.#oldest = { since: now, rows: 0 };
  }

  /** Whether the history cannot be asked now. */
  get isIdle(): boolean {
    return this.#idleSince !== undefined;
  }

  /** The history has to wait, for its turn or for room. */
  pause(now: bigint): void {
    this.#idleSince ??= now;
  }

  /** @param movedAt - Until when there was reason to wait: from then on, the time counts. */
  goOn(movedAt: bigint): void {
    const idleSince = this.#idleSince;
    this.#idleSince = undefined;
    if (idleSince === undefined) return;
    for (const gap of [this.#oldest, this.#later]) {
      if (!gap) continue;
      let from = idleSince;
      if (gap.since > from) from = gap.since; // found meanwhile
      if (movedAt > from) gap.since += movedAt - from;
    }
  }

  /**
   * A further gap.
   *
   * @param added - How many rows have been held so far.
   * @param waiting - How many of them wait still.
   */
  find(now: bigint, added: number, waiting: number): void {
    this.#pass(added - waiting);
    if (this.#isPassed(added - waiting)) this.#oldest = { since: now, rows: added };
    else if (this.#later) this.#later.rows = added;
    else this.#later = { since: now, rows: added };
  }

  /** Since when rows wait. */
  since(added: number, waiting: number): bigint {
    this.#pass(added - waiting);
    return this.#oldest.since;
  }

  /** A gap is filled once a row has left that was held behind it. */
  #pass(left: number): void {
    if (!this.#later || !this.#isPassed(left)) return;
    this.#oldest = this.#later;
    this.#later = undefined;
  }

  #isPassed(left: number): boolean {
    return left > this.#oldest.rows;
  }
}
