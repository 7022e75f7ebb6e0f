import { availableParallelism } from 'node:os';
import type { Clock } from '../core/clock.js';
import type { WireError } from '../core/errors.js';

const FAILURES_MAX = 5;
const HOLD_NS = 5_000_000_000n;

/**
 * Keeps starts of threads from doing harm. A thread that starts loads code for some 50 ms of a processor, so
 * only as many start at a time as there are processors: started all at once, hundreds would leave the main
 * thread no time for seconds. And a machine that cannot start threads does not try again and again: after
 * five failures in a row, only one start is allowed every five seconds, until a thread comes up.
 */
export class ThreadStartLimit {
  readonly #clock: Clock;
  readonly #startingMax: number;
  /** Those whose thread was asked for and has not begun. */
  readonly #starting = new Set<object>();
  #failures = 0;
  #last: { readonly error: WireError; readonly atNs: bigint } | undefined;

  /** @param startingMax - Threads that may start at a time. */
  constructor(clock: Clock, startingMax = availableParallelism()) {
    this.#clock = clock;
    this.#startingMax = startingMax;
  }

  /** Whether one more thread may start beside those that are starting. */
  get hasRoom(): boolean {
    return this.#starting.size < this.#startingMax;
  }

  /** Why no thread may be started now, however few are starting; `undefined` if one may. */
  refusal(): WireError | undefined {
    if (this.#failures < FAILURES_MAX || !this.#last) return undefined;
    const now = this.#clock.now();
    if (now - this.#last.atNs >= HOLD_NS) {
      this.#last = { ...this.#last, atNs: now };
      return undefined;
    }
    const message =
      `The last ${this.#failures} threads failed to start, so no new thread is started for now; ` +
      `the last one: ${this.#last.error.message}`;
    return { code: 'THREAD_NOT_STARTED', message, retryable: true };
  }

  /** A thread was asked for. */
  starts(job: object): void {
    this.#starting.add(job);
  }

  /** The thread has begun its task. */
  begun(job: object): void {
    this.#starting.delete(job);
    this.#failures = 0;
    this.#last = undefined;
  }

  /** The thread did not come up. */
  failed(job: object, error: WireError): void {
    this.#starting.delete(job);
    this.#failures++;
    this.#last = { error, atNs: this.#clock.now() };
  }

  /** The job no longer waits for its thread, which says nothing of whether threads come up. */
  leaves(job: object): void {
    this.#starting.delete(job);
  }
}
