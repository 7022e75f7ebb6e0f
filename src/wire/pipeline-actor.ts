/** What crosses between the supervisor and the thread of a pipeline: plain data and ports. */
import type { MessagePort } from 'node:worker_threads';
import type { ResilienceHandle } from '../resilience/resilience-handle.js';
import type { PipelineReport, StageReport } from './pipeline-report.js';
import type { ResolvedSpec } from './resolved-spec.js';

/** The argument of a thread's task. `control` is transferred with it. */
export interface PipelineTask {
  /** Differs when the two sides come from different releases: refused then. */
  readonly protocol: typeof PROTOCOL_VERSION;
  readonly spec: ResolvedSpec;
  /** Budgets and breakers, for a spec that names some. */
  readonly resilience?: ResilienceHandle;
  /** Texts that must not be in logs, reports and errors. */
  readonly secrets?: readonly string[];
  /** Memory of the `Counters`, shared. */
  readonly counters: SharedArrayBuffer;
  /** By which the syncs of all threads take turns. */
  readonly syncs: SharedArrayBuffer;
  /** The Comlink end of `PipelineControl`. */
  readonly control: MessagePort;
  /** Log lines, as `LogLine`. Its other end belongs to the supervisor. */
  readonly logs: MessagePort;
}

export const PROTOCOL_VERSION = 5;

/** All that a supervisor may ask of a running actor. None waits for rows, and all but `ready` answer at once. */
export interface PipelineControl {
  /** Answers once all stages of the pipeline are open. The first batch waits for the question. */
  ready(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Only asks; the end is the task's outcome. */
  drain(): void;
  /** Asks for an end without delivery, for threads that must not be terminated. */
  stop(): void;
  describe(): readonly StageReport[];
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Lines that a thread may have posted and the main thread not yet taken. */
export const LOG_LINES_MAX = 256;

/** What a thread's task settles with. A bug rejects it instead. */
export interface PipelineOutcome {
  readonly report: PipelineReport;
  /** Kinds of timers, sockets and such that outlived the run: the thread is not used again. */
  readonly leftovers: readonly string[];
}
