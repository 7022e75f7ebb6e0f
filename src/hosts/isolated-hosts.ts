import type { Transferable } from 'node:worker_threads';
import type { PipelineTask } from '../wire/pipeline-actor.js';
import type { ThreadNeeds } from '../wire/thread-needs.js';
import type { ProcessPool } from './processes/process-pool.js';
import type { ThreadPool } from './thread-pool.js';
import type { PreparedThread, RunOptions, ThreadRun, Threads } from './threads.js';

/** Runs each task in what it is to be isolated by. */
export class IsolatedHosts implements Threads {
  readonly #threads: ThreadPool;
  readonly #processes: () => ProcessPool;
  #pool: ProcessPool | undefined;

  /** @param processes - Called once the first task is to run in a process. */
  constructor(threads: ThreadPool, processes: () => ProcessPool) {
    this.#threads = threads;
    this.#processes = processes;
  }

  run(task: PipelineTask, transfer: readonly Transferable[], options: RunOptions): ThreadRun {
    const { isolation } = options;
    if (isolation?.by !== 'process') return this.#threads.run(task, transfer, options);
    this.#pool ??= this.#processes();
    return this.#pool.run(task, isolation);
  }

  prepare(needs: ThreadNeeds): PreparedThread {
    return this.#threads.prepare(needs);
  }
}
