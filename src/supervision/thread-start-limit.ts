import { availableParallelism } from 'node:os';
import type { Clock, TimerHandle } from '../core/clock.js';
import type { WireError } from '../core/errors.js';

const FAILURES_MAX = 5;
const HOLD_NS = 5_000_000_000n;
/** Twice what a start takes on a machine with nothing else to do. */
const STARTING_MS = 100;

/**
 * Keeps starts of threads from doing harm. A thread that starts loads code for some 50 ms of a processor, so
 * only as many start at a time as there are processors: started all at once, hundreds would leave the main
 * thread no time for seconds. A start that takes longer no longer counts, since it does not have a processor to
 * itself: where running threads take all of them, each start takes seconds, however few there are at a time. And
 * a machine that cannot start threads does not try again and again: after five failures in a row, only one start
 * is allowed every five seconds, until a thread comes up.
 */
export class ThreadStartLimit {
  readonly #clock: Clock;
  readonly #startingMax: number;
  readonly #onRoom: () => void;
  /** Those whose thread was asked for a moment ago and has not begun, with the timer that ends the moment. */
  readonly #starting = new Map<object, TimerHandle>();
  #failures = 0;
  #holdTimer: TimerHandle | undefined;
  #last: { readonly error: WireError; readonly atNs: bigint } | undefined;

  /**
   * @param onRoom - Called when there may be room again: after each slow start, and after a hold.
   * @param startingMax - Threads that may start at a time.
   */
  constructor(clock: Clock, onRoom: () => void, startingMax = availableParallelism()) {
    this.#clock = clock;
    this.#onRoom = onRoom;
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

  /** Has `onRoom` called once a thread may be started again. Call it after a refusal. */
  wakeAfterHold(): void {
    if (!this.#last || this.#holdTimer !== undefined) return;
    const leftNs = this.#last.atNs + HOLD_NS - this.#clock.now();
    const onTime = () => {
      this.#holdTimer = undefined;
      this.#onRoom();
    };
    this.#holdTimer = this.#clock.setTimeout(onTime, Number(leftNs) / 1e6);
    this.#clock.unref?.(this.#holdTimer);
  }

  /** A thread was asked for. */
  starts(job: object): void {
    const onTime = () => {
      this.#starting.delete(job);
      this.#onRoom();
    };
    const timer = this.#clock.setTimeout(onTime, STARTING_MS);
    this.#clock.unref?.(timer);
    this.#starting.set(job, timer);
  }

  /** The thread has begun its task. */
  begun(job: object): void {
    this.leaves(job);
    this.#failures = 0;
    this.#last = undefined;
    this.#clock.clearTimeout(this.#holdTimer);
    this.#holdTimer = undefined;
  }

  /** The thread did not come up. */
  failed(job: object, error: WireError): void {
    this.leaves(job);
    this.#failures++;
    this.#last = { error, atNs: this.#clock.now() };
  }

  /** The job no longer waits for its thread, which says nothing of whether threads come up. */
  leaves(job: object): void {
    this.#clock.clearTimeout(this.#starting.get(job));
    this.#starting.delete(job);
  }
}
