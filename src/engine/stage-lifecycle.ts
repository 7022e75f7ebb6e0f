import type { Clock, TimerHandle } from '../core/clock.js';
import { type ErrorCode, PipelineError } from '../core/errors.js';
import type { Logger } from '../telemetry/logger.js';
import { blame, locatedAt } from './blame.js';
import type { Stage } from './stage.js';
import type { StageLabel } from './stage-label.js';

/** A stage, what errors call it, and the code of its unexpected errors. */
export interface StageInLife {
  readonly label: StageLabel;
  readonly code: ErrorCode;
  readonly stage: Stage;
  /** The `StartStep` passed to `onOpening`. */
  readonly step: number;
  /** Asks an `open` that nobody waits for any more to end. */
  readonly abandon?: (() => unknown) | undefined;
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
  readonly #last: readonly StageInLife[];
  readonly #settings: StageLifecycleSettings;
  #isInterrupted = false;
  #onInterrupt: (() => void) | undefined;
  /** Stages that are not closed before something in progress has settled. */
  readonly #leftBehind = new Map<Stage, Promise<unknown>>();

  /**
   * @param stages - In the order of opening; they are closed in reverse.
   * @param last - Opened last, and also closed last, if there is one.
   */
  constructor(
    stages: readonly StageInLife[],
    last: StageInLife | undefined,
    settings: StageLifecycleSettings,
  ) {
    this.#stages = stages;
    this.#last = last ? [last] : [];
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
    for (const { label, code, stage, step, abandon } of [...this.#stages, ...this.#last]) {
      if (this.#isInterrupted) return;
      if (!stage.open) continue;
      onOpening(step);
      const opening = blame(code, label, () => stage.open?.(), clock);
      if (await this.#settlesInTime(opening)) {
        await opening;
        continue;
      }
      this.#leftBehind.set(stage, opening);
      this.#abandon(label.title, abandon);
      if (this.#isInterrupted) return;
      const late = new PipelineError(
        code,
        `${label.title} did not open within ${openDeadlineMs} ms; check whether what it opens answers, or raise "openDeadlineMs"`,
        { retryable: true },
      );
      throw locatedAt(label.id, late);
    }
  }

  /** Leaves stages that are still at work to be closed once that has settled. */
  leave(stages: readonly Stage[], inProgress: Promise<unknown>): void {
    for (const stage of stages) {
      const earlier = this.#leftBehind.get(stage);
      this.#leftBehind.set(stage, earlier ? Promise.allSettled([earlier, inProgress]) : inProgress);
    }
  }

  /** Closes all stages. @returns The first error, if there was one. */
  async close(): Promise<unknown> {
    let first: unknown;
    for (const { label, code, stage } of [...this.#stages.toReversed(), ...this.#last]) {
      const inProgress = this.#leftBehind.get(stage);
      if (inProgress) {
        this.#closeLater(label.title, stage, inProgress);
        continue;
      }
      try {
        await blame(code, label, () => stage.close?.());
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

  /** What it does is not waited for either. */
  #abandon(stage: string, abandon: (() => unknown) | undefined): void {
    if (!abandon) return;
    const { log } = this.#settings;
    (async () => abandon())().catch((err: unknown) =>
      log.error({ err, stage }, 'a late stage could not be stopped'),
    );
  }

  /** Closes a stage after what is in progress has settled, never during it. */
  #closeLater(stage: string, of: Stage, inProgress: Promise<unknown>): void {
    const { log } = this.#settings;
    log.warn({ stage }, 'stage is still at work; it will be closed once that is done');
    inProgress
      .catch(() => undefined)
      .then(() => of.close?.())
      .catch((err: unknown) => log.error({ err, stage }, 'closing failed after the end of the run'));
  }
}
