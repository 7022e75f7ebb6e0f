import type { Clock } from '../../core/clock.js';
import { toWireError, type WireError } from '../../core/errors.js';
import type { JobHandle, RuntimeEvent } from '../../supervision/job.js';
import type { ScheduleInstants } from './schedule-instants.js';
import type { Schedule } from './schedule-options.js';
import type { ScheduleProgress } from './schedule-progress.js';
import type { CheckedScheduleOptions } from './schedule-settings.js';
import { ScheduleTimer } from './schedule-timer.js';

/** A schedule at one instant. Plain data. */
export interface ScheduleInfo {
  /** Of the spec, and so of each job. */
  readonly name: string;
  readonly schedule: Schedule;
  readonly overlap: 'skip' | 'queue' | 'replace';
  /** The next instant, in ms since 1970; `undefined` if none is known, or after `stop`. */
  readonly nextMs?: number | undefined;
  /** Id of the job of its last instant. */
  readonly job?: string | undefined;
  /** The number of jobs that were submitted. */
  readonly submitted: number;
  /** The number of instants that were left out, since a job had not ended. */
  readonly skipped: number;
  /** The number of instants whose job was refused. */
  readonly refused: number;
  /** Why the last one of these was. */
  readonly error?: WireError | undefined;
  /** Keep it, and give it to the same schedule after a restart. */
  readonly progress: ScheduleProgress;
}

/** A schedule, as its owner sees it. */
export interface ScheduleHandle {
  readonly name: string;
  /** The schedule now. */
  inspect(): ScheduleInfo;
  /** Ends the schedule. A job of it goes on. */
  stop(): void;
}

export interface ScheduledJobContext {
  readonly name: string;
  readonly schedule: Schedule;
  readonly instants: ScheduleInstants;
  readonly options: Pick<CheckedScheduleOptions, 'overlap' | 'progress'>;
  readonly clock: Clock;
  /** A job of it that an earlier process has started. */
  readonly running?: JobHandle | undefined;
  submit(instantMs: number): Promise<JobHandle>;
  /** Called when an instant has been dealt with. Must not throw. */
  onProgress?(progress: ScheduleProgress): void;
  /** Must not throw. */
  tell(event: RuntimeEvent): void;
  onStop(): void;
}

/** Submits a job at each instant of a schedule, one at a time. */
export class ScheduledJob implements ScheduleHandle {
  readonly name: string;
  readonly #context: ScheduledJobContext;
  readonly #timer: ScheduleTimer;
  readonly #counts = { submitted: 0, skipped: 0, refused: 0 };
  #error: WireError | undefined;
  /** Id of the last job. */
  #job: string | undefined;
  /** Whether a job is being submitted or has not ended. */
  #isBusy = false;
  #running: JobHandle | undefined;
  /** The instant whose job is being submitted. */
  #submitting: number | undefined;
  /** The instant that runs when the job has ended. */
  #nextUp: number | undefined;
  #isStopped = false;

  constructor(context: ScheduledJobContext) {
    const { name, clock, instants, options } = context;
    this.name = name;
    this.#context = context;
    this.#timer = new ScheduleTimer(clock, instants, (instantMs) => this.#meet(instantMs), options.progress);
  }

  start(): void {
    const { running } = this.#context;
    if (running) void this.#goOn(running);
    this.#timer.start();
  }

  /** How far it has come with what it has dealt with: an instant that waits for its job is still to come. */
  get settled(): ScheduleProgress {
    const { seenMs, dueMs, forgottenMs } = this.#timer.progress;
    const open = [this.#submitting, this.#nextUp].filter((ms) => ms !== undefined);
    return {
      seenMs: Math.min(seenMs, ...open.map((ms) => ms - 1)),
      dueMs: dueMs.filter((ms) => !open.includes(ms)),
      forgottenMs,
    };
  }

  inspect(): ScheduleInfo {
    const { schedule, options } = this.#context;
    const nextMs = this.#isStopped ? undefined : this.#timer.nextMs;
    return {
      name: this.name,
      schedule,
      overlap: options.overlap,
      ...(nextMs !== undefined && { nextMs }),
      ...(this.#job !== undefined && { job: this.#job }),
      ...this.#counts,
      ...(this.#error && { error: this.#error }),
      progress: this.#timer.progress,
    };
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#nextUp = undefined;
    this.#timer.stop();
    this.#context.onStop();
  }

  #meet(instantMs: number): void {
    const { overlap } = this.#context.options;
    if (!this.#isBusy) {
      void this.#run(instantMs);
      return;
    }
    if (overlap === 'skip') {
      this.#skip(instantMs);
      return;
    }
    if (this.#nextUp !== undefined) this.#skip(this.#nextUp);
    this.#nextUp = instantMs;
    if (overlap === 'replace') void this.#running?.stop();
  }

  #skip(instantMs: number): void {
    this.#counts.skipped++;
    this.#context.tell({ type: 'schedule.due', name: this.name, instantMs, result: 'skipped' });
    this.#tellProgress();
  }

  #tellProgress(): void {
    if (!this.#isStopped) this.#context.onProgress?.(this.settled);
  }

  async #goOn(running: JobHandle): Promise<void> {
    this.#isBusy = true;
    this.#running = running;
    this.#job = running.id;
    await running.outcome;
    this.#running = undefined;
    this.#isBusy = false;
    const next = this.#takeNextUp();
    if (next !== undefined) await this.#run(next);
  }

  async #run(instantMs: number): Promise<void> {
    const { name } = this;
    this.#isBusy = true;
    for (let due: number | undefined = instantMs; due !== undefined; due = this.#takeNextUp()) {
      this.#submitting = due;
      try {
        const job = await this.#context.submit(due);
        this.#submitting = undefined;
        this.#tellProgress();
        this.#running = job;
        this.#job = job.id;
        this.#counts.submitted++;
        this.#context.tell({ type: 'schedule.due', name, instantMs: due, result: 'submitted', id: job.id });
        // An instant that came meanwhile may want its place already.
        if (this.#nextUp !== undefined && this.#context.options.overlap === 'replace') void job.stop();
        await job.outcome;
      } catch (thrown) {
        const error = toWireError(thrown);
        this.#submitting = undefined;
        this.#tellProgress();
        this.#error = error;
        this.#counts.refused++;
        this.#context.tell({ type: 'schedule.due', name, instantMs: due, result: 'refused', error });
      }
      this.#running = undefined;
    }
    this.#isBusy = false;
  }

  #takeNextUp(): number | undefined {
    const next = this.#nextUp;
    this.#nextUp = undefined;
    return next;
  }
}
