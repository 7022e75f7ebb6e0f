import type { Schema } from '../columns/schema.js';
import type { Logger } from '../telemetry/logger.js';
import type { Owner } from '../wire/checkpoint.js';
import type { StageFiles } from '../wire/stage-files.js';
import type { Batcher } from './batcher.js';
import type { Operator } from './operator.js';
import type { Sink } from './sink.js';
import type { Source } from './source.js';
import type { StageContext } from './stage.js';

/**
 * Collects the problems in the options of a component, by path within the options. Planning continues
 * after a problem, so that all are reported at once.
 */
export interface PlanProblems {
  /** @param path - Keys within the options: `['path', 1]`. */
  add(path: readonly (string | number)[], message: string): void;
}

/** What planning may need to know about the rest of the spec. */
export interface SpecFacts {
  /** Whether the spec has a dead-letter file. */
  readonly hasDeadLetters: boolean;
  /** The columns of the inputs of this stage, by id. */
  readonly inputs: Readonly<Record<string, Schema>>;
  /** The columns of the topics of the runtime, as far as they are known. For sources of this package. */
  readonly topics?: Readonly<Record<string, Schema>> | undefined;
}

/**
 * How a source is made from its options. `plan` opens nothing and is free of side effects: it says
 * which columns come out, or what is wrong with the options; after a problem it answers as well as
 * it can. `create` is called only when no problem was found, in the thread that runs the pipeline.
 */
export interface SourceFactory<Options> {
  /** The columns that come out. */
  plan(options: Options, problems: PlanProblems, spec: SpecFacts): Schema;
  /** If missing, the stage has no files. */
  files?(options: Options): StageFiles;
  /** Makes the stage, without opening anything. */
  create(options: Options, context: StageContext): Source;
}

/** How an operator is made from its options: as a {@link SourceFactory}, with the columns that come in. */
export interface OperatorFactory<Options> {
  /** The columns that come out. */
  plan(options: Options, input: Schema, problems: PlanProblems, spec: SpecFacts): Schema;
  /** Makes the stage, without opening anything. */
  create(options: Options, input: Schema, context: StageContext): Operator;
}

/** How a batcher is made from its options: as a {@link SourceFactory}. */
export interface BatcherFactory<Options> {
  /** Says what is wrong with the options for these columns. */
  plan?(options: Options, input: Schema, problems: PlanProblems): void;
  /** Makes the stage, without opening anything. */
  create(options: Options, input: Schema, context: StageContext): Batcher;
}

/** What a sink that decides is asked for at the start of a run. */
export interface TakeOver {
  readonly job: string;
  /** Under which the database knows the run: the same in all starts of it, from another checkpoint store, too. */
  readonly key: string;
  /** What the sink is called in checkpoints. */
  readonly sink: string;
  readonly epoch: number;
  readonly owner: Owner;
  readonly log: Logger;
  /** Aborted once the start is stopped: then it is not to be waited for any more. */
  readonly signal?: AbortSignal | undefined;
}

/** What a database knows of a run. */
export interface TakenOver {
  /** The id of the last checkpoint that was committed. Missing: none was. */
  readonly committed?: string | undefined;
}

/** How a sink is made from its options: as a {@link SourceFactory}. */
export interface SinkFactory<Options> {
  /** Says what is wrong with the options for these columns. */
  plan?(options: Options, input: Schema, problems: PlanProblems): void;
  /** If missing, the stage has no files. */
  files?(options: Options): StageFiles;
  /** Makes the stage, without opening anything. */
  create(options: Options, input: Schema, context: StageContext): Sink;
  /**
   * Of a sink that `decides`: takes the run over at its database, so that no earlier start commits anything more, and
   * tells the id of the last checkpoint of the key that was committed. It waits for a transaction of an earlier start whose commit
   * is in progress. Called before the stages are made, if the store holds an undecided checkpoint.
   *
   * @returns `undefined` if the database has no record of the run at all: it has been removed, or is in another place.
   *   Then nothing is taken over, and the start is refused.
   * @throws {RuntimeError} `FENCED` if a later start has taken the run over.
   */
  takeOver?(options: Options, start: TakeOver): Promise<TakenOver | undefined>;
}
