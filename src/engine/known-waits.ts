/**
 * Waits that are no lack of progress, of all stages of a pipeline: until a failed call is tried again, until a disk has
 * room, until a consumer has taken rows. While one is in progress, the watchdog takes no stage of it to be stalled.
 */
export class KnownWaits {
  #inProgress = 0;

  get areNone(): boolean {
    return this.#inProgress === 0;
  }

  /** @returns What the wait settles with. */
  async during<T>(wait: Promise<T>): Promise<T> {
    this.#inProgress++;
    try {
      return await wait;
    } finally {
      this.#inProgress--;
    }
  }
}
