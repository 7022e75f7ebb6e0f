import type { Schema } from '../columns/schema.js';
import { type ErrorCode, PipelineError, RuntimeError, type SpecProblem } from '../core/errors.js';
import { hideSecrets } from '../core/hide-secrets.js';
import { redact } from '../core/redact.js';
import type { ComponentKind, FactoryOf } from '../engine/component.js';
import type { PlanProblems, SpecFacts } from '../engine/factories.js';
import { loadStage } from '../registry/load-stage.js';
import type { Registry } from '../registry/registry.js';
import type { ResolvedStage } from '../wire/resolved-spec.js';
import { isOurs } from './load-catalogue.js';
import { planStage } from './plan-stage.js';
import type { StageOverrides } from './stage-overrides.js';
import type { PlanAnswer, UserCode } from './user-code/user-code.js';

type Path = readonly (string | number)[];

/** The stages of a spec, as far as they are sound enough to be looked at. */
export interface Stages {
  readonly source: ResolvedStage | undefined;
  readonly operators: readonly (ResolvedStage | undefined)[];
  readonly batcher: ResolvedStage | undefined;
  readonly sink: ResolvedStage | undefined;
}

export interface Planning {
  readonly job: string;
  readonly facts: SpecFacts;
  readonly overrides: StageOverrides;
  readonly userCode: UserCode;
  readonly registry: Registry;
  readonly problems: SpecProblem[];
}

/**
 * Follows the columns from stage to stage, as far as the stages are sound. Code of users is asked in any
 * case, since it alone can check its options.
 *
 * @returns The stages, with what components from outside make of their options.
 */
export async function planStages(stages: Stages, planning: Planning): Promise<Stages> {
  const { overrides, problems } = planning;
  const planner = new Planner(planning);
  const before = problems.length;
  const source = await planner.plan('source', ['source'], stages.source, undefined, overrides.source);
  let schema = problems.length > before ? undefined : source.output;
  const operators: (ResolvedStage | undefined)[] = [];
  for (const [i, operator] of stages.operators.entries()) {
    const planned = await planner.plan('operator', ['operators', i], operator, schema);
    operators.push(planned.stage);
    schema = planned.output;
  }
  const batcher = await planner.plan('batcher', ['batcher'], stages.batcher, schema);
  const sink = await planner.plan('sink', ['sink'], stages.sink, schema, overrides.sink);
  return { source: source.stage, operators, batcher: batcher.stage, sink: sink.stage };
}

interface Planned {
  readonly stage: ResolvedStage | undefined;
  /** The columns that come out, where they are known. */
  readonly output?: Schema | undefined;
}

class Planner {
  readonly #planning: Planning;

  constructor(planning: Planning) {
    this.#planning = planning;
  }

  /** @param override - The stage's factory, where it is given in code. */
  async plan<Kind extends ComponentKind>(
    kind: Kind,
    path: Path,
    stage: ResolvedStage | undefined,
    input: Schema | undefined,
    override?: FactoryOf<Kind>,
  ): Promise<Planned> {
    if (!stage) return { stage };
    const planned = await attempt(FAILED[kind], path, this.#planning.problems, () =>
      stage.file === undefined
        ? this.#planOurs(kind, path, stage, input, override)
        : this.#ask(kind, path, stage, input),
    );
    return planned ?? { stage };
  }

  async #planOurs<Kind extends ComponentKind>(
    kind: Kind,
    path: Path,
    stage: ResolvedStage,
    input: Schema | undefined,
    override: FactoryOf<Kind> | undefined,
  ): Promise<Planned> {
    if (kind !== 'source' && !input) return { stage };
    const { registry, facts: spec, problems } = this.#planning;
    const factory = override ?? (await loadStage(registry, kind, stage));
    const { options } = stage;
    const output = planStage(kind, factory, { options, input, spec, problems: under(path, problems) });
    return { stage, output };
  }

  async #ask(
    kind: ComponentKind,
    path: Path,
    stage: ResolvedStage,
    input: Schema | undefined,
  ): Promise<Planned> {
    const { job, facts: spec, userCode, problems } = this.#planning;
    const {
      output,
      checked,
      problems: found,
    } = await withoutSecrets(stage, () => userCode.plan({ job, kind, stage, spec, ...(input && { input }) }));
    for (const { path: within, message } of found) problems.push({ path: [...path, ...within], message });
    const { outside } = stage;
    if (!checked || !outside) return { stage, output };
    const { options, loads, files } = checked;
    return { stage: { ...stage, options, loads, outside: { ...outside, ...(files && { files }) } }, output };
  }
}

/** What the code prints and answers is told without the secrets that it was given. */
async function withoutSecrets(
  { secrets = [] }: ResolvedStage,
  ask: () => Promise<PlanAnswer>,
): Promise<PlanAnswer> {
  const showSecrets = hideSecrets(secrets);
  try {
    const answer = await ask();
    const problems = answer.problems.map(({ path, message }) => ({ path, message: redact(message) }));
    return { ...answer, problems };
  } catch (error) {
    if (!(error instanceof PipelineError) || isOurs(error)) throw error;
    throw new PipelineError(error.code, redact(error.message));
  } finally {
    showSecrets();
  }
}

const FAILED: Readonly<Record<ComponentKind, ErrorCode>> = {
  source: 'SOURCE_FAILED',
  operator: 'OPERATOR_FAILED',
  batcher: 'OPERATOR_FAILED',
  sink: 'SINK_FAILED',
};

/** Code of users may fail to load, or throw as it plans: that is a problem of the spec. */
export async function attempt<T>(
  code: ErrorCode,
  path: Path,
  problems: SpecProblem[],
  act: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof RuntimeError)) {
      const message = redact(error instanceof Error ? error.message : String(error));
      throw new PipelineError(code, `${path.join('.')}: planning failed: ${message}`, { cause: error });
    }
    if (isOurs(error)) throw error;
    problems.push({ path, message: error.message });
    return undefined;
  }
}

const under = (path: Path, problems: SpecProblem[]): PlanProblems => ({
  add: (within, message) => problems.push({ path: [...path, ...within], message }),
});
