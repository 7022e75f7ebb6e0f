import type { Transferable } from 'node:worker_threads';
import type { PipelineOutcome, PipelineTask } from '../wire/pipeline-actor.js';

/** Where a supervisor gets threads from. */
export interface Threads {
  /**
   * Gives a task a thread of its own. Not bounded: the supervisor counts.
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
   * Settles once, when the task is over or its thread is gone; then nothing writes to the task's
   * memory any more.
   *
   * @throws {PipelineError} `THREAD_*`: how the thread was lost.
   */
  readonly outcome: Promise<PipelineOutcome>;
  /** Ends the thread, whatever it does. Never for one that has loaded native code. */
  end(): void;
}
