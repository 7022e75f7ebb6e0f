import type { z } from 'zod';
import type { Schema } from '../columns/schema.js';
import { InvalidSpecError, PipelineError, RuntimeError, type SpecProblem } from '../core/errors.js';
import { redact } from '../core/redact.js';
import type { ComponentKind } from '../engine/component.js';
import type { PlanProblems, SpecFacts } from '../engine/factories.js';
import { gateProblems } from '../providers/gate-problems.js';
import { builtIn } from '../registry/built-in.js';
import { loadStage } from '../registry/load-stage.js';
import type { Registry } from '../registry/registry.js';
import type { Resilience } from '../resilience/resilience-client.js';
import { schemaProblems } from '../settings/schema-problems.js';
import { secretsOf } from '../settings/secret-options.js';
import type { ModuleOptions } from '../stages/operators/module/options.js';
import type { ResolvedSpec, ResolvedStage, SourceGateSettings } from '../wire/resolved-spec.js';
import { checkJobFiles } from './paths/check-job-files.js';
import type { JobFiles } from './paths/job-files.js';
import { OPERATORS_MAX, PipelineSpec } from './pipeline-spec.js';
import type { StageOverrides } from './stage-overrides.js';
import type { UserCode } from './user-code/user-code.js';

type Path = readonly (string | number)[];

/** A checked spec, and the files of its job, if it has some. */
export interface SpecWithFiles {
  readonly resolved: ResolvedSpec;
  readonly files: JobFiles | undefined;
}

export interface ResolveContext {
  readonly overrides?: StageOverrides;
  /** Budgets and breakers that the spec may name. */
  readonly resilience?: Resilience | undefined;
  /** Where modules are found and asked. */
  readonly userCode: UserCode;
  /** What specs can use. Default: the components of this package. */
  readonly registry?: Registry | undefined;
}

/**
 * Checks a spec: its outline, each component's options, what the components make of each other's
 * columns, and that nothing is read that is being written. Looks where paths lead and whether a
 * file of dead letters is one, and has the modules that the spec names asked; opens no input and no
 * output.
 *
 * @throws {InvalidSpecError} naming all that is wrong.
 */
export async function resolveWithFiles(
  spec: unknown,
  { overrides = {}, resilience, userCode, registry = builtIn }: ResolveContext,
): Promise<SpecWithFiles> {
  const problems: SpecProblem[] = [];
  const outline = PipelineSpec.safeParse(withPlaceholders(spec, overrides), { reportInput: true });
  if (!outline.success) problems.push(...schemaProblems(outline.error, spec));

  // Options are checked even where the outline is at fault, so that one run names everything.
  const loose = (outline.success ? outline.data : spec) as Partial<Record<string, unknown>> | null;
  const { budget: _budget, breaker: _breaker, ...sourceSpec } = asObject(loose?.source);
  const check = (kind: ComponentKind, stage: unknown, path: Path) =>
    resolveStage(registry, kind, stage, path, problems);
  const source = overrides.source ? IN_CODE : await check('source', sourceSpec, ['source']);
  const gate = outline.success ? gateSettingsOf(outline.data.source) : undefined;
  for (const { key, message } of gate ? gateProblems(gate, resilience) : []) {
    problems.push({ path: ['source', key], message });
  }
  const listed = Array.isArray(loose?.operators) ? (loose.operators as unknown[]) : [];
  const written: (ResolvedStage | undefined)[] = [];
  for (const [i, operator] of listed.slice(0, OPERATORS_MAX).entries()) {
    written.push(await check('operator', operator, ['operators', i])); // one by one: problems in their order
  }
  const operators = await findModules(written, userCode, problems);
  const batcherSpec = outline.success ? outline.data.batcher : { use: 'smart', ...asObject(loose?.batcher) };
  const batcher = await check('batcher', batcherSpec, ['batcher']);
  const sink = overrides.sink ? IN_CODE : await check('sink', loose?.sink, ['sink']);

  const hasDeadLetters = loose?.deadLetter !== undefined;
  const planning = { job: nameIn(spec), facts: { hasDeadLetters }, overrides, userCode, registry, problems };
  await plan({ source, operators, batcher, sink }, planning);
  const checked = outline.success
    ? await checkJobFiles({ ...outline.data, source, sink }, overrides, registry)
    : { files: undefined, problems: [] };
  problems.push(...checked.problems);
  if (problems.length > 0 || !outline.success || !source || !batcher || !sink) {
    throw new InvalidSpecError(`spec${nameOf(spec)}`, problems);
  }
  const { name, deadLetter, batchRows, maxMemoryMb, seed } = outline.data;
  const resolved = {
    name,
    source,
    ...(gate && { gate }),
    operators: operators as ResolvedStage[],
    batcher,
    sink,
    batchRows,
    maxMemoryMb,
    seed,
    ...(deadLetter && { deadLetter }),
  };
  return { resolved, files: checked.files };
}

/** Stands where a stage is given in code. */
const IN_CODE: ResolvedStage = { use: 'code', options: undefined };

function withPlaceholders(spec: unknown, { source, sink }: StageOverrides): unknown {
  if (typeof spec !== 'object' || spec === null) return spec;
  const { budget, breaker } = asObject((spec as { readonly source?: unknown }).source);
  const gate = { ...(budget !== undefined && { budget }), ...(breaker !== undefined && { breaker }) };
  return {
    ...spec,
    ...(source && { source: { use: 'code', ...gate } }),
    ...(sink && { sink: { use: 'code' } }),
  };
}

function gateSettingsOf({ budget, breaker }: SourceGateSettings): SourceGateSettings | undefined {
  if (budget === undefined && breaker === undefined) return undefined;
  return { ...(budget && { budget }), ...(breaker !== undefined && { breaker }) };
}

/** @returns `undefined` where the stage is not sound enough to be looked at further. */
export async function resolveStage(
  registry: Registry,
  kind: ComponentKind,
  stage: unknown,
  path: Path,
  problems: SpecProblem[],
): Promise<ResolvedStage | undefined> {
  const { use, ...options } = asObject(stage);
  if (typeof use !== 'string' || use === '') return undefined; // the outline has said so
  const component = registry.find(kind, use);
  if (!component) {
    problems.push({ path: [...path, 'use'], message: registry.missing(kind, use) });
    return undefined;
  }
  const schema = await component.options();
  const result = schema.safeParse(options, { reportInput: true });
  let checked = result.data;
  if (!result.success) {
    problems.push(...schemaProblems(result.error, options, path));
    // Without what was refused, the columns can still be followed, so that later stages have their
    // problems named too. The spec is refused all the same.
    const rest = schema.safeParse(without(options, result.error.issues));
    if (!rest.success) return undefined;
    checked = rest.data;
  }
  const { loads = 'javascript', runsUserCode } = component;
  const secrets = secretsOf(schema, options);
  return {
    use,
    options: checked,
    ...(secrets.length > 0 && { secrets }),
    loads: typeof loads === 'function' ? loads(checked) : loads,
    ...(runsUserCode && { runsUserCode }),
  };
}

const isModule = ({ use }: Pick<ResolvedStage, 'use'>) => use === 'module';

function without(
  options: Record<string, unknown>,
  issues: readonly z.core.$ZodIssue[],
): Record<string, unknown> {
  const refused = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' && issue.path.length === 0 ? issue.keys : [String(issue.path[0])],
  );
  return Object.fromEntries(Object.entries(options).filter(([key]) => !refused.includes(key)));
}

interface Stages {
  readonly source: ResolvedStage | undefined;
  readonly operators: readonly (ResolvedStage | undefined)[];
  readonly batcher: ResolvedStage | undefined;
  readonly sink: ResolvedStage | undefined;
}

interface Planning {
  readonly job: string;
  readonly facts: SpecFacts;
  readonly overrides: StageOverrides;
  readonly userCode: UserCode;
  readonly registry: Registry;
  readonly problems: SpecProblem[];
}

/** Follows the columns from stage to stage, as far as the stages are sound. */
async function plan({ source, operators, batcher, sink }: Stages, planning: Planning): Promise<void> {
  const { overrides, registry, problems } = planning;
  if (!source) return;
  const before = problems.length;
  const sourceFactory = overrides.source ?? (await loadStage(registry, 'source', source));
  let schema: Schema | undefined = sourceFactory.plan(source.options, under(['source'], problems));
  if (problems.length > before) schema = undefined;

  for (const [i, operator] of operators.entries()) {
    const input = schema;
    schema =
      operator &&
      (await attempt(['operators', i], problems, () => planOperator(i, operator, input, planning)));
  }
  if (!schema) return;
  if (batcher)
    (await loadStage(registry, 'batcher', batcher)).plan?.(
      batcher.options,
      schema,
      under(['batcher'], problems),
    );
  if (sink) {
    const factory = overrides.sink ?? (await loadStage(registry, 'sink', sink));
    factory.plan?.(sink.options, schema, under(['sink'], problems));
  }
}

/** @param input - Unknown where a stage before it is at fault: then code of users is loaded all the same. */
async function planOperator(
  i: number,
  stage: ResolvedStage,
  input: Schema | undefined,
  { job, facts, userCode, registry, problems }: Planning,
): Promise<Schema | undefined> {
  const found = under(['operators', i], problems);
  if (!stage.runsUserCode) {
    return input && (await loadStage(registry, 'operator', stage)).plan(stage.options, input, found, facts);
  }
  const answer = await userCode.plan({ job, stage, spec: facts, ...(input && { input }) });
  for (const { path, message } of answer.problems) found.add(path, message);
  return answer.output;
}

/**
 * A spec that was checked before, with the files of its modules found anew.
 *
 * @throws {InvalidSpecError} where one is not there, or may not be loaded.
 */
export async function resolveModules(spec: ResolvedSpec, userCode: UserCode): Promise<ResolvedSpec> {
  if (!spec.operators.some(isModule)) return spec;
  const problems: SpecProblem[] = [];
  const operators = await findModules(spec.operators, userCode, problems);
  if (problems.length > 0) throw new InvalidSpecError(`spec "${spec.name}"`, problems);
  return { ...spec, operators: operators as ResolvedStage[] };
}

/** Looks where the files of modules are: a stage whose file may not be loaded is not looked at further. */
function findModules(
  stages: readonly (ResolvedStage | undefined)[],
  userCode: UserCode,
  problems: SpecProblem[],
): Promise<(ResolvedStage | undefined)[]> {
  return Promise.all(
    stages.map(async (stage, i) => {
      if (!stage || !isModule(stage)) return stage;
      const { path } = stage.options as ModuleOptions;
      const file = await attempt(['operators', i, 'path'], problems, () => userCode.find(path));
      return file === undefined ? undefined : { ...stage, file };
    }),
  );
}

/** A module of the user's may fail to load, or throw as it plans: that is a problem of the spec. */
async function attempt<T>(
  path: Path,
  problems: SpecProblem[],
  act: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof RuntimeError)) {
      const message = redact(error instanceof Error ? error.message : String(error));
      throw new PipelineError('OPERATOR_FAILED', `${path.join('.')}: planning failed: ${message}`, {
        cause: error,
      });
    }
    // These are no fault of the spec.
    const isOurs = error.code === 'RUNTIME_CLOSED' || error.code === 'THREAD_NOT_STARTED';
    if (isOurs || error.retryable) throw error;
    problems.push({ path, message: error.message });
    return undefined;
  }
}

const under = (path: Path, problems: SpecProblem[]): PlanProblems => ({
  add: (within, message) => problems.push({ path: [...path, ...within], message }),
});

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function nameOf(spec: unknown): string {
  const name = nameIn(spec);
  return name === '' ? '' : ` "${name}"`;
}

function nameIn(spec: unknown): string {
  const { name } = asObject(spec);
  return typeof name === 'string' ? name.slice(0, 100) : '';
}
