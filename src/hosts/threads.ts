import type { Transferable } from 'node:worker_threads';
import type { PipelineOutcome, PipelineTask } from '../wire/pipeline-actor.js';
import type { ThreadNeeds } from '../wire/thread-needs.js';

/** The supply of threads for a supervisor. */
export interface Threads {
  /**
   * Runs a task in a thread of its own. The number of threads is not bounded here: the supervisor counts.
   *
   * @param options.reusable - Whether another task may run in the thread after this one.
   * @param options.prepared - The thread that was made ready for it, if one was: it is used up.
   */
  run(
    task: PipelineTask,
    transfer: readonly Transferable[],
    options: { readonly reusable: boolean; readonly prepared?: PreparedThread | undefined },
  ): ThreadRun;
  /**
   * Makes a thread ready for a task that will come soon. It counts as one at work. It may not be ready by then, or
   * not at all: the task is run all the same. Missing: threads cannot be made ready.
   */
  prepare?(needs: ThreadNeeds): PreparedThread;
}

/** A thread that waits for one task. */
export interface PreparedThread {
  /** Gives the thread to whoever needs one. Does nothing once its task has come. */
  release(): void;
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
