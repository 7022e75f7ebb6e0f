import type { WireError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';
import type { CounterValues, DroppedRows } from '../shared-memory/counters.js';

/** How a run ended. Plain data: it crosses threads. */
export interface PipelineReport {
  /** `completed`: all that was read is with the sink, durable. `stopped`: cut short on request. */
  readonly outcome: 'completed' | 'stopped' | 'failed';
  /** Why it ended. */
  readonly reason: 'end of input' | 'drained' | 'suspended' | 'stopped' | 'error';
  readonly error?: WireError;
  readonly counters: CounterValues;
  /**
   * Rows that were read and neither delivered nor accounted for otherwise: lost with the run, or of a
   * suspended one in its checkpoint.
   */
  readonly rowsPending: number;
  /** What the rows in `rowsDropped` were dropped for. */
  readonly dropped: DroppedRows;
  readonly durationMs: number;
  /** The most bytes that its columns took at one time. Not known where its thread was lost. */
  readonly columnBytesPeak?: number;
  /** Files and such that the run wrote. */
  readonly outputs: readonly string[];
  /** What the sink said last of its durability. */
  readonly durable?: { readonly rows: number; readonly position: PlainData };
  readonly flushes: Readonly<Record<FlushReason, number>>;
  readonly stages: readonly StageReport[];
}

/** What a stage says of itself. */
export interface StageReport {
  /** `source`, `operators[0]`, `batcher`, `sink`. */
  readonly stage: string;
  readonly use: string;
  readonly health: StageHealth;
  readonly statistics: StageStatistics;
}

/** Whether a stage does its work, and if not, why. */
export type StageHealth =
  | { readonly status: 'ok' }
  | { readonly status: 'degraded' | 'failed'; readonly reason: string };

/** Numbers that a stage keeps beyond the pipeline's own counters, by name; names carry the unit. */
export type StageStatistics = Readonly<Record<string, number>>;

/** Why a batch was closed on its way to the sink. */
export type FlushReason = 'rows' | 'bytes' | 'age' | 'keys' | 'control' | 'drain';
