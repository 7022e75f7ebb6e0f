import type { Clock } from '../../core/clock.js';
import { PipelineError } from '../../core/errors.js';
import { parseOptions } from '../../settings/parse-options.js';
import type { JobHandle, RuntimeEvent } from '../../supervision/job.js';
import type { CheckedSubmitOptions, SubmitOptions } from '../submit-options.js';
import { instantsOf } from './instants-of.js';
import { Schedule } from './schedule-options.js';
import { ScheduleOptions } from './schedule-settings.js';
import { ScheduledJob, type ScheduleHandle, type ScheduleInfo } from './scheduled-job.js';

export interface ScheduledSpec {
  readonly name: string;
  readonly clock: Clock;
  submit(options: SubmitOptions): Promise<JobHandle>;
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

  /**
   * Adds a schedule and begins it.
   *
   * @throws {InvalidOptionsError} if `schedule` or `options` are wrong.
   * @throws {PipelineError} `JOB_NAME_TAKEN`, `RUNTIME_CLOSED`.
   */
  async add(spec: ScheduledSpec, schedule: Schedule, options: ScheduleOptions): Promise<ScheduleHandle> {
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
      submit: () => spec.submit(terms),
      tell: (event) => spec.tell(event),
      onStop: () => this.#byName.delete(name),
    });
    this.#byName.set(name, job);
    job.start();
    return job;
  }

  list(): ScheduleInfo[] {
    return [...this.#byName.values()].map((job) => job.inspect());
  }

  /** Stops all of them. */
  stop(): void {
    for (const job of [...this.#byName.values()]) job.stop();
  }
}

/** The options of each submit, as they were given: those that are left out are the runtime's. */
function submitOptionsOf({ overlap, progress, ...given }: ScheduleOptions): SubmitOptions {
  return structuredClone(given);
}
