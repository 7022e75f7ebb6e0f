import type { Clock } from '../core/clock.js';
import type { PipelineService } from '../service/pipeline-service.js';
import { keptSchedule } from '../service/schedules/schedule-records.js';
import type { ScheduleOptions } from '../service/schedules/schedule-settings.js';
import type { ScheduleHandle, ScheduleInfo } from '../service/schedules/scheduled-job.js';
import { Schedules } from '../service/schedules/schedules.js';
import { storedData } from '../service/stored-data.js';
import type { JobHandle } from '../supervision/job.js';
import type { JobIntake } from './job-intake.js';
import type { GivenSchedule } from './resume-all.js';

export interface SpecSchedulesContext {
  readonly service: PipelineService;
  readonly intake: JobIntake;
  readonly clock: Clock;
}

/** The schedules of a runtime: each submits its spec, and is kept where there is a store. */
export class SpecSchedules {
  readonly #context: SpecSchedulesContext;
  readonly #schedules = new Schedules();

  constructor(context: SpecSchedulesContext) {
    this.#context = context;
  }

  /**
   * Begins a schedule.
   *
   * @param more - `running`: the job of it that an earlier process has started.
   * @throws {InvalidSpecError} listing every problem of the spec.
   * @throws {InvalidOptionsError} if the schedule or the options are wrong, or the store cannot keep them.
   * @throws {PipelineError} `JOB_NAME_TAKEN`, `RUNTIME_CLOSED`, and what the store throws.
   */
  async add(
    { spec, schedule, options }: GivenSchedule,
    { running }: { readonly running?: JobHandle | undefined } = {},
  ): Promise<ScheduleHandle> {
    const { service, intake, clock } = this.#context;
    service.assertOpen();
    const records = service.scheduleRecords;
    const data = records && {
      spec: storedData('schedule', 'spec', spec),
      schedule: storedData('schedule', 'schedule', schedule),
      options: storedData('schedule', 'options', withoutProgress(options)),
    };
    const { resolved } = await intake.check(spec);
    const { name } = resolved;
    return this.#schedules.add(
      {
        name,
        clock,
        running,
        submit: (submitOptions, instantMs) => intake.submit(spec, submitOptions, { instantMs }),
        check: (submitOptions) => void service.boundsOf(submitOptions, resolved),
        tell: (event) => service.tell(event),
        assertOpen: () => service.assertOpen(),
      },
      schedule,
      options,
      data && keptSchedule(records, { name, ...data }),
    );
  }

  /** @throws {PipelineError} `JOB_UNKNOWN`. */
  get(name: string): ScheduleHandle {
    return this.#schedules.get(name);
  }

  list(): ScheduleInfo[] {
    return this.#schedules.list();
  }

  /** @see Schedules.stop */
  stop(): void {
    this.#schedules.stop();
  }
}

/** What of the options is the user's: how far a schedule has come is kept apart. */
const withoutProgress = ({ progress: _progress, ...options }: ScheduleOptions): ScheduleOptions => options;
