import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ResilienceServer } from '../../resilience/remote/resilience-server.js';
import type { PipelineTask } from '../../wire/pipeline-actor.js';
import type { WatchData } from '../../wire/process-messages.js';
import type { ThreadRun } from '../threads.js';
import { heapLimitMb, type ProcessLimits, SHELL } from './loss-of.js';
import { ProcessLostError } from './process-lost-error.js';
import { ProcessRun } from './process-run.js';

export interface ProcessPoolSettings {
  /** Heap limit of a process. */
  readonly maxHeapMb: number;
}

export interface ProcessPoolOptions {
  /** Path of the entry of processes. */
  readonly file?: string;
  /** Stands in the command line of each process: see `ownMark`. */
  readonly mark?: string;
  /** How long a pipeline may take to suspend when this process has gone. */
  readonly orphanGraceMs?: number;
  /** Where tasks get their budgets and breakers from. Called once one needs them. */
  readonly resilience?: () => Promise<ResilienceServer | undefined>;
}

/** Path of the entry of a pipeline's process, relative to this module in the build. */
export const processEntry = (): string =>
  fileURLToPath(new URL('../../workers/pipeline.process.cjs', import.meta.url));

const ORPHAN_GRACE_MS = 5_000;
const MB = 1024 * 1024;
/**
 * What the system lets a process allocate above its limit: stacks of threads, code, and what is set aside and not
 * touched. It is the second fence: what is resident is looked at every 50 ms, and memory can be asked for faster. Node 24
 * does not start below some 1,000 MB: it sets room for compiled code aside as data.
 */
const SET_ASIDE_MB = 1_024;
/**
 * Columns are outside the heap, so few objects are young. The young generation has up to three of these: about what
 * `heapLimits` gives a thread, and as near as whole megabytes come.
 */
const SEMI_SPACE_MB = 1;

/** Processes for pipelines, one for each task. A process is used once. */
export class ProcessPool {
  readonly #settings: ProcessPoolSettings;
  readonly #file: string;
  readonly #mark: string;
  readonly #orphanGraceMs: number;
  readonly #resilience: () => Promise<ResilienceServer | undefined>;
  readonly #runs = new Set<ProcessRun>();

  constructor(
    settings: ProcessPoolSettings,
    {
      file = processEntry(),
      mark = '-',
      orphanGraceMs = ORPHAN_GRACE_MS,
      resilience = async () => undefined,
    }: ProcessPoolOptions = {},
  ) {
    this.#resilience = resilience;
    this.#settings = settings;
    this.#file = file;
    this.#mark = mark;
    this.#orphanGraceMs = orphanGraceMs;
  }

  /** Number of processes. */
  get size(): number {
    return this.#runs.size;
  }

  /** Runs a task in a process of its own. Takes the ports of the task. */
  run(task: PipelineTask, { maxProcessMb }: { readonly maxProcessMb?: number | undefined } = {}): ThreadRun {
    if (!existsSync(this.#file)) return notThere(this.#file);
    const limits: ProcessLimits = { maxHeapMb: this.#settings.maxHeapMb, maxProcessMb };
    const run = new ProcessRun({
      task,
      limits,
      command: this.#command(limits),
      resilience: task.resilience && this.#resilience(),
    });
    this.#runs.add(run);
    const over = () => {
      this.#runs.delete(run);
    };
    run.outcome.then(over, over);
    return run;
  }

  #command(limits: ProcessLimits): string[] {
    const { maxProcessMb } = limits;
    const own: Pick<WatchData, 'rssBytesMax' | 'orphanGraceMs'> = {
      rssBytesMax: (maxProcessMb ?? 0) * MB,
      orphanGraceMs: this.#orphanGraceMs,
    };
    // Not those of this process: among them may be a port to debug it by, or a module that it preloads.
    const command = [
      process.execPath,
      `--max-old-space-size=${heapLimitMb(limits)}`,
      `--max-semi-space-size=${SEMI_SPACE_MB}`,
      this.#file,
      this.#mark,
      JSON.stringify(own),
    ];
    if (maxProcessMb === undefined || process.platform !== 'linux') return command;
    const kilobytes = (maxProcessMb + SET_ASIDE_MB) * 1024;
    return [SHELL, '-c', `ulimit -d ${kilobytes} 2>/dev/null; exec "$@"`, 'sh', ...command];
  }
}

function notThere(file: string): ThreadRun {
  const message =
    `Expected the entry of processes at ${file}, found no file. Where the program was bundled, leave tickloom out ` +
    'of the bundle: mark "tickloom" and its sub-paths as external (docs/bundlers.md in the package)';
  return { outcome: Promise.reject(new ProcessLostError('PROCESS_NOT_STARTED', message)), end() {} };
}
