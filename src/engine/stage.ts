import type { ColumnMemory } from '../columns/column-memory.js';
import type { DictionarySet } from '../columns/dictionary.js';
import type { EventOrder } from '../columns/event-order.js';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../telemetry/logger.js';
import type { RunIdentity } from '../wire/checkpoint.js';
import type { StageHealth, StageStatistics } from '../wire/pipeline-report.js';
import type { CallGate } from './call-gate.js';
import type { Rejects } from './rejects.js';

/** What a stage may rely on in the stream that it is given. */
export interface StreamFacts {
  readonly order: EventOrder;
  /** Whether the data ends by itself: a recording, not a live feed. */
  readonly bounded: boolean;
}

/** What every stage is given when it is made. */
export interface StageContext {
  /** Name of the job: for file names and logs. */
  readonly job: string;
  readonly clock: Clock;
  /** For what is random in a stage that has no seed of its own. */
  readonly seed: number;
  readonly log: Logger;
  /** The strings of this pipeline. */
  readonly dictionaries: DictionarySet;
  /**
   * The account of the pipeline's columns. Batches are in it; a stage that holds much else in typed
   * arrays takes a share for them, and gives it back in `close`.
   */
  readonly memory: ColumnMemory;
  /** Rows that a batch has room for. */
  readonly batchRows: number;
  /** Where rows go that cannot be used. */
  readonly rejects: Rejects;
  /**
   * Of a source: what its calls to a provider pass, those that are no reads included. By it the budget
   * and the breaker of the spec hold for them.
   */
  readonly gate: CallGate;
  /** What is known of the stream that comes in. */
  readonly stream: StreamFacts;
  /** The run, and which of its starts this is: for names of what is not yet to be seen. */
  readonly run?: RunIdentity;
  /**
   * An earlier run is gone on with: `resume` or `restore` will be called after `open`. A sink that
   * refuses to touch what is there already must not refuse its own output.
   */
  readonly resuming?: boolean;
  /**
   * A store of checkpoints decides which rows count: a sink shows nothing before a `commit` or the last
   * `flush`.
   */
  readonly checkpointed?: boolean;
  /** Aborts when the run is to end without delivery: a `write` that waits ends, and throws the reason as its cause. */
  readonly stopping?: AbortSignal;
  /**
   * Of this owner of the run, from the store of checkpoints: a sink publishes nothing once it has seen a
   * higher one. Without it, a sink counts for itself.
   */
  readonly epoch?: number | undefined;
}

/**
 * What code a component brings into its thread, which decides how the thread may be ended:
 * JavaScript and WebAssembly may be terminated, a native addon may not (it can take the process
 * with it).
 */
export type Loads = 'javascript' | 'wasm' | 'native';

/** A stage and the name of its component. */
export interface Named<S> {
  readonly use: string;
  readonly stage: S;
}

/** Common to all stages. */
export interface Stage {
  /** Acquires what the stage needs. Called once, before anything else. */
  open?(): Promise<void> | void;
  /** Frees everything; called once, after a failure too. Must not throw for what is already gone. */
  close?(): Promise<void> | void;
  /** How it is. Without it: `ok`. */
  health?(): StageHealth;
  /** Numbers of its own, for the report and `describe`. */
  statistics?(): StageStatistics;
}
