import type { Clock, TimerHandle } from '../core/clock.js';
import type { PreparedThread, Threads } from '../hosts/threads.js';
import type { ThreadNeeds } from '../wire/thread-needs.js';

/**
 * How long before a run its thread is made ready. It takes some 50 ms on a machine with nothing else to do, ten times
 * as long on a busy one; and a thread that waits takes some 10 MB.
 */
const LEAD_MS = 1_000;

/** Has a thread made ready while a job waits for its next run, so that the run begins as soon as the wait is over. */
export class NextThread {
  readonly #clock: Clock;
  readonly #threads: Threads;
  #timer: TimerHandle | undefined;
  #prepared: PreparedThread | undefined;

  constructor(clock: Clock, threads: Threads) {
    this.#clock = clock;
    this.#threads = threads;
  }

  /** A run will begin after so many ms. Does nothing where threads cannot be made ready. */
  expectIn(waitMs: number, needs: ThreadNeeds): void {
    this.cancel();
    const { prepare } = this.#threads;
    if (!prepare) return;
    const begin = () => {
      this.#timer = undefined;
      this.#prepared = prepare.call(this.#threads, needs);
    };
    if (waitMs > LEAD_MS) this.#timer = this.#clock.setTimeout(begin, waitMs - LEAD_MS);
    else begin();
  }

  /** The run begins. Answers with its thread, if one was made ready. */
  take(): PreparedThread | undefined {
    const prepared = this.#prepared;
    this.#prepared = undefined;
    this.cancel();
    return prepared;
  }

  /** No run follows. */
  cancel(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#prepared?.release();
    this.#prepared = undefined;
  }
}
