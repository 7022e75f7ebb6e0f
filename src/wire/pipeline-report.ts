import type { WireError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';
import type { CounterValues, DroppedRows } from '../shared-memory/counters.js';

/** How a run ended. Plain data, so that it can be posted to another thread. */
export interface PipelineReport {
  /** `completed`: everything that was read is durable at the sink. `stopped`: ended early on request. */
  readonly outcome: 'completed' | 'stopped' | 'failed';
  /** Why it ended. */
  readonly reason: 'end of input' | 'drained' | 'suspended' | 'stopped' | 'error';
  readonly error?: WireError;
  readonly counters: CounterValues;
  /**
   * Rows that were read, but neither delivered nor accounted for otherwise: they are lost, or, if the run
   * was suspended, in its checkpoint.
   */
  readonly rowsPending: number;
  /** The rows in `rowsDropped` by reason. */
  readonly dropped: DroppedRows;
  readonly durationMs: number;
  /** Peak memory of its columns, in bytes. Unknown if its thread was lost. */
  readonly columnBytesPeak?: number;
  /** What the run wrote, such as files. */
  readonly outputs: readonly string[];
  /** What the sink had made durable, as last reported. */
  readonly durable?: { readonly rows: number; readonly position: PlainData };
  readonly flushes: Readonly<Record<FlushReason, number>>;
  readonly stages: readonly StageReport[];
}

/** What a stage says of itself. */
export interface StageReport {
  /** Its path in the spec: `source`, `operators[0]`, `operators[0].with`, `batcher`, `sink`. */
  readonly stage: string;
  /** Given by the user. */
  readonly name?: string;
  readonly use: string;
  readonly health: StageHealth;
  readonly statistics: StageStatistics;
}

/** Whether a stage does its work, and if not, why. */
export type StageHealth =
  | { readonly status: 'ok' }
  | { readonly status: 'degraded' | 'failed'; readonly reason: string };

/** Numbers that a stage reports in addition to the pipeline's counters, by name. Names include the unit. */
export type StageStatistics = Readonly<Record<string, number>>;

/** Why a batch was closed on its way to the sink. */
export type FlushReason = 'rows' | 'bytes' | 'age' | 'keys' | 'control' | 'drain';
