/** What calls wait for at a gate, and how long they have. */
export class GateWaits {
  breakerPauses = 0;
  breakerPausedNs = 0n;
  budgetWaits = 0;
  budgetWaitedNs = 0n;
  retries = 0;
  /** The latest last. */
  readonly #pauses = new Set<{ readonly reason: string }>();

  /** Why a call waits at the moment, beyond a budget's own pace. */
  get pausedBy(): string | undefined {
    return [...this.#pauses].at(-1)?.reason;
  }

  async pause<T>(reason: string, wait: () => Promise<T>): Promise<T> {
    const pause = { reason };
    this.#pauses.add(pause);
    try {
      return await wait();
    } finally {
      this.#pauses.delete(pause);
    }
  }
}
