import { availableParallelism } from 'node:os';
import { PipelineError } from '../core/errors.js';

/** Threads at one time: each may take a processor and `maxHeapMb` for as long as its deadline. */
const THREADS_MAX = Math.max(1, Math.min(4, availableParallelism()));
/** Questions that wait for a thread. */
const WAITING_MAX = 1_000;

/** Room for one thread. */
export interface PlanningSlot {
  /** Once the thread is gone. */
  free(): void;
  /** The thread was told to end and does not: it keeps its room until it is gone. */
  markStuck(title: string): void;
}

interface Waiter {
  readonly owner: object;
  resolve(slot: PlanningSlot): void;
  reject(error: PipelineError): void;
}

/** Bounds how many threads load code of users at one time, whoever starts them. */
export class PlanningSlots {
  readonly #max: number;
  #taken = 0;
  /** First come first. */
  #waiting: Waiter[] = [];
  /** What the threads that do not end were asked about. */
  readonly #stuck = new Map<PlanningSlot, string>();

  constructor(max = THREADS_MAX) {
    this.#max = max;
  }

  /**
   * Waits for room for one more thread.
   *
   * @param owner - By whom it can be given up.
   * @throws {PipelineError} `MODULE_INVALID` where no thread will become free, or too many wait.
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

  /** Has whatever an owner waits for fail. */
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
      `no thread is left to load it in: those of ${titles} were told to end and do not (a system call, or native ` +
        'code). Mend these modules and start the process anew',
    );
  }
}

/** Of this process: its processors and its memory are shared by all of its runtimes. */
export const processSlots = new PlanningSlots();
