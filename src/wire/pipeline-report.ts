import type { WireError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';
import type { CounterValues, DroppedRows } from '../shared-memory/counters.js';
import type { Bound } from './bounds.js';

/** How a run ended. Plain data, so that it can be posted to another thread. */
export interface PipelineReport {
  /** `completed`: everything that was read is durable at the sink. `stopped`: ended early on request. */
  readonly outcome: 'completed' | 'stopped' | 'failed';
  /**
   * Why it ended. `bounded`: it had a bound, and was drained there. `sliced`: it was to run for a slice, and the next
   * job of that name goes on behind it. `nothing left`: it was to run for a slice of a run that has completed.
   */
  readonly reason:
    | 'end of input'
    | 'drained'
    | 'bounded'
    | 'sliced'
    | 'nothing left'
    | 'suspended'
    | 'stopped'
    | 'error';
  /** Of `bounded` and `sliced`: which bound it was. */
  readonly bound?: Bound;
  readonly error?: WireError;
  readonly counters: CounterValues;
  /**
   * Rows that were read, but neither delivered nor accounted for otherwise: they are lost, or, if the run
   * was suspended, in its checkpoint.
   */
  readonly rowsPending: number;
  /** The rows in `counters.rowsDropped` by reason. Those of inputs and branches are in `leftOut`. */
  readonly dropped: DroppedRows;
  /**
   * The rows that were left out in all stages: those of inputs and branches included, of which the counters
   * know nothing. If the thread was lost, it is what the counters say.
   */
  readonly leftOut: LeftOutRows;
  readonly durationMs: number;
  /** Ms from the start of the run to its first batch, on the same watch as `durationMs`; missing if there was none. */
  readonly firstBatchMs?: number;
  /** Peak memory of its columns, in bytes. Unknown if its thread was lost. */
  readonly columnBytesPeak?: number;
  /** What the run wrote, such as files. */
  readonly outputs: readonly string[];
  /**
   * What the sink had made durable in this start of the run, as last reported. `rows` of a sink with branches is
   * the sum over its branches: a `tee` with two branches counts each row twice. What is not durable is
   * `rowsNotDurable` in the statistics of each sink.
   */
  readonly durable?: { readonly rows: number; readonly position: PlainData };
  readonly flushes: Readonly<Record<FlushReason, number>>;
  readonly stages: readonly StageReport[];
}

/**
 * The rows that a run has left out, over all of its stages: those of its inputs and branches are included, which
 * the counters of the pipeline do not know.
 */
export interface LeftOutRows {
  /** Rows that were dropped, or left out by a full queue. */
  readonly rowsDropped: number;
  /** The rows in `rowsDropped` by reason. */
  readonly dropped: DroppedRows;
  /** Rows in the dead-letter file, or the one that stopped the job. */
  readonly rowsRejected: number;
  /** Rows that came late, whatever happened to them. */
  readonly rowsLate: number;
  /** Rows that a sink passed to none of its branches: of a `split`, those that met no condition, without `otherwise`. */
  readonly rowsUnrouted: number;
}

/** What a stage says of itself. */
export interface StageReport {
  /** Its path in the spec: `source`, `operators[0]`, `operators[0].with`, `batcher`, `sink`. */
  readonly stage: string;
  readonly kind: 'source' | 'operator' | 'batcher' | 'sink';
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

/**
 * Numbers that a stage reports in addition to the pipeline's counters, by name. Names include the unit.
 *
 * Those of the sink of a branch, and of the source of an input, say what became of the rows of that line:
 * `rowsIn + rowsDerived` is the sum of `rowsOut`, `rowsFiltered`, `rowsFolded`, `rowsConflated`,
 * `rowsDroppedOldest`, `rowsDroppedNewest`, `rowsDropped`, `rowsRejected` and `rowsPending`.
 */
export type StageStatistics = Readonly<Record<string, number>>;

/** Why a batch was closed on its way to the sink. */
export type FlushReason = 'rows' | 'bytes' | 'age' | 'keys' | 'control' | 'drain';
