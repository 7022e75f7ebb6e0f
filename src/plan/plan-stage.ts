import type { Schema } from '../columns/schema.js';
import type { ComponentKind, FactoryOf } from '../engine/component.js';
import type { PlanProblems, SpecFacts } from '../engine/factories.js';
import type { StageFiles } from '../wire/stage-files.js';

/** The arguments for planning a stage. */
export interface StagePlan {
  readonly options: unknown;
  /** The input columns, if known. */
  readonly input: Schema | undefined;
  readonly problems: PlanProblems;
  /** `undefined` if the columns of some of its inputs are unknown. */
  readonly spec: SpecFacts | undefined;
}

type Plans = {
  readonly [Kind in ComponentKind]: (factory: FactoryOf<Kind>, plan: StagePlan) => Schema | undefined;
};

const PLANS: Plans = {
  source: (factory, { options, problems, spec }) => spec && factory.plan(options, problems, spec),
  operator: (factory, { options, input, problems, spec }) =>
    input && spec && factory.plan(options, input, problems, spec),
  batcher: (factory, { options, input, problems }) => {
    if (input) factory.plan?.(options, input, problems);
    return undefined;
  },
  sink: (factory, { options, input, problems }) => {
    if (input) factory.plan?.(options, input, problems);
    return undefined;
  },
};

/**
 * Runs the plan of a stage.
 *
 * @returns The output columns of a source or an operator; `undefined` if its input columns are unknown.
 */
export function planStage<Kind extends ComponentKind>(
  kind: Kind,
  factory: FactoryOf<Kind>,
  plan: StagePlan,
): Schema | undefined {
  return PLANS[kind](factory, plan);
}

/** Returns the files that a stage reads and writes according to its options. */
export function filesOf(
  factory: FactoryOf<ComponentKind> | undefined,
  options: unknown,
): StageFiles | undefined {
  return factory && 'files' in factory ? factory.files?.(options) : undefined;
}
