import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { turnOfTheLoop } from '../../../src/core/clock.js';
import type { WireError } from '../../../src/core/errors.js';
import { PipelineService } from '../../../src/service/pipeline-service.js';
import { SubmitOptions } from '../../../src/service/submit-options.js';
import { GroupsSettings } from '../../../src/settings/group-settings.js';
import { JobLimits } from '../../../src/settings/job-limits.js';
import type { JobHandle, RuntimeEvent } from '../../../src/supervision/job.js';
import type { SupervisorContext } from '../../../src/supervision/supervisor.js';
import { type FakeRun, until } from '../../supervision/fake-threads.js';
import { crash, reportOf, specOf, supervisorContext } from '../../supervision/job-fixtures.js';

export const suspended = reportOf('stopped', { reason: 'suspended' });

/** Jobs of groups on fake threads and virtual time, which do what they are asked once `settle` is called. */
export function startGroups(
  groups: Parameters<typeof GroupsSettings.parse>[0],
  {
    hasCheckpoints = true,
    ...more
  }: { readonly hasCheckpoints?: boolean } & Partial<Omit<SupervisorContext, 'threads'>> = {},
) {
  const context = supervisorContext({ maxThreads: 100 }, more);
  const service = new PipelineService({
    ...context,
    limits: JobLimits.parse({}),
    groups: GroupsSettings.parse(groups),
    ...(hasCheckpoints && { checkpoints: { path: join(tmpdir(), 'none'), everyMs: 1_000 } }),
  });
  const events: RuntimeEvent[] = [];
  service.on((event) => events.push(event));
  const jobs: JobHandle[] = [];
  const submit = (name: string, group: string, options: SubmitOptions = {}, more: object = {}) => {
    const restart = {
      policy: 'on-failure',
      backOffMax: '1s',
      maxRestarts: 10_000,
      ...options.restart,
    } as const;
    const checked = SubmitOptions.parse({ ...options, group, restart });
    const job = service.submit({ ...specOf(name), ...more }, undefined, checked);
    jobs.push(job);
    return job;
  };
  const lastRun = (job: JobHandle): FakeRun =>
    context.threads.runs.findLast(({ task }) => task.spec.name === job.name)!;
  const answered = new Set<FakeRun>();
  /** Jobs whose thread does nothing that it is asked. */
  const hung = new Set<JobHandle>();
  /** Lets threads come up, and end their runs with a last checkpoint where that is asked. */
  const settle = async () => {
    for (let hasMoved = true; hasMoved; ) {
      hasMoved = false;
      await turnOfTheLoop();
      for (const job of jobs) {
        const state = stateOf(job);
        if (state === 'starting') {
          if (answered.has(lastRun(job))) continue;
          answered.add(lastRun(job));
          lastRun(job).answer();
          await until(() => stateOf(job) !== 'starting');
        } else if ((state === 'restarting' || state === 'draining') && !hung.has(job)) {
          lastRun(job).finish(suspended);
          await until(() => stateOf(job) !== state);
        } else continue;
        hasMoved = true;
      }
    }
  };
  /** Ends the run of a job, and lets all see it. */
  const fail = async (job: JobHandle, error: WireError = crash) => {
    lastRun(job).lose(error);
    await turnOfTheLoop();
  };
  /** Lets the time pass in which they back off, the longest of which is a second. */
  const comeAgain = async () => {
    await settle();
    context.clock.advance(1_000);
    await settle();
  };
  const attempts = () => jobs.map((job) => job.inspect().runs.length);
  /** Each state that jobs came into, as `name state`. */
  const steps = () =>
    events.flatMap((event) => (event.type === 'job.state' ? [`${event.name} ${event.state}`] : []));
  return {
    ...context,
    ...{ service, events, jobs, submit, lastRun, hung, settle, fail, comeAgain, attempts, steps },
  };
}

export const stateOf = (job: JobHandle) => job.inspect().state;
