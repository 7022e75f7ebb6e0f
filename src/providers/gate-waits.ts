/** What calls wait for at a gate, and for how long. */
export class GateWaits {
  breakerPauses = 0;
  breakerPausedNs = 0n;
  budgetWaits = 0;
  budgetWaitedNs = 0n;
  retries = 0;
  /** In order of their beginning; the latest is last. */
  readonly #pauses = new Set<{ readonly reason: string; readonly isByBreaker: boolean }>();

  /** Why a call is waiting now, beyond the normal pace of the budget. */
  get pausedBy(): string | undefined {
    return [...this.#pauses].at(-1)?.reason;
  }

  /** Why a call is waiting for the breaker now. */
  get heldByBreaker(): string | undefined {
    return [...this.#pauses].findLast(({ isByBreaker }) => isByBreaker)?.reason;
  }

  async pause<T>(reason: string, wait: () => Promise<T>, isByBreaker = false): Promise<T> {
    const pause = { reason, isByBreaker };
    this.#pauses.add(pause);
    try {
      return await wait();
    } finally {
      this.#pauses.delete(pause);
    }
  }
}
