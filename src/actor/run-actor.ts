import type { ClaimedRun, EndedRun } from '../checkpoints/claim-run.js';
import { type Clock, turnOfTheLoop } from '../core/clock.js';
import { PipelineError, toWireError } from '../core/errors.js';
import { NANOS_PER_MILLI } from '../core/units.js';
import type { StreamingPipeline } from '../engine/streaming-pipeline.js';
import { instantiate } from '../plan/instantiate.js';
import type { StageOverrides } from '../plan/stage-overrides.js';
import type { Resilience } from '../resilience/resilience-client.js';
import type { Counters } from '../shared-memory/counters.js';
import type { Logger } from '../telemetry/logger.js';
import { threadLogger } from '../telemetry/thread-logger.js';
import { cutShortReport } from '../wire/cut-short-report.js';
import { endedReport } from '../wire/ended-report.js';
import {
  type CheckpointFolder,
  type PipelineTask,
  PROTOCOL_VERSION,
  type RunClaimed,
} from '../wire/pipeline-actor.js';
import type { PipelineReport } from '../wire/pipeline-report.js';
import type { ResolvedSpec } from '../wire/resolved-spec.js';
import { StartStep } from '../wire/start-step.js';
import { listen } from './actor-control.js';

/** What an actor runs in: a thread, or a simulation of one. */
export interface ActorHost {
  /** Its `now` has the origin of the supervisor's clock. */
  readonly clock: Clock;
  /** Stand in the log lines of the actor: which thread or process it is. */
  readonly labels: Readonly<Record<string, number>>;
  /**
   * Claims the key of a job at the store of its checkpoints, unless the run that it follows has ended.
   * @param signal - Aborted once a stop is asked for.
   */
  claim(
    spec: ResolvedSpec,
    checkpoints: CheckpointFolder,
    log: Logger,
    signal: AbortSignal,
  ): Promise<ClaimedRun | EndedRun>;
  /** Whether the last run of a job has completed. Missing: not that anybody knows. */
  isRunOver?(spec: ResolvedSpec, checkpoints: CheckpointFolder): Promise<boolean>;
  openResilience(
    handle: NonNullable<PipelineTask['resilience']>,
    log: Logger,
  ): Promise<Resilience & { close(): void }>;
  /** Where the pipeline says which stage the thread is in. */
  readonly atWork?: Int32Array;
  /** Called with the pipeline of the task, before it runs. */
  onMade?(pipeline: StreamingPipeline): void;
  /** Stages in place of those of a spec. */
  readonly overrides?: (spec: ResolvedSpec) => StageOverrides;
}

/**
 * Runs the pipeline of a task, and answers its supervisor meanwhile. A failure is a report, too.
 *
 * @param counters - Those of the task.
 */
export async function runActor(
  task: PipelineTask,
  counters: Counters,
  host: ActorHost,
): Promise<PipelineReport> {
  const { clock } = host;
  const began = clock.now();
  const durationMs = () => Number(clock.now() - began) / Number(NANOS_PER_MILLI);
  let resilience: (Resilience & { close(): void }) | undefined;
  try {
    if (task.protocol !== PROTOCOL_VERSION) {
      throw new PipelineError(
        'INTERNAL',
        `The thread speaks protocol ${PROTOCOL_VERSION}, its supervisor ${task.protocol}: two releases of tickloom are mixed`,
      );
    }
    const control = listen(task.control);
    const log = threadLogger(task.logs, counters).child(host.labels);
    counters.set('startStep', StartStep.making);
    if (task.resilience) resilience = await host.openResilience(task.resilience, log);
    const { bounds, checkpoints } = task;
    if (bounds?.isSlice && checkpoints && (await host.isRunOver?.(task.spec, checkpoints))) {
      log.info({}, 'all rows of the run that slices are of have been delivered: there is nothing left');
      return nothingLeft(counters, durationMs());
    }
    const { stopping } = control;
    const claimed = await claim(task, counters, { host, log, stopping }).catch((error) => {
      if (!stopping.aborted) throw error;
      log.info({ error }, 'stopped before the run was claimed');
      return undefined;
    });
    if (!claimed) {
      return cutShortReport({ outcome: 'stopped', counters: counters.read(), durationMs: durationMs() });
    }
    if ('ended' in claimed) {
      log.info({}, 'the run had completed before its last start was lost');
      return endedReport(claimed.ended, { counters, bounds, durationMs: durationMs() });
    }
    const topics = task.topics && (await import('../topics/topic-links.js')).topicLinks(task.topics);
    const overrides = host.overrides?.(task.spec);
    const pipeline = await instantiate(task.spec, {
      clock,
      log,
      counters,
      ...(host.atWork && { atWork: host.atWork }),
      ...(overrides && { overrides }),
      ...(resilience && { resilience }),
      ...(topics && { topics }),
      ...(bounds && { bounds }),
      ...(task.restarts && { restarts: task.restarts }),
      ...claimed,
    });
    host.onMade?.(pipeline);
    control.attach(pipeline);
    return await pipeline.run(async () => {
      // A first batch that blocks the thread must not keep the supervisor from hearing of the start.
      await control.answerReady();
      await turnOfTheLoop();
    });
  } catch (error) {
    return cutShortReport({
      outcome: 'failed',
      error: toWireError(error),
      counters: counters.read(),
      durationMs: durationMs(),
    });
  } finally {
    resilience?.close();
  }
}

const nothingLeft = (counters: Counters, durationMs: number): PipelineReport =>
  cutShortReport({ outcome: 'completed', counters: counters.read(), durationMs });

/** Claims the key of the job, if its checkpoints are kept: from then on, no earlier start of it publishes anything. */
async function claim(
  { spec, checkpoints, logs }: PipelineTask,
  counters: Counters,
  { host, log, stopping }: { readonly host: ActorHost; readonly log: Logger; readonly stopping: AbortSignal },
): Promise<Partial<ClaimedRun> | EndedRun> {
  if (!checkpoints) return {};
  counters.set('startStep', StartStep.claiming);
  const claimed = await host.claim(spec, checkpoints, log, stopping);
  if ('ended' in claimed) return claimed;
  const { run, checkpoint } = claimed;
  logs.postMessage({ epoch: run.epoch, rowsOut: checkpoint?.counters.rowsOut ?? 0 } satisfies RunClaimed);
  counters.set('startStep', StartStep.making);
  return claimed;
}
