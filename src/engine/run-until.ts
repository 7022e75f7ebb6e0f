import type { Clock, TimerHandle } from '../core/clock.js';
import { PipelineError } from '../core/errors.js';
import { type Nanos, toMillisCeil } from '../core/units.js';
import type { Counters } from '../shared-memory/counters.js';

/** Longest time between two looks at the instant of a run that waits. */
const LOOK_MS = 1_000;

export interface RunUntilParts {
  readonly counters: Pick<Counters, 'mayRunUntilNs'>;
  readonly clock: Clock;
  /** Called when the instant has passed while the run may be waiting; `throwIfPassed` throws the reason, too. */
  onPassed(error: unknown): void;
}

/**
 * Watches until when a run may deliver and commit: a lease counts for nothing once it may be another's. A busy run
 * looks at the instant itself. For one that waits, or opens, there is a timer. It looks at the instant, and each second,
 * since the instant may be set, or moved back, without a message.
 */
export class RunUntil {
  readonly #parts: RunUntilParts;
  #timer: TimerHandle;
  #failure: { readonly error: unknown } | undefined;

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

  /** Begins to watch, until `close`. */
  start(): void {
    this.#arm();
  }

  /**
   * Called for each batch.
   *
   * @throws {PipelineError} `LEASE_LOST` once the instant has passed.
   */
  throwIfPassed(): void {
    throwIfOver(this.#parts.counters, this.#parts.clock);
  }

  close(): void {
    if (this.#timer !== undefined) this.#parts.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(): void {
    const { clock, counters } = this.#parts;
    const until = counters.mayRunUntilNs;
    const leftMs = until === 0n ? LOOK_MS : toMillisCeil((until - clock.now()) as Nanos);
    this.#timer = clock.setTimeout(() => this.#look(), Math.min(LOOK_MS, Math.max(0, leftMs)));
    clock.unref?.(this.#timer);
  }

  #look(): void {
    const { counters, clock, onPassed } = this.#parts;
    try {
      throwIfOver(counters, clock);
      this.#arm();
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
