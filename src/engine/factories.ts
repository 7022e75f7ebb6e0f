import type { Schema } from '../columns/schema.js';
import type { StageFiles } from '../wire/stage-files.js';
import type { Batcher } from './batcher.js';
import type { Operator } from './operator.js';
import type { Sink } from './sink.js';
import type { Source } from './source.js';
import type { StageContext } from './stage.js';

/**
 * Takes what is wrong with a component's options, by their path within them. Planning goes on
 * after a problem, so that all are named at once.
 */
export interface PlanProblems {
  add(path: readonly (string | number)[], message: string): void;
}

/** What a plan may have to know of the rest of the spec. */
export interface SpecFacts {
  /** Whether rows that cannot be used are kept in a file. */
  readonly hasDeadLetters: boolean;
}

/**
 * How a stage is made from its options. `plan` opens nothing and is free of side effects: it says
 * which columns come out, or what is wrong with the options; after a problem it answers as well as
 * it can. `create` is called only when no problem was found, in the thread that runs the pipeline.
 */
export interface SourceFactory<Options> {
  plan(options: Options, problems: PlanProblems): Schema;
  /** Without it, the stage has no files. */
  files?(options: Options): StageFiles;
  create(options: Options, context: StageContext): Source;
}

export interface OperatorFactory<Options> {
  plan(options: Options, input: Schema, problems: PlanProblems, spec: SpecFacts): Schema;
  create(options: Options, input: Schema, context: StageContext): Operator;
}

export interface BatcherFactory<Options> {
  plan?(options: Options, input: Schema, problems: PlanProblems): void;
  create(options: Options, input: Schema, context: StageContext): Batcher;
}

export interface SinkFactory<Options> {
  plan?(options: Options, input: Schema, problems: PlanProblems): void;
  /** Without it, the stage has no files. */
  files?(options: Options): StageFiles;
  create(options: Options, input: Schema, context: StageContext): Sink;
}
