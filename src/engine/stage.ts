import type { CalendarData } from '../calendars/calendar-data.js';
import type { ColumnMemory } from '../columns/column-memory.js';
import type { DictionarySet } from '../columns/dictionary.js';
import type { EventOrder } from '../columns/event-order.js';
import type { Clock } from '../core/clock.js';
import type { PlainData } from '../core/plain-data.js';
import type { Nanos } from '../core/units.js';
import type { Counters } from '../shared-memory/counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { RunIdentity } from '../wire/checkpoint.js';
import type { StageHealth, StageStatistics } from '../wire/pipeline-report.js';
import type { BranchTree, InputTree } from '../wire/stage-tree.js';
import type { TopicLinks } from '../wire/topic-messages.js';
import type { Branch } from './branch.js';
import type { CallGate } from './call-gate.js';
import type { HeldStage } from './held-stage.js';
import type { Input } from './input.js';
import type { KnownWaits } from './known-waits.js';
import type { LoopTurns } from './loop-turns.js';
import type { LettersBehind, Rejects } from './rejects.js';
import type { SourceCapabilities } from './source-capabilities.js';
import type { StagesAtWork } from './stages-at-work.js';

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
  /** Id of the stage, its path in the spec, such as `operators[0]`: for messages. */
  readonly id: string;
  /** What a sink is called in checkpoints: its id or, if the user has named it, by that name. */
  readonly key?: string | undefined;
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
  /**
   * For a source: whether the stage that reads it opens and closes it, and may go on with another one. Then no next
   * opening is sure to be given its position, so it gives what it holds back before it fails.
   */
  readonly isReplaceable?: boolean;
  /** Aborts when the run must end without delivery: a waiting `write` ends, and throws with the reason as its cause. */
  readonly stopping?: AbortSignal;
  /**
   * For waits that are no lack of progress: `knownWaits.during(promise)` while a failed call waits to be tried again, or
   * for room somewhere. Otherwise a call that does not settle for long is told of as stalled.
   */
  readonly knownWaits?: KnownWaits | undefined;
  /**
   * The epoch of this owner of the run, from the checkpoint store. A sink publishes nothing once it has
   * seen a higher one. If missing, a sink counts epochs itself.
   */
  readonly epoch?: number | undefined;
  /**
   * Identifies the key that the checkpoint store keeps the run under. Of two runs under one key, only the
   * one with the higher epoch can have checkpoints accepted, so a sink may take its output from the other.
   */
  readonly keyId?: string | undefined;
  /**
   * Under which the database of a sink that decides knows the run: that of `TakeOver`. Unlike `keyId`, it stays with the
   * run where its checkpoint goes on in another store.
   */
  readonly databaseKey?: string | undefined;
  /** @internal The way to the topics of the runtime. Missing in a pipeline without one. */
  readonly topics?: TopicLinks | undefined;
  /** The calendars that its options name by their files, by these paths. */
  readonly calendars?: Readonly<Record<string, CalendarData>> | undefined;
  /** What the stage reads besides its input stream, by their ids in its options: `with`, `sources[1]`. */
  readonly inputs: Readonly<Record<string, Input>>;
  /** What a sink passes rows on to, by their ids in its options: `branches[0]`, `routes.large`. Others have none. */
  readonly branches: Readonly<Record<string, Branch>>;
  /**
   * For an operator that has rows to emit though it was given none, since an input of its own has moved on:
   * it is asked (`hasMore`, `emitMore`) soon, also while the source waits.
   */
  wake(): void;
}

/**
 * The kind of code that a component loads into its thread. It decides how the thread may be ended:
 * threads with JavaScript and WebAssembly may be terminated; with a native addon they may not, since that
 * can crash the process.
 */
export type Loads = 'javascript' | 'wasm' | 'native';

/** A stage and the name of its component. */
export interface Named<S> {
  /** Its path in the spec, such as `operators[0]`. */
  readonly id: string;
  readonly use: string;
  /** Given by the user. */
  readonly name?: string | undefined;
  /** For errors. Default: its kind and `use`. */
  readonly title?: string | undefined;
  readonly stage: S;
  /** What it reads besides its input stream. */
  readonly inputs?: Readonly<Record<string, RunningInput>> | undefined;
  /** What it passes rows on to, if it is a sink. */
  readonly branches?: Readonly<Record<string, RunningBranch>> | undefined;
}

/** An input as the pipeline sees it. The stage that reads it sees an `Input`. */
export interface RunningInput extends InputTree<Named<Stage>> {
  readonly capabilities: SourceCapabilities;
  /** Lets it tell the time while its source is silent. Called once all stages are open. */
  start(): void;
  /**
   * Asks its source to end; what was read is delivered. A source that gives nothing more for a while, while the stage
   * that reads the input waits for it, is taken to have ended: after the sources that it reads itself.
   */
  drain(): void;
  /** Grows with whatever its source does, or one that this reads: reads that begin and end, and its end. */
  readonly steps: number;
  /** Whether it was drained and has not ended, while the stage that reads it waits for it. */
  readonly isDrainAwaited: boolean;
  /**
   * Asks its source to end, and delivers nothing more: whoever waits for a read goes on, though that of the source may
   * not settle.
   * @param reason - What reads and a pending `freeze` fail with.
   */
  breakOff(reason: unknown): void;
  /**
   * Stops its source if what that has given cannot be read again, and resolves once all of it is in the state
   * of its operators, or behind them. To the stage that reads it, this is no end.
   */
  suspend(): Promise<void>;
  /** While it is held, time stands still: no watermark is emitted. */
  hold(): void;
  /** @param heldNs - How long it was held. */
  goOn(heldNs: bigint): void;
  /**
   * Begins nothing new until `thaw`, and resolves once its state can be saved: after what is in progress, but
   * not after a read of its source that waits and whose position is known.
   */
  freeze(): Promise<void>;
  thaw(): void;
  /** The state of its source and of what waits for delivery, while it is frozen. Operators have their own. */
  snapshot(): PlainData;
  /** The dead letters of its source that are not in its last snapshot: their rows are read again. */
  lettersBehind(): readonly LettersBehind[];
  /** Called after `open`, and before the stage that reads it is restored. */
  restore(state: PlainData): Promise<void>;
  /** Ends it, before its stages are closed: waits for a read of its source in progress. Never rejects. */
  end(): Promise<void>;
  /** Why its source does not do all of its work, apart from what it says itself. */
  readonly trouble: string | undefined;
  /** Numbers of its source, for reports. */
  statistics(): StageStatistics;
}

/** A branch as the pipeline sees it. The sink that passes rows on sees a `Branch`. */
export interface RunningBranch extends BranchTree<Named<Stage>> {
  /** The path of its sink in the spec. */
  readonly id: string;
  /** Lets it work. Called once all stages are open and have their states. */
  start(run: BranchRun): void;
  /** The run drains: live inputs end once the rows in front of the end are through, or now if they are. */
  drain(): void;
  /**
   * Begins nothing new, and ends what waits for it: a batch that waits for room is kept, a cut fails.
   * @param reason - What cuts fail with, and what batches are refused with from now on.
   */
  breakOff(reason: unknown): void;
  /** Frees what it holds, once the work in progress is done. Called after `breakOff`. Never rejects. */
  end(): Promise<void>;
  /** When the oldest work in progress began, on the clock's `now()`; `undefined` if it waits for work. */
  workingSince(): Nanos | undefined;
  /** The calls of its own stages that have not settled. */
  readonly held: readonly (HeldStage | undefined)[];
  /** Why it does not pass on all of its rows: its queue leaves some out. */
  readonly trouble: string | undefined;
  /** The ids of the branches that hold up a cut of this one: its own or those inside it. None without a cut. */
  unfinished(): readonly string[];
  /** Numbers of its stages, for reports. Those of its sink say what became of the rows. */
  statistics(): ReadonlyMap<Named<Stage>, StageStatistics>;
}

/** What a branch needs from its pipeline at run time. */
export interface BranchRun {
  readonly turns: LoopTurns;
  readonly stages: StagesAtWork;
  readonly counters: Pick<Counters, 'add' | 'mayRunUntilNs'>;
  /** Whether a cut that begins now is the last one of this start: rows after it would be lost. */
  takesLastCut(): boolean;
  /** Called with what has failed in it. */
  onFailure(error: unknown): void;
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
