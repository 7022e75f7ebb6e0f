import { type Capability, lackingMethods } from '../core/assert-argument.js';
import type { Clock } from '../core/clock.js';
import { InvalidOptionsError } from '../core/errors.js';
import { JobCheckpoints } from '../service/job-checkpoints.js';
import { CheckpointSettings, type RuntimeSettings } from '../settings/runtime-settings.js';
import type { JobStore, StoredJobs } from '../store/job-store.js';
import type { Logger } from '../telemetry/logger.js';
import type { CheckpointFolder } from '../wire/pipeline-actor.js';

/** What of a runtime outlives the process. */
export interface RuntimeStore {
  /** Records of jobs and schedules; missing: there are none. */
  readonly jobs?: JobStore | undefined;
  /** What an earlier process has left in it. */
  readonly stored?: StoredJobs | undefined;
  /** Where the checkpoints of jobs are kept; missing: there are none. */
  readonly checkpoints?: CheckpointFolder | undefined;
  /** What is in there. */
  readonly jobCheckpoints?: JobCheckpoints | undefined;
}

const JOB_STORE: Capability = {
  key: 'store',
  what: 'a store of jobs',
  methods: ['load', 'putJob', 'deleteJob', 'putSchedule', 'deleteSchedule', 'close'],
};

const NS_PER_MS = 1e6;

/** Whether it is meant as a store, and not as the settings of one. */
export const isJobStore = (store: unknown): store is JobStore =>
  typeof store === 'object' && store !== null && ('putJob' in store || 'load' in store);

/**
 * The stores that the settings name. With a folder, the checkpoints are in it, unless the settings have a place of
 * their own.
 *
 * @throws {InvalidOptionsError} for a store that lacks a method.
 * @throws What the store throws when it is loaded.
 */
export async function openStore(
  {
    store,
    checkpoints,
  }: Pick<RuntimeSettings, 'checkpoints'> & { readonly store?: RuntimeSettings['store'] | JobStore },
  { log, clock }: { readonly log: Logger; readonly clock: Clock },
): Promise<RuntimeStore> {
  if (!store) return checkpointsIn(checkpoints);
  if (isJobStore(store)) {
    const problems = lackingMethods(JOB_STORE, store);
    if (problems.length > 0) throw new InvalidOptionsError('runtime', problems);
    return { ...(await loaded(store)), ...checkpointsIn(checkpoints) };
  }
  const { FileJobStore } = await import('../store/file-job-store.js');
  const jobs = new FileJobStore(store.path, { log, clock });
  const own = checkpoints ?? CheckpointSettings.parse({ path: jobs.checkpointFolder });
  return { ...(await loaded(jobs)), ...checkpointsIn(own) };
}

async function loaded(jobs: JobStore): Promise<RuntimeStore> {
  try {
    return { jobs, stored: await jobs.load() };
  } catch (error) {
    await jobs.close().catch(() => {}); // the first error says more
    throw error;
  }
}

function checkpointsIn(settings: RuntimeSettings['checkpoints']): RuntimeStore {
  if (!settings) return {};
  const { path, every } = settings;
  return {
    checkpoints: { path, everyMs: every / NS_PER_MS },
    jobCheckpoints: new JobCheckpoints(async () => {
      const { FileCheckpointStore } = await import('../checkpoints/file-checkpoint-store.js');
      return new FileCheckpointStore(path);
    }),
  };
}
