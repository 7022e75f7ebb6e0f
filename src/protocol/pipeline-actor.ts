/** What crosses between the supervisor and the thread of a pipeline: plain data and ports. */
import type { MessagePort } from 'node:worker_threads';
import type { ResolvedSpec } from '../settings/resolved-spec.js';
import type { PipelineReport, StageReport } from './pipeline-report.js';

/** The argument of a thread's task. `control` is transferred with it. */
export interface PipelineTask {
  /** Differs when the two sides come from different releases: refused then. */
  readonly protocol: typeof PROTOCOL_VERSION;
  readonly spec: ResolvedSpec;
  /** Memory of the `Counters`, shared. */
  readonly counters: SharedArrayBuffer;
  /** The Comlink end of `PipelineControl`. */
  readonly control: MessagePort;
  /** Log lines, as `LogLine`. Its other end belongs to the supervisor. */
  readonly logs: MessagePort;
}

export const PROTOCOL_VERSION = 1;

/** All that a supervisor may ask of a running actor. Each answers at once; none waits for rows. */
export interface PipelineControl {
  pause(): void;
  resume(): void;
  /** Only asks; the end is the task's outcome. */
  drain(): void;
  describe(): readonly StageReport[];
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** What a thread's task settles with. A bug rejects it instead. */
export type PipelineOutcome = PipelineReport;
