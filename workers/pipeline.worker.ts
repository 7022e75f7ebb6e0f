/** Entry of a pipeline's thread. Wiring only; what a pipeline does is in `src/engine`. */
import '../src/shared-memory/use-shared-code.js';

import { parentPort, threadId } from 'node:worker_threads';
import { expose } from 'comlink';
import type { ClaimedRun, EndedRun } from '../src/checkpoints/claim-run.js';
import { systemClock, turnOfTheLoop } from '../src/core/clock.js';
import { PipelineError, toWireError } from '../src/core/errors.js';
import { hideSecrets } from '../src/core/hide-secrets.js';
import type { StreamingPipeline } from '../src/engine/streaming-pipeline.js';
import { instantiate } from '../src/plan/instantiate.js';
import type { ResilienceClient } from '../src/resilience/resilience-client.js';
import { Counters, openCounters } from '../src/shared-memory/counters.js';
import { startHeartbeat } from '../src/shared-memory/heartbeat.js';
import { saveCodeIn } from '../src/shared-memory/shared-code.js';
import { shareSyncs } from '../src/shared-memory/sync-turns.js';
import { jobConsole } from '../src/telemetry/job-console.js';
import type { Logger } from '../src/telemetry/logger.js';
import { threadLogger } from '../src/telemetry/thread-logger.js';
import { cutShortReport } from '../src/wire/cut-short-report.js';
import { endedReport } from '../src/wire/ended-report.js';
import {
  type PipelineControl,
  type PipelineOutcome,
  type PipelineTask,
  PROTOCOL_VERSION,
  type RunClaimed,
  THREAD_BEGUN,
} from '../src/wire/pipeline-actor.js';
import type { PipelineReport } from '../src/wire/pipeline-report.js';
import { portEndpoint } from '../src/wire/port-endpoint.js';
import { secretsOfSpec, stagesOf } from '../src/wire/stages-of-spec.js';
import { StartStep } from '../src/wire/start-step.js';

/** A job that has run for so long has run most of its code, and may never end. */
const SAVE_CODE_AFTER_MS = 1_000;

// What the user's code posts must go nowhere: a flood of it would take all of the main thread's time.
parentPort?.close();

export default async function runPipelineActor(task: PipelineTask): Promise<PipelineOutcome> {
  globalThis.console = jobConsole(task.spec.name);
  const before = process.getActiveResourcesInfo();
  // Of another release, they may be anything; `runPipeline` tells what is wrong.
  const counters = task.protocol === PROTOCOL_VERSION ? openCounters(task.counters) : new Counters();
  const stopHeartbeat = startHeartbeat(counters);
  task.logs.postMessage(THREAD_BEGUN);
  // Code of users could change what is saved, which other jobs run.
  const savesCode = !stagesOf(task.spec).some(({ runsUserCode }) => runsUserCode);
  if (savesCode) saveCodeIn(SAVE_CODE_AFTER_MS);
  const showSecrets = hideSecrets([...(task.secrets ?? []), ...secretsOfSpec(task.spec)]);
  try {
    return { report: await runPipeline(task, counters), leftovers: await leftovers() };
  } finally {
    stopHeartbeat();
    showSecrets();
    if (savesCode) saveCodeIn(1); // the end is told first
  }

  /** What the run left open: looked for once the ports have had time to close. */
  async function leftovers(): Promise<string[]> {
    task.control.close(); // an open port would outlive its actor in a thread that is used again
    task.logs.close();
    task.topics?.close();
    for (let turn = 0; turn < 3 && excess(before).length > 0; turn++) await turnOfTheLoop();
    return excess(before);
  }
}

/** A task that has the thread load its code, so that the next one starts at once. */
export function warm(): void {}

async function runPipeline(task: PipelineTask, counters: Counters): Promise<PipelineReport> {
  const began = performance.now();
  let resilience: ResilienceClient | undefined;
  try {
    if (task.protocol !== PROTOCOL_VERSION) {
      throw new PipelineError(
        'INTERNAL',
        `The thread speaks protocol ${PROTOCOL_VERSION}, its supervisor ${task.protocol}: two releases of tickloom are mixed`,
      );
    }
    shareSyncs(task.syncs);
    const actor = listen(task);
    const log = threadLogger(task.logs, counters).child({ thread: threadId });
    counters.set('startStep', StartStep.making);
    if (task.resilience) {
      const { openResilience } = await import('../src/resilience/resilience-client.js');
      resilience = openResilience(task.resilience);
    }
    const claimed = await claim(task, log, counters);
    if ('ended' in claimed) {
      log.info({}, 'the run had completed before its last start was lost');
      return endedReport(claimed.ended, counters, performance.now() - began);
    }
    const topics = task.topics && (await import('../src/topics/topic-links.js')).topicLinks(task.topics);
    const pipeline = await instantiate(task.spec, {
      clock: systemClock,
      log,
      counters,
      ...(resilience && { resilience }),
      ...(topics && { topics }),
      ...(task.restarts && { restarts: task.restarts }),
      ...claimed,
    });
    actor.attach(pipeline);
    return await pipeline.run(async () => {
      // A first batch that blocks the thread must not keep the supervisor from hearing of the start.
      await actor.answerReady();
      await turnOfTheLoop();
    });
  } catch (error) {
    return cutShortReport({
      outcome: 'failed',
      error: toWireError(error),
      counters: counters.read(),
      durationMs: performance.now() - began,
    });
  } finally {
    resilience?.close();
  }
}

/** Claims the key of the job, if its checkpoints are kept: from then on, no earlier start of it publishes anything. */
async function claim(
  { spec, checkpoints, logs }: PipelineTask,
  log: Logger,
  counters: Counters,
): Promise<Partial<ClaimedRun> | EndedRun> {
  if (!checkpoints) return {};
  counters.set('startStep', StartStep.claiming);
  const { claimInFolder } = await import('../src/checkpoints/claim-in-folder.js');
  const claimed = await claimInFolder(spec, checkpoints, log);
  if ('ended' in claimed) return claimed;
  const { run, checkpoint } = claimed;
  logs.postMessage({ epoch: run.epoch, rowsOut: checkpoint?.counters.rowsOut ?? 0 } satisfies RunClaimed);
  counters.set('startStep', StartStep.making);
  return claimed;
}

interface Listener {
  attach(pipeline: StreamingPipeline): void;
  /** Resolves once the supervisor has asked whether the actor is ready, and was answered. */
  answerReady(): Promise<void>;
}

/** Takes what the supervisor asks, from before there is a pipeline: asked too early, it waits. */
function listen(task: PipelineTask): Listener {
  let pipeline: StreamingPipeline | undefined;
  let open: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  let hear: () => void;
  const heard = new Promise<void>((resolve) => {
    hear = resolve;
  });
  const early: ((pipeline: StreamingPipeline) => void)[] = [];
  const ask = (what: (pipeline: StreamingPipeline) => void) => {
    if (pipeline) what(pipeline);
    else early.push(what);
  };
  const control: PipelineControl = {
    ready: () => opened.then(hear),
    pause: () => ask((to) => to.pause()),
    resume: () => ask((to) => to.resume()),
    drain: () => ask((to) => to.drain()),
    suspend: () => ask((to) => to.suspend()),
    stop: () => ask((to) => to.stop()),
    describe: () => pipeline?.describe() ?? [],
  };
  expose(control, portEndpoint(task.control));
  return {
    attach(built) {
      pipeline = built;
      for (const what of early.splice(0)) what(built);
    },
    answerReady() {
      open();
      return heard;
    },
  };
}

function excess(before: readonly string[]): string[] {
  const left = process.getActiveResourcesInfo();
  for (const kind of before) {
    const at = left.indexOf(kind);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}
