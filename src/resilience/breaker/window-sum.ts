/** Kinds of outcomes, in the order of their cells in a bucket. A slow one is also one of the others. */
export const SUCCEEDED = 0;
export const FAILED = 1;
export const SLOW = 2;

/**
 * A sum over the buckets of a time window that others write meanwhile, such that the rates read from it
 * are never higher than they were at some instant during the sum:
 *
 * - Slow calls are read first, then failures, and successes after all of these. Counts only grow within a
 *   tick, so by the time that the successes are read, there are at least as many as there were at the
 *   instant between. A call is written in the opposite order: the outcome, then that it was slow.
 * - A bucket that moves on to another tick between the two parts would take its successes with it. So
 *   all parts of the sum say when they find a tick that is later than that of the sum, or that a bucket
 *   was used anew: then the sum begins again, as of that tick. A thread that read the clock long ago is
 *   thus moved on to where the others are.
 */
export class WindowSum {
  epoch = 0;
  /** The last of the ten ticks. */
  tick = 0;
  succeeded = 0;
  failed = 0;
  slow = 0;

  begin(epoch: number, tick: number): void {
    this.epoch = epoch;
    this.tick = tick;
    this.#clear();
  }

  add(kind: number, count: number): void {
    if (kind === SUCCEEDED) this.succeeded += count;
    else if (kind === FAILED) this.failed += count;
    else this.slow += count;
  }

  /**
   * Begins again, as of a tick that another thread has come to.
   *
   * @returns `false`, for whoever returns it.
   */
  moveTo(tick: number): false {
    if (tick > this.tick) this.tick = tick;
    this.#clear();
    return false;
  }

  #clear(): void {
    this.succeeded = 0;
    this.failed = 0;
    this.slow = 0;
  }
}
