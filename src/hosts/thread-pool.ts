import type { Transferable } from 'node:worker_threads';
import type { PipelineTask } from '../wire/pipeline-actor.js';
import type { ThreadNeeds } from '../wire/thread-needs.js';
import { expectEntry, threadEntry } from './thread-entry.js';
import { ThreadLane } from './thread-lane.js';
import type { PreparedThread, RunOptions, ThreadRun, Threads } from './threads.js';

/** Settings of a thread pool. */
export interface ThreadPoolSettings {
  /** Number of threads that may exist at a time. */
  readonly maxThreads: number;
  /** How long an idle thread that is not one of the warm ones is kept for the next task. */
  readonly idleThreadMs: number;
  /** Number of idle threads that are kept ready, beside those at work. */
  readonly warmThreads: number;
  /** Heap limit of a thread. */
  readonly maxHeapMb: number;
}

/** How long a thread may take to exit when the pool closes. One that is in a system call is left behind. */
const EXIT_WAIT_MS = 1_000;

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
  /** Of these, the ones without a task, which may still load their code, and when each is closed. */
  readonly #idle = new Map<ThreadLane, NodeJS.Timeout | undefined>();
  /** Threads that wait for one task, and what they are to load. Those without a lane wait for their turn. */
  readonly #prepared = new Map<PreparedThread, { readonly needs: ThreadNeeds; lane?: ThreadLane }>();
  /** Lanes that are being closed. */
  readonly #closing = new Set<Promise<void>>();
  /** Threads are warmed one at a time, so that the jobs that start have the processors. */
  #isWarming = false;
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

  /** Number of threads without a task that are ready for one. */
  get ready(): number {
    return [...this.#idle.keys()].filter(({ isIdle }) => isIdle).length;
  }

  /**
   * Starts the warm threads.
   *
   * @throws {ThreadLostError} if one could not be started. The pool is closed then.
   */
  async warm(): Promise<void> {
    const missing = this.#settings.warmThreads - this.#idle.size;
    const lanes = Array.from({ length: missing }, () => this.#open());
    for (const lane of lanes) this.#idle.set(lane, undefined);
    const warmed = await Promise.allSettled(lanes.map((lane) => lane.warm()));
    const failed = warmed.find(({ status }) => status === 'rejected');
    if (!failed) return;
    await this.close();
    throw (failed as PromiseRejectedResult).reason;
  }

  run(
    task: PipelineTask,
    transfer: readonly Transferable[],
    options: Pick<RunOptions, 'reusable' | 'prepared'>,
  ): ThreadRun {
    const lane = this.#takePrepared(options.prepared) ?? this.#takeIdle() ?? this.#openForTask();
    const run = lane.run(task, transfer, options);
    const settled = () => this.#putBack(lane);
    run.outcome.then(settled, settled);
    this.#warmNext();
    return run;
  }

  prepare(needs: ThreadNeeds): PreparedThread {
    const prepared: PreparedThread = {
      release: () => {
        const lane = this.#takePrepared(prepared);
        if (lane) this.#putBack(lane);
      },
    };
    this.#prepared.set(prepared, { needs });
    this.#warmNext();
    return prepared;
  }

  /**
   * Ends all threads, except those that still have a task: the supervisor leaves only what it cannot end. Nor does it
   * wait for long for one that was ended and is in a system call.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#prepared.clear();
    for (const lane of this.#lanes) if (!lane.hasTask) lane.close();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, EXIT_WAIT_MS);
    });
    await Promise.race([Promise.all(this.#closing), late]);
    clearTimeout(timer);
  }

  /** A thread that is only being warmed gives way, so that there are never more than may be. */
  #openForTask(): ThreadLane {
    const [warming] = this.#idle.keys();
    if (warming && this.#lanes.size >= this.#settings.maxThreads) warming.close();
    return this.#open();
  }

  /** The lane that was made ready, or still is; `undefined` if its turn has not come, or its thread was lost. */
  #takePrepared(prepared: PreparedThread | undefined): ThreadLane | undefined {
    const lane = prepared && this.#prepared.get(prepared)?.lane;
    if (prepared) this.#prepared.delete(prepared);
    return lane && this.#lanes.has(lane) ? lane : undefined;
  }

  #takeIdle(): ThreadLane | undefined {
    for (const [lane, timer] of this.#idle) {
      if (!lane.isIdle) continue;
      clearTimeout(timer);
      this.#idle.delete(lane);
      return lane;
    }
    return undefined;
  }

  /** Keeps a lane whose task is over, for a while or as one of the warm ones. */
  #putBack(lane: ThreadLane): void {
    if (!this.#lanes.has(lane)) return; // its thread was lost, or is not used again
    if (this.#isClosed) {
      lane.close();
      return;
    }
    const { idleThreadMs, warmThreads } = this.#settings;
    const closeExcess = () => {
      if (this.#idle.size > warmThreads) lane.close();
    };
    this.#idle.set(lane, setTimeout(closeExcess, idleThreadMs).unref());
  }

  /** Starts a thread for a task that will come, or where fewer are idle than are to be kept ready. One at a time. */
  #warmNext(): void {
    const { warmThreads, maxThreads } = this.#settings;
    if (this.#isClosed || this.#isWarming) return;
    const expected = [...this.#prepared.values()].find(({ lane }) => !lane);
    if (expected) {
      const lane = this.#takeIdle() ?? (this.#lanes.size < maxThreads ? this.#open() : undefined);
      if (!lane) return; // the task will make room
      expected.lane = lane;
      this.#warm(lane, expected.needs);
    } else if (this.#idle.size < warmThreads && this.#lanes.size < maxThreads) {
      const lane = this.#open();
      this.#idle.set(lane, undefined);
      this.#warm(lane);
    }
  }

  #warm(lane: ThreadLane, needs?: ThreadNeeds): void {
    this.#isWarming = true;
    lane.warm(needs).then(
      () => {
        this.#isWarming = false;
        this.#warmNext();
      },
      () => {
        this.#isWarming = false; // not again at once: the next job reports what is wrong
      },
    );
  }

  #open(): ThreadLane {
    const lane = new ThreadLane({
      file: this.#file,
      maxHeapMb: this.#settings.maxHeapMb,
      onThreadExit: this.#onThreadExit,
      onClose: (closed, wasAlive) => {
        this.#lanes.delete(lane);
        clearTimeout(this.#idle.get(lane));
        this.#idle.delete(lane);
        const ended = closed.finally(() => this.#closing.delete(ended));
        this.#closing.add(ended);
        // Replaces only a thread that had worked: a broken entry file would be restarted forever.
        if (wasAlive) this.#warmNext();
      },
    });
    this.#lanes.add(lane);
    return lane;
  }
}
