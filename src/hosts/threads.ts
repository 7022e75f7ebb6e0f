import type { Transferable } from 'node:worker_threads';
import type { PipelineOutcome, PipelineTask } from '../wire/pipeline-actor.js';
import type { ThreadNeeds } from '../wire/thread-needs.js';

/** What a task is isolated by: a thread, or a process with its limits. */
export interface Isolation {
  readonly by: 'thread' | 'process';
  /** Megabytes that a process may have in memory. Missing: any number. */
  readonly maxProcessMb?: number | undefined;
}

/** How a task is to be run. */
export interface RunOptions {
  /** Whether another task may run in the thread after this one. */
  readonly reusable: boolean;
  /** The thread that was made ready for it, if one was: it is used up. */
  readonly prepared?: PreparedThread | undefined;
  /** Missing: a thread. */
  readonly isolation?: Isolation;
}

/** The supply of threads and processes for a supervisor. In its words, a process is a thread, too. */
export interface Threads {
  /**
   * Runs a task in a thread of its own, or a process. Their number is not bounded here: the supervisor counts.
   */
  run(task: PipelineTask, transfer: readonly Transferable[], options: RunOptions): ThreadRun;
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
  /** Ends the thread by force. Never call it for a thread that has loaded native code; a process may always be ended. */
  end(): void;
  /** Tells that the instant up to which the run may go on was moved. Missing: its memory is shared, and it looks there. */
  tellMayRunUntil?(): void;
  /** Of its process, if it has one of its own and that has started. */
  readonly pid?: number | undefined;
}
