import type { Transferable, Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';
import { MESSAGE_CHARS_MAX, withAdvice } from '../core/errors.js';
import { redactedBeginning } from '../core/redact.js';
import { cutText } from '../core/shown-text.js';
import { sharedCodeMemory } from '../shared-memory/shared-code.js';
import type { PipelineOutcome, PipelineTask } from '../wire/pipeline-actor.js';
import type { ThreadNeeds } from '../wire/thread-needs.js';
import { heapLimits } from './heap-limits.js';
import { startFailure } from './start-failure.js';
import { ThreadLostError } from './thread-lost-error.js';
import type { ThreadRun } from './threads.js';

/** Settings and callbacks of a lane. */
export interface ThreadLaneOptions {
  /** Path of the thread's entry file. */
  readonly file: string;
  readonly maxHeapMb: number;
  /** Called when the thread has exited, for whatever reason. */
  onThreadExit(threadId: number): void;
  /**
   * Called when the lane can take no more tasks. `closed` resolves when its thread is gone; `wasAlive`
   * is true if a task of the thread had ever succeeded.
   */
  onClose(closed: Promise<void>, wasAlive: boolean): void;
}

/**
 * One thread and its task: a Piscina pool of size one. A larger pool has a queue that is unsafe with
 * long tasks. A task queued for a thread that fails to boot waits forever, and the next thread to become
 * free makes the pool start threads for it up to the limit. Here no task is ever queued: one that comes while the
 * thread is made ready is given to the pool once it is.
 */
export class ThreadLane {
  readonly #options: ThreadLaneOptions;
  readonly #pool: Piscina;
  #worker: Worker | undefined;
  #exited: Promise<void> = Promise.resolve();
  /** Aborts the running task. */
  #abort: AbortController | undefined;
  /** Settles once the thread is ready; `undefined` if it is not being made ready. */
  #warming: Promise<void> | undefined;
  /** Stands for the task that was given last. */
  #task: object | undefined;
  /** Why the thread died, where Piscina does not report it through the task. */
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
      idleTimeout: Number.POSITIVE_INFINITY, // the thread pool says when it is enough
      // The other modes block an idle thread in Atomics, so that pending work (closing ports, files) does
      // not run, or they wake it no sooner.
      atomics: 'disabled',
      recordTiming: false,
      resourceLimits: heapLimits(options.maxHeapMb),
      workerData: { tickloomCode: sharedCodeMemory() },
    });
    // No file is given here: every thread boots, and a broken file rejects only its own task.
    this.#pool.on('error', (error: Error) => this.#endTask(error));
    this.#pool.on('workerDestroy', () => this.close());
  }

  get isIdle(): boolean {
    return !this.#abort && !this.#isClosed;
  }

  /** Whether a job runs in the thread. Warming it does not count. */
  get hasTask(): boolean {
    return this.#hasTask;
  }

  /**
   * Starts the thread and loads its code.
   *
   * @param needs - What else to load.
   * @throws {ThreadLostError}
   */
  warm(needs?: ThreadNeeds): Promise<void> {
    this.#warming = this.#occupy('warm', needs, []).then(() => {
      this.#abort = undefined;
      this.#warming = undefined;
    });
    return this.#warming;
  }

  /** Runs a task. The lane must be idle or being warmed. */
  run(
    task: PipelineTask,
    transfer: readonly Transferable[],
    { reusable }: { readonly reusable: boolean },
  ): ThreadRun {
    this.#hasTask = true;
    const given = {};
    this.#task = given;
    // `#occupy` is async, so an error that Piscina throws synchronously becomes a rejection.
    const occupy = () => this.#occupy('default', task, transfer);
    const outcome = (this.#warming ? this.#warming.then(occupy) : occupy()).then((result) => {
      // What Piscina carries is untyped; the entry's type is `PipelineOutcome`.
      const { leftovers } = result as PipelineOutcome;
      this.#free();
      if (!reusable || leftovers.length > 0) this.close();
      return result as PipelineOutcome;
    });
    return {
      outcome,
      end: () => {
        // Does not abort a later task in the same thread.
        if (this.#task === given) this.#abort?.abort();
      },
    };
  }

  /** Ends the thread, and its task if it has one. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Not awaited: in the handler of an exit event, Piscina would wait forever for that exit.
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
        transferList: [...transfer] as never[], // Piscina's type also includes browser types
        signal: abort.signal,
      });
      this.#watch();
      const result: unknown = await done;
      this.#wasAlive = true;
      return result;
    } catch (error) {
      const cause = isPiscinasOwn(error) ? (this.#fault ?? error) : error;
      this.close();
      // The thread must be gone before anybody reads the task's shared memory.
      await this.#exited;
      throw lossOf(cause, this.#options.maxHeapMb);
    }
  }

  #free(): void {
    this.#abort = undefined;
    this.#task = undefined;
    this.#hasTask = false;
  }

  /** Watches for the exit itself, since Piscina does not report a thread that exits during boot. */
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

/** Whether Piscina rejected an aborted task, or one without a thread: its error does not name the cause. */
function isPiscinasOwn(error: unknown): boolean {
  return (
    error instanceof Error && (error.name === 'AbortError' || error.message === 'Terminating worker thread')
  );
}

function lossOf(cause: unknown, maxHeapMb: number): ThreadLostError {
  if (!(cause instanceof Error)) {
    return new ThreadLostError('THREAD_CRASHED', `The thread crashed with ${cutText(String(cause), 200)}`);
  }
  if (cause.name === 'AbortError') return new ThreadLostError('THREAD_STOPPED', 'The thread was ended');
  if ('code' in cause && cause.code === 'ERR_WORKER_OUT_OF_MEMORY') {
    const message = `The thread needed more than the ${maxHeapMb} MB of heap that it may have ("maxHeapMb")`;
    return new ThreadLostError('THREAD_OUT_OF_MEMORY', message, cause);
  }
  const whyNot = startFailure(cause);
  if (whyNot !== undefined) {
    return new ThreadLostError('THREAD_NOT_STARTED', `The thread did not start: ${whyNot}`, cause);
  }
  const exit = /^worker exited with code: (-?\d+)$/.exec(cause.message);
  if (exit) {
    const message = `The thread exited with code ${exit[1]} before its pipeline had ended (process.exit?)`;
    return new ThreadLostError('THREAD_EXITED', message);
  }
  const message = redactedBeginning(cause.message, MESSAGE_CHARS_MAX);
  return new ThreadLostError('THREAD_CRASHED', `The thread crashed: ${withAdvice(message, cause)}`, cause);
}
