import { RUN_CELL } from '../../shared-memory/breaker-memory.js';
import { glance } from '../../shared-memory/glance.js';

const COUNT_MASK = 0xf_ffff;
const EPOCH_SHIFT = 20;

/** Failures in a row over all threads, in the order in which they are counted. */
export class FailureRun {
  readonly #words: Int32Array;
  readonly #limit: number;

  constructor(words: Int32Array, limit: number) {
    this.#words = words;
    this.#limit = limit;
  }

  /**
   * Whether a success in this epoch, which is the current one, changes nothing. A failure at the same time
   * may be missed: then the success came before it.
   */
  isQuiet(epoch: number): boolean {
    return glance(this.#words, RUN_CELL) === epoch << EPOCH_SHIFT;
  }

  /** The failures counted so far in this epoch. */
  count(epoch: number): number {
    const run = Atomics.load(this.#words, RUN_CELL);
    return isOfEpoch(run, epoch) ? run & COUNT_MASK : 0;
  }

  /** Sets the run of an epoch. Called before the epoch begins. */
  begin(epoch: number, count: number): void {
    Atomics.store(this.#words, RUN_CELL, (epoch << EPOCH_SHIFT) | Math.min(count, COUNT_MASK));
  }

  /** @returns Whether the limit is reached. An outcome from another epoch is not counted. */
  record(epoch: number, failed: boolean): boolean {
    let run = Atomics.load(this.#words, RUN_CELL);
    for (;;) {
      if (!isOfEpoch(run, epoch)) return false;
      const count = run & COUNT_MASK;
      if (!failed && count === 0) return false; // the usual case: nothing is written
      const next = failed ? run + Number(count < COUNT_MASK) : run - count;
      const found = Atomics.compareExchange(this.#words, RUN_CELL, run, next);
      if (found === run) return failed && count + 1 >= this.#limit;
      run = found;
    }
  }
}

const isOfEpoch = (run: number, epoch: number): boolean =>
  run >>> EPOCH_SHIFT === (epoch << EPOCH_SHIFT) >>> EPOCH_SHIFT;
