import type { Transferable, Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import type { PipelineOutcome, PipelineTask } from '../wire/pipeline-actor.js';
import { heapLimits } from './heap-limits.js';
import { ThreadLostError } from './thread-lost-error.js';
import type { ThreadRun } from './threads.js';

export interface ThreadLaneOptions {
  /** Entry of the thread. */
  readonly file: string;
  /** How long the thread is kept without a task. */
  readonly idleMs: number;
  readonly maxHeapMb: number;
  /** Its thread has ended, however it did. */
  onThreadExit(threadId: number): void;
  /**
   * The lane is of no use any more. `closed` resolves when its thread is gone; `wasAlive` tells
   * whether that had ever come to life.
   */
  onClose(closed: Promise<void>, wasAlive: boolean): void;
}

/**
 * One thread and its task: a Piscina of one. Several of one thread each, and not one of several
 * threads, since the queue of a larger one is not safe with tasks that last: a task that waits for
 * a thread which fails to boot waits for ever, and the next thread to become free makes the pool
 * start threads for it up to the limit. Here nothing ever waits behind anything.
 */
export class ThreadLane {
  readonly #options: ThreadLaneOptions;
  readonly #pool: Piscina;
  #worker: Worker | undefined;
  #exited: Promise<void> = Promise.resolve();
  /** Of the task that runs. */
  #abort: AbortController | undefined;
  /** What the thread died of while it had no task that Piscina knew of. */
  #fault: Error | undefined;
  #hasTask = false;
  #wasAlive = false;
  #isClosed = false;

  constructor(options: ThreadLaneOptions) {
    this.#options = options;
    this.#pool = new Piscina({
      minThreads: 0,
      maxThreads: 1,
      concurrentTasksPerWorker: 1,
      idleTimeout: options.idleMs,
      // The others make an idle thread wait in Atomics, where nothing that is left to do gets done
      // (ports that close, files), or wake it no sooner.
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: heapLimits(options.maxHeapMb),
    });
    // No file is named here, so that every thread boots and a broken file rejects its own task.
    this.#pool.on('error', (error: Error) => this.#endTask(error));
    this.#pool.on('workerDestroy', () => this.close());
  }

  get isIdle(): boolean {
    return !this.#abort && !this.#isClosed;
  }

  /** Whether a job has it: to load its code is no task. */
  get hasTask(): boolean {
    return this.#hasTask;
  }

  /** Starts the thread and loads its code. */
  async warm(): Promise<void> {
    await this.#occupy('warm', undefined, []);
    this.#free();
  }

  run(
    task: PipelineTask,
    transfer: readonly Transferable[],
    { reusable }: { readonly reusable: boolean },
  ): ThreadRun {
    this.#hasTask = true;
    // An async method, so that what Piscina throws at once is a rejection, too.
    const outcome = this.#occupy('default', task, transfer).then((result) => {
      // What Piscina carries is untyped; the entry's type is `PipelineOutcome`.
      const { leftovers } = result as PipelineOutcome;
      this.#free();
      if (!reusable || leftovers.length > 0) this.close();
      return result as PipelineOutcome;
    });
    const abort = this.#abort;
    return {
      outcome,
      end: () => {
        // Not the thread of a later task.
        if (abort && this.#abort === abort) abort.abort();
      },
    };
  }

  /** Ends the thread; one that has a task, with its task. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Not awaited: within the event of an exit, Piscina waits for that exit for ever.
    void this.#pool.destroy();
    this.#options.onClose(this.#exited, this.#wasAlive);
  }

  async #occupy(entry: 'default' | 'warm', task: unknown, transfer: readonly Transferable[]) {
    const abort = new AbortController();
    this.#abort = abort;
    try {
      const done = this.#pool.run(task, {
        filename: this.#options.file,
        name: entry,
        transferList: [...transfer] as never[], // Piscina's type names the browser's kinds, too
        signal: abort.signal,
      });
      this.#watch();
      const result: unknown = await done;
      this.#wasAlive = true;
      return result;
    } catch (error) {
      const cause = isPiscinasOwn(error) ? (this.#fault ?? error) : error;
      this.close();
      // The task's memory must be at rest before anyone reads it.
      await this.#exited;
      throw lossOf(cause, this.#options.maxHeapMb);
    }
  }

  #free(): void {
    this.#abort = undefined;
    this.#hasTask = false;
  }

  /** Piscina does not tell of a thread that exits while it boots. */
  #watch(): void {
    const worker = this.#pool.threads[0];
    if (!worker || worker === this.#worker) return;
    this.#worker = worker;
    const { threadId } = worker; // −1 once it has ended
    this.#exited = new Promise<void>((resolve) => {
      worker.once('exit', (code) => {
        this.#endTask(new Error(`worker exited with code: ${code}`));
        this.#options.onThreadExit(threadId);
        resolve();
      });
    });
  }

  #endTask(fault: Error): void {
    this.#fault ??= fault;
    this.#abort?.abort();
  }
}

/** What a task is rejected with that was aborted, or never had a thread, tells nothing. */
function isPiscinasOwn(error: unknown): boolean {
  return (
    error instanceof Error && (error.name === 'AbortError' || error.message === 'Terminating worker thread')
  );
}

function lossOf(cause: unknown, maxHeapMb: number): ThreadLostError {
  if (!(cause instanceof Error)) {
    return new ThreadLostError('THREAD_CRASHED', `The thread crashed with ${String(cause).slice(0, 200)}`);
  }
  if (cause.name === 'AbortError') return new ThreadLostError('THREAD_STOPPED', 'The thread was ended');
  if ('code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    const message = `The thread needed more than the ${maxHeapMb} MB of heap that it may have ("maxHeapMb")`;
    return new ThreadLostError('THREAD_OUT_OF_MEMORY', message, cause);
  }
  const exit = /^worker exited with code: (-?\d+)$/.exec(cause.message);
  if (exit) {
    const message = `The thread exited with code ${exit[1]} before its pipeline had ended (process.exit?)`;
    return new ThreadLostError('THREAD_EXITED', message);
  }
  return new ThreadLostError('THREAD_CRASHED', `The thread crashed: ${cause.message}`, cause);
}
