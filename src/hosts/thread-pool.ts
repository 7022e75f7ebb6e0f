import type { Transferable } from 'node:worker_threads';
import type { PipelineTask } from '../wire/pipeline-actor.js';
import { expectEntry, threadEntry } from './thread-entry.js';
import { ThreadLane } from './thread-lane.js';
import type { ThreadRun, Threads } from './threads.js';

export interface ThreadPoolSettings {
  /** How long a thread without a task is kept for the next one. */
  readonly idleThreadMs: number;
  /** Threads that are kept ready at all times. */
  readonly warmThreads: number;
  /** Limit of a thread's heap. */
  readonly maxHeapMb: number;
}

export interface ThreadPoolOptions {
  readonly file?: string;
  readonly onThreadExit?: (threadId: number) => void;
}

/** Threads for pipelines. A thread that ended well is used again; any other is replaced. */
export class ThreadPool implements Threads {
  readonly #settings: ThreadPoolSettings;
  readonly #file: string;
  readonly #onThreadExit: (threadId: number) => void;
  readonly #lanes = new Set<ThreadLane>();
  /** Lanes that are being closed. */
  readonly #closing = new Set<Promise<void>>();
  #isClosed = false;

  /**
   * @param options.file - Entry of the threads.
   * @param options.onThreadExit - Told of each thread that has ended, however it did. Must not throw.
   * @throws {PipelineError} `THREAD_NOT_STARTED` when there is no such file.
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

  /** Threads that are alive, idle ones included. */
  get size(): number {
    return this.#lanes.size;
  }

  /**
   * Starts the threads that are to be kept ready.
   *
   * @throws {ThreadLostError} when one could not be started; then none is left.
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

  /** Ends all threads but those that still have a task: somebody found that they cannot be ended. */
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
        // Only for one that had come to life: a broken entry would be started for ever.
        if (wasAlive && !this.#isClosed && this.#lanes.size < this.#settings.warmThreads) {
          this.#open(Number.POSITIVE_INFINITY)
            .warm()
            .catch(() => {}); // the next job will find out
        }
      },
    });
    this.#lanes.add(lane);
    return lane;
  }
}
