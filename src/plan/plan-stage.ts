import type { Schema } from '../columns/schema.js';
import type { ComponentKind, FactoryOf } from '../engine/component.js';
import type { PlanProblems, SpecFacts } from '../engine/factories.js';
import type { StageFiles } from '../wire/stage-files.js';

/** What a stage is planned with. */
export interface StagePlan {
  readonly options: unknown;
  /** The columns that come in, where they are known. */
  readonly input: Schema | undefined;
  readonly problems: PlanProblems;
  /** `undefined` while the columns of some of its inputs are not known. */
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

/** @returns The columns that come out of a source or an operator, as far as those that come in are known. */
export function planStage<Kind extends ComponentKind>(
  kind: Kind,
  factory: FactoryOf<Kind>,
  plan: StagePlan,
): Schema | undefined {
  return PLANS[kind](factory, plan);
}

/** Which files a stage reads and writes by its options. */
export function filesOf(
  factory: FactoryOf<ComponentKind> | undefined,
  options: unknown,
): StageFiles | undefined {
  return factory && 'files' in factory ? factory.files?.(options) : undefined;
}
