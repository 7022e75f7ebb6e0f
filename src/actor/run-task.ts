import { systemClock, turnOfTheLoop } from '../core/clock.js';
import { hideSecrets } from '../core/hide-secrets.js';
import type { StreamingPipeline } from '../engine/streaming-pipeline.js';
import type { ResilienceHandle } from '../resilience/resilience-handle.js';
import { Counters, openCounters } from '../shared-memory/counters.js';
import { startHeartbeat } from '../shared-memory/heartbeat.js';
import { saveCodeIn } from '../shared-memory/shared-code.js';
import { shareSyncs } from '../shared-memory/sync-turns.js';
import { systemThreadId } from '../shared-memory/system-thread.js';
import { openThreadWatch, ThreadWatch } from '../shared-memory/thread-watch.js';
import {
  type PipelineOutcome,
  type PipelineTask,
  PROTOCOL_VERSION,
  THREAD_BEGUN,
} from '../wire/pipeline-actor.js';
import { secretsOfSpec, stagesOf } from '../wire/stages-of-spec.js';
import type { ThreadNeeds } from '../wire/thread-needs.js';
import { loadAhead } from './load-ahead.js';
import { type ActorHost, runActor } from './run-actor.js';

/** A job that has run for so long has run most of its code, and may never end. */
const SAVE_CODE_AFTER_MS = 1_000;

const loadCheckpoints = () => import('../checkpoints/claim-in-folder.js');

const HOST: Omit<ActorHost, 'labels'> = {
  clock: systemClock,
  // Imported on demand, as budgets are: most threads need neither.
  async claim(spec, checkpoints, log, signal) {
    const { claimInFolder } = await loadCheckpoints();
    return claimInFolder(spec, checkpoints, log, signal);
  },
  async isRunOver(spec, checkpoints) {
    const { isRunOverInFolder } = await loadCheckpoints();
    return isRunOverInFolder(spec, checkpoints);
  },
  async openResilience(handle) {
    const { openResilience } = await import('../resilience/resilience-client.js');
    return openResilience(handle as ResilienceHandle); // which is checked
  },
};

/**
 * Runs a task in this thread, the main one of a process or one that is the task's own for as long as it runs, and says
 * meanwhile that it lives.
 *
 * @param labels - Stand in its log lines.
 * @param own - What is done in another way than in a thread.
 */
export async function runTask(
  task: PipelineTask,
  labels: Readonly<Record<string, number>>,
  own: Partial<ActorHost> = {},
): Promise<PipelineOutcome> {
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
      report: await runActor(task, counters, { ...HOST, ...own, labels, atWork, onMade }),
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

/** Loads what the next task will need, so that it starts at once. */
export async function warmUp(needs?: ThreadNeeds): Promise<void> {
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
