import type { Schema } from '../columns/schema.js';
import {
  type ErrorCode,
  formatPath,
  PipelineError,
  PROBLEMS_MAX,
  RuntimeError,
  type SpecProblem,
} from '../core/errors.js';
import { hideSecrets } from '../core/hide-secrets.js';
import { redact } from '../core/redact.js';
import type { ComponentKind, FactoryOf } from '../engine/component.js';
import type { PlanProblems, SpecFacts } from '../engine/factories.js';
import { loadedStage, loadStage } from '../registry/load-stage.js';
import type { Registry } from '../registry/registry.js';
import type { ResolvedBranch, ResolvedInput, ResolvedStage } from '../wire/resolved-spec.js';
import { isAlone, type Path } from '../wire/stage-tree.js';
import { isTopic } from '../wire/stages-of-spec.js';
import { checkQueue } from './check-queue.js';
import { isOurs } from './load-catalogue.js';
import { planStage } from './plan-stage.js';
import { stageAlone } from './stage-alone.js';
import type { StageOverrides } from './stage-overrides.js';
import { NO_TOPICS, withTopicSchema } from './topic-stages.js';
import type { PlanAnswer, UserCode } from './user-code/user-code.js';

/** The stages of a spec. A stage that is too invalid for further checks is `undefined`. */
export interface Stages {
  readonly source: ResolvedStage | undefined;
  readonly operators: readonly (ResolvedStage | undefined)[];
  readonly batcher: ResolvedStage | undefined;
  readonly sink: ResolvedStage | undefined;
}

/** What the stages of a spec are planned with. */
export interface Planning {
  readonly job: string;
  readonly facts: Omit<SpecFacts, 'inputs' | 'topics'>;
  /** The topics of the runtime; `undefined`: there is no runtime. */
  readonly topics: SpecFacts['topics'];
  readonly overrides: StageOverrides;
  readonly userCode: UserCode;
  readonly registry: Registry;
  readonly problems: SpecProblem[];
}

/**
 * Plans the stages in order, each with the output columns of the one before, as far as they are valid.
 * User code is loaded even if its input columns are unknown, since only it can check its options.
 *
 * @returns The stages, with options as checked by components from outside; and the output columns of
 *   sources and operators, by id.
 */
export async function planStages(
  stages: Stages,
  planning: Planning,
): Promise<{ readonly stages: Stages; readonly outputs: ReadonlyMap<string, Schema> }> {
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
  return {
    stages: { source: source.stage, operators, batcher: batcher.stage, sink: sink.stage },
    outputs: planner.outputs,
  };
}

interface Planned {
  readonly stage: ResolvedStage | undefined;
  /** The output columns, if known. */
  readonly output?: Schema | undefined;
}

/** The planned inputs of a stage. */
interface PlannedInputs {
  readonly inputs?: Readonly<Record<string, ResolvedInput>>;
  /** The columns of each input; `undefined` if some are unknown. */
  readonly schemas: SpecFacts['inputs'] | undefined;
}

class Planner {
  readonly outputs = new Map<string, Schema>();
  readonly #planning: Planning;

  constructor(planning: Planning) {
    this.#planning = planning;
  }

  /** @param override - The factory of the stage, if it is given in code. */
  plan<Kind extends ComponentKind>(
    kind: Kind,
    path: Path,
    stage: ResolvedStage | undefined,
    input: Schema | undefined,
    override?: FactoryOf<Kind>,
  ): Planned | Promise<Planned> {
    const { problems, registry, topics } = this.#planning;
    // More problems are not kept, and to find them may take a while.
    if (!stage || problems.length >= PROBLEMS_MAX) return { stage };
    if (!topics && isTopic(stage)) {
      problems.push({ path: [...path, 'use'], message: NO_TOPICS });
      return { stage };
    }
    if (!isAlone(stage) || stage.file !== undefined)
      return this.#planLater(kind, path, stage, input, override);
    const factory = override ?? loadedStage(registry, kind, stage);
    if (!factory) return this.#planLater(kind, path, stage, input, override);
    // Most stages are such: nothing is waited for.
    const planned = attemptNow(FAILED[kind], path, problems, () =>
      this.#planBy(factory, kind, path, stage, input, {}),
    );
    return this.#planned(path, stage, planned);
  }

  /** Plans a stage whose code is to be loaded, or that has others inside it. */
  async #planLater<Kind extends ComponentKind>(
    kind: Kind,
    path: Path,
    stage: ResolvedStage,
    input: Schema | undefined,
    override: FactoryOf<Kind> | undefined,
  ): Promise<Planned> {
    const { inputs, schemas } = await this.#planInputs(path, stage);
    const branches = await this.#planBranches(path, stage, input);
    const whole = { ...stage, ...(inputs && { inputs }), ...(branches && { branches }) };
    const planned = await attempt(FAILED[kind], path, this.#planning.problems, () =>
      stage.file === undefined
        ? this.#planOurs(kind, path, whole, input, schemas, override)
        : this.#ask(kind, path, whole, input, schemas),
    );
    return this.#planned(path, whole, planned);
  }

  #planned(path: Path, stage: ResolvedStage, planned: Planned | undefined): Planned {
    if (planned?.output) this.outputs.set(formatPath(path), planned.output);
    return planned ?? { stage };
  }

  async #planInputs(path: Path, stage: ResolvedStage): Promise<PlannedInputs> {
    if (!stage.inputs) return { schemas: {} };
    const inputs: Record<string, ResolvedInput> = {};
    const schemas: Record<string, Schema> = {};
    let areKnown = true;
    for (const [id, input] of Object.entries(stage.inputs)) {
      const { problems } = this.#planning;
      const before = problems.length;
      const source = await this.plan('source', [...path, ...input.at], input.source, undefined);
      const columns = problems.length > before ? undefined : source.output;
      const operatorsAt = [...path, ...input.operatorsAt];
      const { operators, schema } = await this.#planOperators(operatorsAt, input.operators, columns);
      inputs[id] = { ...input, source: source.stage ?? input.source, operators };
      if (schema) schemas[id] = schema;
      else areKnown = false;
    }
    return { inputs, schemas: areKnown ? schemas : undefined };
  }

  async #planBranches(
    path: Path,
    stage: ResolvedStage,
    input: Schema | undefined,
  ): Promise<ResolvedStage['branches']> {
    if (!stage.branches) return undefined;
    const branches: Record<string, ResolvedBranch> = {};
    for (const [id, branch] of Object.entries(stage.branches)) {
      const here = [...path, ...branch.at];
      const { problems } = this.#planning;
      if (input) checkQueue(branch.queue, input, under([...here, 'queue'], problems));
      const operatorsAt = [...here, 'operators'];
      const { operators, schema } = await this.#planOperators(operatorsAt, branch.operators, input);
      const batcher = await this.plan('batcher', [...here, 'batcher'], branch.batcher, schema);
      const sink = await this.plan('sink', here, branch.sink, schema);
      branches[id] = {
        ...branch,
        operators,
        batcher: batcher.stage ?? branch.batcher,
        sink: sink.stage ?? branch.sink,
      };
    }
    return branches;
  }

  /** Plans operators in order, each with the output columns of the one before. */
  async #planOperators(at: Path, operators: readonly ResolvedStage[], input: Schema | undefined) {
    const planned: ResolvedStage[] = [];
    let schema = input;
    for (const [i, operator] of operators.entries()) {
      const { stage, output } = await this.plan('operator', [...at, i], operator, schema);
      planned.push(stage ?? operator);
      schema = output;
    }
    return { operators: planned, schema };
  }

  async #planOurs<Kind extends ComponentKind>(
    kind: Kind,
    path: Path,
    stage: ResolvedStage,
    input: Schema | undefined,
    inputs: SpecFacts['inputs'] | undefined,
    override: FactoryOf<Kind> | undefined,
  ): Promise<Planned> {
    if ((kind !== 'source' && !input) || !inputs) return { stage };
    const factory = override ?? (await loadStage(this.#planning.registry, kind, stage));
    return this.#planBy(factory, kind, path, stage, input, inputs);
  }

  #planBy<Kind extends ComponentKind>(
    factory: FactoryOf<Kind>,
    kind: Kind,
    path: Path,
    stage: ResolvedStage,
    input: Schema | undefined,
    inputs: SpecFacts['inputs'],
  ): Planned {
    if (kind !== 'source' && !input) return { stage };
    const { facts, topics, problems } = this.#planning;
    const { options } = stage;
    const spec = { ...facts, inputs, topics };
    const output = planStage(kind, factory, { options, input, spec, problems: under(path, problems) });
    return { stage: withTopicSchema(stage, kind === 'source' ? output : input), output };
  }

  async #ask(
    kind: ComponentKind,
    path: Path,
    stage: ResolvedStage,
    input: Schema | undefined,
    inputs: SpecFacts['inputs'] | undefined,
  ): Promise<Planned> {
    const { job, facts, userCode, problems } = this.#planning;
    const spec = inputs && { ...facts, inputs };
    const question = { job, kind, stage: stageAlone(stage), ...(spec && { spec }), ...(input && { input }) };
    const { output, checked, problems: found } = await withoutSecrets(stage, () => userCode.plan(question));
    for (const { path: within, message } of found) problems.push({ path: [...path, ...within], message });
    const { outside } = stage;
    if (!checked || !outside) return { stage, output };
    const { options, loads, facts: own, files } = checked;
    return {
      stage: {
        ...stage,
        options,
        loads,
        ...(own && { facts: own }),
        outside: { ...outside, ...(files && { files }) },
      },
      output,
    };
  }
}

/** Hides the secrets of a stage in everything that its code prints and answers. */
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

/** Runs a step of planning. User code that fails to load, or throws as it plans, is a problem of the spec. */
export async function attempt<T>(
  code: ErrorCode,
  path: Path,
  problems: SpecProblem[],
  act: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    problems.push({ path, message: messageOfProblem(code, path, error) });
    return undefined;
  }
}

/** The same for a step that waits for nothing. */
function attemptNow<T>(code: ErrorCode, path: Path, problems: SpecProblem[], act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    problems.push({ path, message: messageOfProblem(code, path, error) });
    return undefined;
  }
}

/** @throws What is no problem of the spec. */
function messageOfProblem(code: ErrorCode, path: Path, error: unknown): string {
  if (!(error instanceof RuntimeError)) {
    const message = redact(error instanceof Error ? error.message : String(error));
    throw new PipelineError(code, `${path.join('.')}: planning failed: ${message}`, { cause: error });
  }
  if (isOurs(error)) throw error;
  return error.message;
}

const under = (path: Path, problems: SpecProblem[]): PlanProblems => ({
  add: (within, message) => problems.push({ path: [...path, ...within], message }),
});
