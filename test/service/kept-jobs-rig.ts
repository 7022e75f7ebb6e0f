import { resumeJobs } from '../../src/runtime/resume-jobs.js';
import { JobCheckpoints } from '../../src/service/job-checkpoints.js';
import { lastingIdPrefix } from '../../src/service/job-identity.js';
import { PipelineService } from '../../src/service/pipeline-service.js';
import { storedData } from '../../src/service/stored-data.js';
import { SubmitOptions } from '../../src/service/submit-options.js';
import { JobLimits } from '../../src/settings/job-limits.js';
import type { JobRecord, JobStore } from '../../src/store/job-store.js';
import { MemoryJobStore } from '../../src/store/memory-job-store.js';
import type { RuntimeEvent } from '../../src/supervision/job.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { Checkpoint } from '../../src/wire/checkpoint.js';
import type { ResolvedSpec } from '../../src/wire/resolved-spec.js';
import { FakeThreads, until } from '../supervision/fake-threads.js';
import { ManualClock, specOf, supervisorContext } from '../supervision/job-fixtures.js';

/** Names of jobs whose last checkpoint says that all rows are delivered; `false`: rows are left. */
export type FakeCheckpoints = Map<string, boolean>;

export interface RigSettings {
  readonly store?: JobStore;
  readonly clock?: ManualClock;
  readonly checkpoints?: FakeCheckpoints;
  readonly maxThreads?: number;
  readonly limits?: Parameters<typeof JobLimits.parse>[0];
  /** Names of specs that cannot be used. */
  readonly broken?: readonly string[];
}

/** The service of one process on a store: threads do what the test says. */
export async function startProcess({
  store = new MemoryJobStore(),
  clock = new ManualClock(),
  checkpoints = new Map(),
  maxThreads = 8,
  limits = {},
  broken = [],
}: RigSettings = {}) {
  const threads = new FakeThreads();
  const jobCheckpoints = new JobCheckpoints(async () => ({
    load: async (name) => {
      const isOver = checkpoints.get(name);
      if (isOver === undefined) return undefined;
      return (isOver ? { ended: { how: 'completed', isPublished: true } } : {}) as Checkpoint;
    },
    remove: async (name) => void checkpoints.delete(name),
  }));
  const { queue: _queue, ...context } = supervisorContext({ maxThreads });
  const gate = new StoreOfProcess(store);
  const service = new PipelineService({
    ...context,
    clock,
    threads,
    limits: JobLimits.parse(limits),
    checkpoints: { path: 'checkpoints', everyMs: 1_000 },
    jobCheckpoints,
    store: gate,
    idPrefix: lastingIdPrefix(),
  });
  const events: RuntimeEvent[] = [];
  service.on((event) => events.push(event));
  const checkAgain = async ({ spec, name }: JobRecord) => {
    if (broken.includes(name)) throw new Error('the spec cannot be used');
    return { resolved: spec as unknown as ResolvedSpec, files: undefined };
  };
  const { jobs } = await store.load();
  const nowMs = Number(clock.wall() / 1_000_000n);
  await resumeJobs(jobs, {
    service,
    intake: { checkAgain },
    checkpoints: jobCheckpoints,
    log: silentLogger,
    nowMs,
  });
  const submit = (name: string, options: SubmitOptions = {}) =>
    service.submitKept(specOf(name), undefined, {
      options: SubmitOptions.parse(options),
      submitted: {
        spec: storedData('submit', 'spec', specOf(name)),
        options: storedData('submit', 'options', options),
      },
    });
  const stateOf = (name: string) => service.get(name).inspect().state;
  /** The thread of a job comes up. */
  const run = async (name: string) => {
    threads.of(name).answer();
    await until(() => ['running', 'paused'].includes(stateOf(name)));
  };
  /** All that was handed to the store is durable. */
  const settle = () => until(() => gate.isIdle);
  /** The process is killed: nothing that it does any more reaches the store. */
  const kill = async () => {
    await settle();
    gate.cut();
  };
  const record = async (name: string) => (await store.load()).jobs.findLast((one) => one.name === name);
  const started = () => threads.runs.map(({ task }) => task.spec.name);
  return {
    service,
    threads,
    clock,
    events,
    store,
    checkpoints,
    submit,
    stateOf,
    run,
    settle,
    kill,
    record,
    started,
  };
}

/** What of a store one process has: after its death, it changes nothing more. */
class StoreOfProcess implements JobStore {
  readonly #store: JobStore;
  #isCut = false;
  #quietTurns = 0;

  constructor(store: JobStore) {
    this.#store = store;
  }

  /** Nothing has come for some turns. */
  get isIdle(): boolean {
    return ++this.#quietTurns > 5;
  }

  cut(): void {
    this.#isCut = true;
  }

  load = () => this.#store.load();
  putJob: JobStore['putJob'] = (record) => this.#pass(() => this.#store.putJob(record));
  deleteJob: JobStore['deleteJob'] = (id) => this.#pass(() => this.#store.deleteJob(id));
  putSchedule: JobStore['putSchedule'] = (record) => this.#pass(() => this.#store.putSchedule(record));
  deleteSchedule: JobStore['deleteSchedule'] = (name) => this.#pass(() => this.#store.deleteSchedule(name));
  close = () => this.#pass(() => this.#store.close());

  async #pass(change: () => Promise<void>): Promise<void> {
    this.#quietTurns = 0;
    if (this.#isCut) await new Promise(() => {}); // its process is dead
    await change();
  }
}
