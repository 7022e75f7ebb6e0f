import type { Clock, TimerHandle } from '../core/clock.js';
import { type ErrorCode, PipelineError } from '../core/errors.js';
import type { Logger } from '../telemetry/logger.js';
import { blame } from './blame.js';
import type { Stage } from './stage.js';

/** A stage, how it is called in errors, and the code of what it throws. */
export interface StageInLife {
  readonly name: string;
  readonly code: ErrorCode;
  readonly stage: Stage;
  /** What `onOpening` is told, a `StartStep`. */
  readonly step: number;
}

export interface StageLifecycleSettings {
  readonly clock: Clock;
  readonly log: Logger;
  /** Of each stage's `open`. Without it, whoever runs the pipeline watches that it opens. */
  readonly openDeadlineMs: number | undefined;
  onOpening(step: number): void;
}

/** What a stage has to end an `open` that is under way when the run is stopped. */
const GRACE_MS = 1_000;

/**
 * Opens stages one after the other, and closes them all, whatever each of them does. An `open` that
 * does not settle by a deadline, or after a stop, is left behind, and its stage closed once it does.
 */
export class StageLifecycle {
  readonly #stages: readonly StageInLife[];
  readonly #last: StageInLife;
  readonly #settings: StageLifecycleSettings;
  #isInterrupted = false;
  #onInterrupt: (() => void) | undefined;
  #leftBehind: { readonly stage: Stage; readonly opening: Promise<void> } | undefined;

  /**
   * @param stages - In the order in which they are opened; they are closed in the reverse order.
   * @param last - Opened and closed after all others.
   */
  constructor(stages: readonly StageInLife[], last: StageInLife, settings: StageLifecycleSettings) {
    this.#stages = stages;
    this.#last = last;
    this.#settings = settings;
  }

  /** Opens no further stage, and waits for the one that is opening for a moment only. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.#onInterrupt?.();
  }

  /**
   * Settles early after `interrupt`.
   * @throws What a stage throws; {PipelineError} with its code when it does not open in time.
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
        `${name} did not open within ${openDeadlineMs} ms; look whether what it opens answers, or raise "openDeadlineMs"`,
        { retryable: true },
      );
    }
  }

  /** @returns The first error, if there was one. */
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

  /** A stage is not closed under an `open` that is still at work. */
  #closeLater(stage: string, of: Stage, opening: Promise<void>): void {
    const { log } = this.#settings;
    log.warn({ stage }, 'stage is still opening; it is closed once it has');
    opening
      .catch(() => undefined)
      .then(() => of.close?.())
      .catch((err: unknown) => log.error({ err, stage }, 'closing failed after a late opening'));
  }
}
