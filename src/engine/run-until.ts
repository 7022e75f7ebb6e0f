import type { Clock, TimerHandle } from '../core/clock.js';
import { PipelineError } from '../core/errors.js';
import { type Nanos, toMillisCeil } from '../core/units.js';
import type { Counters } from '../shared-memory/counters.js';

export interface RunUntilParts {
  readonly counters: Pick<Counters, 'mayRunUntilNs'>;
  readonly clock: Clock;
  /** Called when the instant has passed while the run may be waiting; `throwIfPassed` throws the reason, too. */
  onPassed(error: unknown): void;
}

/**
 * Watches until when a run may deliver and commit: a lease counts for nothing once it may be another's. A busy run
 * looks at the instant itself. For one that waits there is a timer, from the first batch on that finds an instant.
 */
export class RunUntil {
  readonly #parts: RunUntilParts;
  #timer: TimerHandle;
  #failure: { readonly error: unknown } | undefined;
  #isClosed = false;

  constructor(parts: RunUntilParts) {
    this.#parts = parts;
  }

  get hasPassed(): boolean {
    return this.#failure !== undefined;
  }

  /** @throws {PipelineError} `LEASE_LOST` if the timer has found that the instant had passed. */
  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }

  /**
   * Called for each batch. The first call that finds an instant sets the timer.
   *
   * @throws {PipelineError} `LEASE_LOST` once the instant has passed.
   */
  throwIfPassed(): void {
    const { counters, clock } = this.#parts;
    if (counters.mayRunUntilNs === 0n) return;
    throwIfOver(counters, clock);
    if (this.#timer === undefined && !this.#isClosed) this.#arm();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== undefined) this.#parts.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    const { clock, counters } = this.#parts;
    this.#timer = undefined;
    const until = counters.mayRunUntilNs;
    if (until === 0n) return;
    this.#timer = clock.setTimeout(() => this.#look(), toMillisCeil((until - clock.now()) as Nanos));
  }

  #look(): void {
    const { counters, clock, onPassed } = this.#parts;
    try {
      throwIfOver(counters, clock);
      this.#arm(); // it was moved on
    } catch (error) {
      this.#timer = undefined;
      this.#failure = { error };
      onPassed(error);
    }
  }
}

/**
 * Called before each write of a sink, and before each step of a checkpoint.
 *
 * @throws {PipelineError} `LEASE_LOST` if the run may deliver and commit nothing any more.
 */
export function throwIfOver(counters: Pick<Counters, 'mayRunUntilNs'>, clock: Pick<Clock, 'now'>): void {
  const until = counters.mayRunUntilNs;
  if (until === 0n) return;
  const overNs = clock.now() - until;
  if (overNs < 0n) return;
  throw new PipelineError(
    'LEASE_LOST',
    `Expected the run to be allowed to go on, found its time over since ${toMillisCeil(overNs as Nanos)} ms: ` +
      'its lease was not renewed in time. It delivers and commits nothing more',
    { retryable: true },
  );
}
