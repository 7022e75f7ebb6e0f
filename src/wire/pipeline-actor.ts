/** The messages between the supervisor and the thread of a pipeline: plain data and ports. */
import type { MessagePort } from 'node:worker_threads';
import type { RemoteResilienceHandle } from '../resilience/remote/remote-messages.js';
import type { ResilienceHandle } from '../resilience/resilience-handle.js';
import type { CountersHandle } from '../shared-memory/counters.js';
import type { SyncHandle } from '../shared-memory/sync-memory.js';
import type { ThreadWatchHandle } from '../shared-memory/thread-watch.js';
import type { RowBounds } from './bounds.js';
import type { PipelineReport, StageReport } from './pipeline-report.js';
import type { ResolvedSpec } from './resolved-spec.js';

/** The argument of a thread's task. `control` is transferred with it. */
export interface PipelineTask {
  /** Differs if the two sides are from different releases; then the task is refused. */
  readonly protocol: typeof PROTOCOL_VERSION;
  readonly spec: ResolvedSpec;
  /** Budgets and breakers, for a spec that names any. */
  readonly resilience?: ResilienceHandle | RemoteResilienceHandle;
  /** The way to the registry of topics, for a spec that names any. Transferred with the task. */
  readonly topics?: MessagePort;
  /** Texts that must not appear in logs, reports and errors. */
  readonly secrets?: readonly string[];
  readonly counters: CountersHandle;
  /** Where the thread says what a watchdog needs to know. */
  readonly watch: ThreadWatchHandle;
  /** Through which the syncs of all threads take turns. */
  readonly syncs: SyncHandle;
  /** The Comlink end of `PipelineControl`. */
  readonly control: MessagePort;
  /** Takes each `ThreadNotice`. Its other end belongs to the supervisor. */
  readonly logs: MessagePort;
  /** Where the checkpoints of the job are kept. Without it, there are none. */
  readonly checkpoints?: CheckpointFolder;
  /** How many rows of its source it may take; and whether it is a slice of a run, which begins no new run. */
  readonly bounds?: RowBounds & { readonly isSlice?: boolean | undefined };
  /** When another run may follow this one. Missing: none does. */
  readonly restarts?: 'on-failure' | 'always';
}

/** A `FileCheckpointStore`, which the thread of the job opens itself. */
export interface CheckpointFolder {
  readonly path: string;
  /** Between two checkpoints. */
  readonly everyMs: number;
  /** Epoch of the start before, if that is gone and has left no report: it may have completed all the same. */
  readonly followsEpoch?: number;
}

export const PROTOCOL_VERSION = 12;

/** The requests to a running actor. None waits for rows, and all but `ready` are answered at once. */
export interface PipelineControl {
  /** Answered once all stages of the pipeline are open. The first batch waits until this was called. */
  ready(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Only requests a drain; the end is the outcome of the task. */
  drain(): void;
  /** Only requests an end with a last checkpoint, from which the next start goes on; without a store, a drain. */
  suspend(): void;
  /** Requests an end without delivery, for threads that must not be terminated. */
  stop(): void;
  describe(): readonly StageReport[];
}

/** Posted as the thread begins its task, before any code of the user is loaded that could block it. */
export const THREAD_BEGUN = 'begun';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Maximum log lines that a thread may have in flight to the main thread. */
export const LOG_LINES_MAX = 256;

/** Posted once the run has claimed its key at the checkpoint store, before its stages are made. */
export interface RunClaimed {
  readonly epoch: number;
  /** Rows that the sink had accepted in earlier starts of the run. */
  readonly rowsOut: number;
}

/** What a thread posts to its supervisor: `THREAD_BEGUN` first of all. */
export type ThreadNotice = typeof THREAD_BEGUN | RunClaimed | LogLine;

/** The result of a thread's task. Only a bug rejects the task. */
export interface PipelineOutcome {
  readonly report: PipelineReport;
  /** Kinds of resources (timers, sockets, …) that outlived the run. If there are any, the thread is not reused. */
  readonly leftovers: readonly string[];
}
