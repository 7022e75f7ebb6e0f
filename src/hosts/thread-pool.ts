import type { Transferable } from 'node:worker_threads';
import type { PipelineTask } from '../wire/pipeline-actor.js';
import { expectEntry, threadEntry } from './thread-entry.js';
import { ThreadLane } from './thread-lane.js';
import type { ThreadRun, Threads } from './threads.js';

/** Settings of a thread pool. */
export interface ThreadPoolSettings {
  /** How long an idle thread is kept for the next task. */
  readonly idleThreadMs: number;
  /** Number of threads that are kept ready at all times. */
  readonly warmThreads: number;
  /** Heap limit of a thread. */
  readonly maxHeapMb: number;
}

/** What tests and the runtime replace in a thread pool. */
export interface ThreadPoolOptions {
  readonly file?: string;
  readonly onThreadExit?: (threadId: number) => void;
}

/** Threads for pipelines. A thread is reused if its pipeline ended cleanly, and is replaced otherwise. */
export class ThreadPool implements Threads {
  readonly #settings: ThreadPoolSettings;
  readonly #file: string;
  readonly #onThreadExit: (threadId: number) => void;
  readonly #lanes = new Set<ThreadLane>();
  /** Lanes that are being closed. */
  readonly #closing = new Set<Promise<void>>();
  #isClosed = false;

  /**
   * @param options.file - Path of the threads' entry file.
   * @param options.onThreadExit - Called when a thread has exited, for whatever reason. Must not throw.
   * @throws {PipelineError} `THREAD_NOT_STARTED` if the file does not exist.
   */
  constructor(
    settings: ThreadPoolSettings,
    { file = threadEntry('pipeline'), onThreadExit = () => {} }: ThreadPoolOptions = {},
  ) {
    expectEntry(file);
    this.#settings = settings;
    this.#file = file;
    this.#onThreadExit = onThreadExit;
  }

  /** Number of live threads, including idle ones. */
  get size(): number {
    return this.#lanes.size;
  }

  /**
   * Starts the warm threads.
   *
   * @throws {ThreadLostError} if one could not be started. The pool is closed then.
   */
  async warm(): Promise<void> {
    const missing = this.#settings.warmThreads - this.#lanes.size;
    const lanes = Array.from({ length: missing }, () => this.#open(Number.POSITIVE_INFINITY));
    const warmed = await Promise.allSettled(lanes.map((lane) => lane.warm()));
    const failed = warmed.find(({ status }) => status === 'rejected');
    if (!failed) return;
    await this.close();
    throw (failed as PromiseRejectedResult).reason;
  }

  run(
    task: PipelineTask,
    transfer: readonly Transferable[],
    options: { readonly reusable: boolean },
  ): ThreadRun {
    const lane = [...this.#lanes].find((each) => each.isIdle) ?? this.#open(this.#settings.idleThreadMs);
    return lane.run(task, transfer, options);
  }

  /** Ends all threads, except those that still have a task: the supervisor leaves only what it cannot end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const lane of this.#lanes) if (!lane.hasTask) lane.close();
    await Promise.all(this.#closing);
  }

  #open(idleMs: number): ThreadLane {
    const lane = new ThreadLane({
      file: this.#file,
      idleMs,
      maxHeapMb: this.#settings.maxHeapMb,
      onThreadExit: this.#onThreadExit,
      onClose: (closed, wasAlive) => {
        this.#lanes.delete(lane);
        const ended = closed.finally(() => this.#closing.delete(ended));
        this.#closing.add(ended);
        // Replaces only a thread that had worked: a broken entry file would be restarted forever.
        if (wasAlive && !this.#isClosed && this.#lanes.size < this.#settings.warmThreads) {
          this.#open(Number.POSITIVE_INFINITY)
            .warm()
            .catch(() => {}); // the next job reports it
        }
      },
    });
    this.#lanes.add(lane);
    return lane;
  }
}
