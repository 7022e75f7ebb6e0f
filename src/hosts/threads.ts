import type { Transferable } from 'node:worker_threads';
import type { PipelineOutcome, PipelineTask } from '../wire/pipeline-actor.js';

/** The supply of threads for a supervisor. */
export interface Threads {
  /**
   * Runs a task in a thread of its own. The number of threads is not bounded here: the supervisor counts.
   *
   * @param options.reusable - Whether another task may run in the thread after this one.
   */
  run(
    task: PipelineTask,
    transfer: readonly Transferable[],
    options: { readonly reusable: boolean },
  ): ThreadRun;
}

/** One task in its thread. */
export interface ThreadRun {
  /**
   * Settles when the task is over or its thread is gone. After that, nothing writes to the task's memory.
   *
   * @throws {PipelineError} `THREAD_*` if the thread was lost.
   */
  readonly outcome: Promise<PipelineOutcome>;
  /** Ends the thread by force. Never call it for a thread that has loaded native code. */
  end(): void;
}
