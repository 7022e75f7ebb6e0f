import type { Clock, TimerHandle } from '../core/clock.js';
import { type ErrorCode, PipelineError } from '../core/errors.js';
import type { Logger } from '../telemetry/logger.js';
import { blame } from './blame.js';
import type { Stage } from './stage.js';

/** A stage, its name in errors, and the code of its unexpected errors. */
export interface StageInLife {
  readonly name: string;
  readonly code: ErrorCode;
  readonly stage: Stage;
  /** The `StartStep` passed to `onOpening`. */
  readonly step: number;
}

export interface StageLifecycleSettings {
  readonly clock: Clock;
  readonly log: Logger;
  /** Time limit for the `open` of each stage. If `undefined`, the caller must enforce its own limit. */
  readonly openDeadlineMs: number | undefined;
  onOpening(step: number): void;
}

/** How long an `open` in progress may continue after the run is stopped. */
const GRACE_MS = 1_000;

/**
 * Opens stages one after another, and closes all of them, even if some fail. If an `open` does not settle
 * by the deadline, or after a stop, the run continues without it, and the stage is closed once it settles.
 */
export class StageLifecycle {
  readonly #stages: readonly StageInLife[];
  readonly #last: StageInLife;
  readonly #settings: StageLifecycleSettings;
  #isInterrupted = false;
  #onInterrupt: (() => void) | undefined;
  #leftBehind: { readonly stage: Stage; readonly opening: Promise<void> } | undefined;

  /**
   * @param stages - In the order of opening; they are closed in reverse.
   * @param last - Opened last, and also closed last.
   */
  constructor(stages: readonly StageInLife[], last: StageInLife, settings: StageLifecycleSettings) {
    this.#stages = stages;
    this.#last = last;
    this.#settings = settings;
  }

  /** Opens no further stage, and waits only briefly for the one that is opening. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.#onInterrupt?.();
  }

  /**
   * Opens all stages; resolves early after `interrupt`.
   * @throws What a stage throws; {PipelineError} with its code if it does not open in time.
   */
  async open(): Promise<void> {
    const { clock, onOpening, openDeadlineMs } = this.#settings;
    for (const { name, code, stage, step } of [...this.#stages, this.#last]) {
      if (this.#isInterrupted) return;
      if (!stage.open) continue;
      onOpening(step);
      const opening = blame(code, name, () => stage.open?.(), clock);
      if (await this.#settlesInTime(opening)) {
        await opening;
        continue;
      }
      this.#leftBehind = { stage, opening };
      if (this.#isInterrupted) return;
      throw new PipelineError(
        code,
        `${name} did not open within ${openDeadlineMs} ms; check whether what it opens answers, or raise "openDeadlineMs"`,
        { retryable: true },
      );
    }
  }

  /** Closes all stages. @returns The first error, if there was one. */
  async close(): Promise<unknown> {
    let first: unknown;
    for (const { name, code, stage } of [...this.#stages.toReversed(), this.#last]) {
      if (stage === this.#leftBehind?.stage) {
        this.#closeLater(name, stage, this.#leftBehind.opening);
        continue;
      }
      try {
        await blame(code, name, () => stage.close?.());
      } catch (error) {
        first ??= error;
      }
    }
    return first;
  }

  #settlesInTime(opening: Promise<void>): Promise<boolean> {
    const { clock, openDeadlineMs } = this.#settings;
    return new Promise((resolve) => {
      const finish = (inTime: boolean) => {
        clock.clearTimeout(timer);
        this.#onInterrupt = undefined;
        resolve(inTime);
      };
      let timer: TimerHandle;
      if (openDeadlineMs !== undefined) timer = clock.setTimeout(() => finish(false), openDeadlineMs);
      this.#onInterrupt = () => {
        clock.clearTimeout(timer);
        timer = clock.setTimeout(() => finish(false), GRACE_MS);
      };
      opening.then(
        () => finish(true),
        () => finish(true),
      );
    });
  }

  /** Closes a stage after its `open` has settled, never during it. */
  #closeLater(stage: string, of: Stage, opening: Promise<void>): void {
    const { log } = this.#settings;
    log.warn({ stage }, 'stage is still opening; it will be closed once it is open');
    opening
      .catch(() => undefined)
      .then(() => of.close?.())
      .catch((err: unknown) => log.error({ err, stage }, 'closing failed after a late opening'));
  }
}
