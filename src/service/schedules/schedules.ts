import type { Clock } from '../../core/clock.js';
import { PipelineError } from '../../core/errors.js';
import { cutText } from '../../core/shown-text.js';
import { parseOptions } from '../../settings/parse-options.js';
import type { JobHandle, RuntimeEvent } from '../../supervision/job.js';
import type { CheckedSubmitOptions, SubmitOptions } from '../submit-options.js';
import { instantsOf } from './instants-of.js';
import { Schedule } from './schedule-options.js';
import type { KeptSchedule } from './schedule-records.js';
import { ScheduleOptions } from './schedule-settings.js';
import { ScheduledJob, type ScheduleHandle, type ScheduleInfo } from './scheduled-job.js';

export interface ScheduledSpec {
  readonly name: string;
  readonly clock: Clock;
  /** A job of it that an earlier process has started. */
  readonly running?: JobHandle | undefined;
  /** @param instantMs - Of the schedule. */
  submit(options: SubmitOptions, instantMs: number): Promise<JobHandle>;
  /** @throws {InvalidOptionsError} if options of a submit do not go together. */
  check(options: CheckedSubmitOptions): void;
  /** Must not throw. */
  tell(event: RuntimeEvent): void;
  /** @throws {PipelineError} `RUNTIME_CLOSED`. */
  assertOpen(): void;
}

/** The schedules of a runtime, by the name of their spec. */
export class Schedules {
  readonly #byName = new Map<string, ScheduledJob>();
  #isClosing = false;

  /**
   * Adds a schedule and begins it.
   *
   * @throws {InvalidOptionsError} if `schedule` or `options` are wrong.
   * @throws {PipelineError} `JOB_NAME_TAKEN`, `RUNTIME_CLOSED`.
   */
  async add(
    spec: ScheduledSpec,
    schedule: Schedule,
    options: ScheduleOptions,
    kept?: KeptSchedule,
  ): Promise<ScheduleHandle> {
    const checked = parseOptions('schedule', Schedule, schedule);
    const { overlap, progress, ...ofSubmit } = parseOptions('schedule', ScheduleOptions, options);
    spec.check(ofSubmit);
    const terms = submitOptionsOf(options);
    const instants = await instantsOf(checked);
    spec.assertOpen(); // it may have been closed meanwhile
    const { name, clock } = spec;
    if (this.#byName.has(name)) {
      const message = `There is a schedule for "${name}": stop that one first, or give this spec a different name`;
      throw new PipelineError('JOB_NAME_TAKEN', message);
    }
    const job = new ScheduledJob({
      name,
      schedule: checked,
      instants,
      options: { overlap, progress },
      clock,
      running: spec.running,
      submit: (instantMs) => spec.submit(terms, instantMs),
      tell: (event) => spec.tell(event),
      onProgress: (progress) => kept?.put(progress),
      onStop: () => {
        this.#byName.delete(name);
        if (!this.#isClosing) kept?.delete();
      },
    });
    this.#byName.set(name, job);
    try {
      await kept?.add(job.settled);
    } catch (error) {
      this.#byName.delete(name);
      throw error;
    }
    if (this.#byName.get(name) === job) job.start(); // it may have been stopped meanwhile
    return job;
  }

  /** @throws {PipelineError} `JOB_UNKNOWN`. */
  get(name: string): ScheduleHandle {
    const job = this.#byName.get(name);
    if (job) return job;
    throw new PipelineError('JOB_UNKNOWN', `There is no schedule for a spec named "${cutText(name)}"`);
  }

  list(): ScheduleInfo[] {
    return [...this.#byName.values()].map((job) => job.inspect());
  }

  /** Stops all of them. What is kept of them stays, for the next process. */
  stop(): void {
    this.#isClosing = true;
    for (const job of [...this.#byName.values()]) job.stop();
  }
}

/** The options of each submit, as they were given: those that are left out are the runtime's. */
function submitOptionsOf({ overlap, progress, ...given }: ScheduleOptions): SubmitOptions {
  return structuredClone(given);
}
