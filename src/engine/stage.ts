import type { ColumnMemory } from '../columns/column-memory.js';
import type { DictionarySet } from '../columns/dictionary.js';
import type { EventOrder } from '../columns/event-order.js';
import type { Clock } from '../core/clock.js';
import type { Logger } from '../telemetry/logger.js';
import type { RunIdentity } from '../wire/checkpoint.js';
import type { StageHealth, StageStatistics } from '../wire/pipeline-report.js';
import type { CallGate } from './call-gate.js';
import type { Rejects } from './rejects.js';

/** What a stage may assume about its input stream. */
export interface StreamFacts {
  readonly order: EventOrder;
  /** Whether the data ends by itself: a recording, not a live feed. */
  readonly bounded: boolean;
}

/** What every stage receives when it is created. */
export interface StageContext {
  /** Name of the job: for file names and logs. */
  readonly job: string;
  readonly clock: Clock;
  /** Seed for random numbers in a stage without its own seed. */
  readonly seed: number;
  readonly log: Logger;
  /** The strings of this pipeline. */
  readonly dictionaries: DictionarySet;
  /**
   * The memory account of the pipeline's columns. It includes batches. A stage that holds much more in
   * typed arrays takes a share for them, and returns it in `close`.
   */
  readonly memory: ColumnMemory;
  /** Capacity of a batch, in rows. */
  readonly batchRows: number;
  /** Receives bad rows. */
  readonly rejects: Rejects;
  /**
   * For a source: the gate for its calls to a provider, including those that are not reads. It applies
   * the budget and the breaker of the spec to them.
   */
  readonly gate: CallGate;
  /** What is known about the input stream. */
  readonly stream: StreamFacts;
  /** The run, and which of its starts this is; used to name staged output. */
  readonly run?: RunIdentity;
  /**
   * Whether a run is resumed: `resume` or `restore` will be called after `open`. A sink that refuses
   * existing output must not refuse its own.
   */
  readonly resuming?: boolean;
  /**
   * Whether a checkpoint store decides which rows count. If so, a sink makes nothing visible before a
   * `commit` or the last `flush`.
   */
  readonly checkpointed?: boolean;
  /** Aborts when the run must end without delivery: a waiting `write` ends, and throws with the reason as its cause. */
  readonly stopping?: AbortSignal;
  /**
   * The epoch of this owner of the run, from the checkpoint store. A sink publishes nothing once it has
   * seen a higher one. If missing, a sink counts epochs itself.
   */
  readonly epoch?: number | undefined;
}

/**
 * The kind of code that a component loads into its thread. It decides how the thread may be ended:
 * threads with JavaScript and WebAssembly may be terminated; with a native addon they may not, since that
 * can crash the process.
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
  /** Frees everything. Called once, also after a failure. Must not throw for what is already freed. */
  close?(): Promise<void> | void;
  /** How it is. Without it: `ok`. */
  health?(): StageHealth;
  /** Numbers of its own, for the report and `describe`. */
  statistics?(): StageStatistics;
}
