import { availableParallelism } from 'node:os';
import { PipelineError } from '../core/errors.js';

/** Concurrent threads: each may use a whole processor and `maxHeapMb` until its deadline. */
const THREADS_MAX = Math.max(1, Math.min(4, availableParallelism()));
/** Requests that may wait for a thread. */
const WAITING_MAX = 1_000;

/** Room for one thread. */
export interface PlanningSlot {
  /** Releases the room. Call it once the thread is gone. */
  free(): void;
  /** Marks a thread that was terminated but has not exited. It keeps its room until it is gone. */
  markStuck(title: string): void;
}

interface Waiter {
  readonly owner: object;
  resolve(slot: PlanningSlot): void;
  reject(error: PipelineError): void;
}

/** Bounds how many threads load user code at the same time, over all runtimes that share it. */
export class PlanningSlots {
  readonly #max: number;
  #taken = 0;
  /** Served in order of arrival. */
  #waiting: Waiter[] = [];
  /** The threads that do not exit, each with the title of its request. */
  readonly #stuck = new Map<PlanningSlot, string>();

  constructor(max = THREADS_MAX) {
    this.#max = max;
  }

  /**
   * Waits for room for one more thread.
   *
   * @param owner - Identifies the caller to `giveUp`.
   * @throws {PipelineError} `MODULE_INVALID` if no thread will become free, or too many requests wait.
   */
  async take(owner: object): Promise<PlanningSlot> {
    if (this.#taken < this.#max) {
      this.#taken++;
      return this.#slot();
    }
    if (this.#stuck.size === this.#max) throw this.#allStuck();
    if (this.#waiting.length >= WAITING_MAX) {
      const message = `${WAITING_MAX} modules wait to be checked already: submit their specs later`;
      throw new PipelineError('MODULE_INVALID', message, { retryable: true });
    }
    return new Promise((resolve, reject) => this.#waiting.push({ owner, resolve, reject }));
  }

  /** Rejects all waiting requests of an owner. */
  giveUp(owner: object, error: PipelineError): void {
    const given = this.#waiting.filter((waiter) => waiter.owner === owner);
    this.#waiting = this.#waiting.filter((waiter) => waiter.owner !== owner);
    for (const { reject } of given) reject(error);
  }

  #slot(): PlanningSlot {
    let isFree = false;
    const slot: PlanningSlot = {
      free: () => {
        if (isFree) return;
        isFree = true;
        this.#stuck.delete(slot);
        const next = this.#waiting.shift();
        if (next) next.resolve(this.#slot());
        else this.#taken--;
      },
      markStuck: (title) => {
        if (isFree) return;
        this.#stuck.set(slot, title);
        if (this.#stuck.size < this.#max) return;
        for (const { reject } of this.#waiting.splice(0)) reject(this.#allStuck());
      },
    };
    return slot;
  }

  #allStuck(): PipelineError {
    const titles = [...this.#stuck.values()].join(', ');
    return new PipelineError(
      'MODULE_INVALID',
      `no thread is left to load it in: those of ${titles} were told to end, but did not (a system call, or native ` +
        'code). Fix these modules and restart the process',
    );
  }
}

/** The slots of this process: all of its runtimes share its processors and memory. */
export const processSlots = new PlanningSlots();
