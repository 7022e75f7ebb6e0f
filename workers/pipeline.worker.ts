/** Entry of a pipeline's thread. Wiring only; what a pipeline does is in `src/engine`. */
import '../src/shared-memory/use-shared-code.js';

import { parentPort, threadId } from 'node:worker_threads';
import { runTask, warmUp } from '../src/actor/run-task.js';
import { jobConsole } from '../src/telemetry/job-console.js';
import type { PipelineOutcome, PipelineTask } from '../src/wire/pipeline-actor.js';

// What the user's code posts must go nowhere: a flood of it would take all of the main thread's time.
parentPort?.close();

export default function runPipelineActor(task: PipelineTask): Promise<PipelineOutcome> {
  globalThis.console = jobConsole(task.spec.name);
  return runTask(task, { thread: threadId });
}

/** A task that has the thread load its code, so that the next one starts at once. */
export { warmUp as warm };
