/** Entry of a pipeline's thread. Wiring only; what a pipeline does is in `src/engine`. */
import '../src/shared-memory/use-shared-code.js';

import { parentPort, threadId } from 'node:worker_threads';
import { loadAhead } from '../src/actor/load-ahead.js';
import { type ActorHost, runActor } from '../src/actor/run-actor.js';
import { systemClock, turnOfTheLoop } from '../src/core/clock.js';
import { hideSecrets } from '../src/core/hide-secrets.js';
import type { StreamingPipeline } from '../src/engine/streaming-pipeline.js';
import { Counters, openCounters } from '../src/shared-memory/counters.js';
import { startHeartbeat } from '../src/shared-memory/heartbeat.js';
import { saveCodeIn } from '../src/shared-memory/shared-code.js';
import { shareSyncs } from '../src/shared-memory/sync-turns.js';
import { systemThreadId } from '../src/shared-memory/system-thread.js';
import { openThreadWatch, ThreadWatch } from '../src/shared-memory/thread-watch.js';
import { jobConsole } from '../src/telemetry/job-console.js';
import {
  type PipelineOutcome,
  type PipelineTask,
  PROTOCOL_VERSION,
  THREAD_BEGUN,
} from '../src/wire/pipeline-actor.js';
import { secretsOfSpec, stagesOf } from '../src/wire/stages-of-spec.js';
import type { ThreadNeeds } from '../src/wire/thread-needs.js';

/** A job that has run for so long has run most of its code, and may never end. */
const SAVE_CODE_AFTER_MS = 1_000;

const loadCheckpoints = () => import('../src/checkpoints/claim-in-folder.js');

const HOST: ActorHost = {
  clock: systemClock,
  thread: threadId,
  // Imported on demand, as budgets are: most threads need neither.
  async claim(spec, checkpoints, log) {
    const { claimInFolder } = await loadCheckpoints();
    return claimInFolder(spec, checkpoints, log);
  },
  async isRunOver(spec, checkpoints) {
    const { isRunOverInFolder } = await import('../src/checkpoints/claim-in-folder.js');
    return isRunOverInFolder(spec, checkpoints);
  },
  async openResilience(handle) {
    const { openResilience } = await import('../src/resilience/resilience-client.js');
    return openResilience(handle);
  },
};

// What the user's code posts must go nowhere: a flood of it would take all of the main thread's time.
parentPort?.close();

export default async function runPipelineActor(task: PipelineTask): Promise<PipelineOutcome> {
  globalThis.console = jobConsole(task.spec.name);
  const before = process.getActiveResourcesInfo();
  // Of another release, they may be anything; `runPipeline` tells what is wrong.
  const isOurs = task.protocol === PROTOCOL_VERSION;
  const counters = isOurs ? openCounters(task.counters) : new Counters();
  const watch = isOurs ? openThreadWatch(task.watch) : new ThreadWatch();
  watch.systemId = systemThreadId();
  const { atWork } = watch;
  let made: StreamingPipeline | undefined;
  const onMade = (pipeline: StreamingPipeline) => {
    made = pipeline;
  };
  const stopHeartbeat = startHeartbeat(counters, () => watch.tellHeld(made?.held));
  task.logs.postMessage(THREAD_BEGUN);
  // Code of users could change what is saved, which other jobs run.
  const savesCode = !stagesOf(task.spec).some(({ runsUserCode }) => runsUserCode);
  if (savesCode) saveCodeIn(SAVE_CODE_AFTER_MS);
  const showSecrets = hideSecrets([...(task.secrets ?? []), ...secretsOfSpec(task.spec)]);
  try {
    if (task.protocol === PROTOCOL_VERSION) shareSyncs(task.syncs);
    return {
      report: await runActor(task, counters, { ...HOST, atWork, onMade }),
      leftovers: await leftovers(),
    };
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
export async function warm(needs?: ThreadNeeds): Promise<void> {
  if (needs) await loadAhead(needs, { loadCheckpoints });
}

function excess(before: readonly string[]): string[] {
  const left = process.getActiveResourcesInfo();
  for (const kind of before) {
    const at = left.indexOf(kind);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}
