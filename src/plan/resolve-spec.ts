import { InvalidSpecError, type SpecProblem } from '../core/errors.js';
import { type ComponentKind, loadsOf } from '../engine/component.js';
import { gateProblems } from '../providers/gate-problems.js';
import type { Resilience } from '../resilience/resilience-client.js';
import { schemaProblems } from '../settings/schema-problems.js';
import { secretsByJsonSchema, secretsOf } from '../settings/secret-options.js';
import type { ModuleOptions } from '../stages/operators/module/options.js';
import type { ResolvedSpec, ResolvedStage, SourceGateSettings } from '../wire/resolved-spec.js';
import { Catalogue, type OutsideComponent } from './catalogue.js';
import { checkOptions } from './check-options.js';
import { checkJobFiles } from './paths/check-job-files.js';
import type { JobFiles } from './paths/job-files.js';
import { DEFAULT_BATCHER, OPERATORS_MAX, PipelineSpec } from './pipeline-spec.js';
import { attempt, planStages, type Stages } from './plan-stages.js';
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
  readonly catalogue?: Catalogue | undefined;
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
  { overrides = {}, resilience, userCode, catalogue = new Catalogue() }: ResolveContext,
): Promise<SpecWithFiles> {
  const problems: SpecProblem[] = [];
  const outline = PipelineSpec.safeParse(withPlaceholders(spec, overrides), { reportInput: true });
  if (!outline.success) problems.push(...schemaProblems(outline.error, spec));

  // Options are checked even where the outline is at fault, so that one run names everything.
  const loose = (outline.success ? outline.data : spec) as Partial<Record<string, unknown>> | null;
  const { budget: _budget, breaker: _breaker, ...sourceSpec } = asObject(loose?.source);
  const check = (kind: ComponentKind, stage: unknown, path: Path) =>
    resolveStage(catalogue, kind, stage, path, problems);
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
  const batcherSpec = outline.success
    ? outline.data.batcher
    : { use: DEFAULT_BATCHER, ...asObject(loose?.batcher) };
  const batcher = await check('batcher', batcherSpec, ['batcher']);
  const sink = overrides.sink ? IN_CODE : await check('sink', loose?.sink, ['sink']);

  const hasDeadLetters = loose?.deadLetter !== undefined;
  const { registry } = catalogue;
  const planning = { job: nameIn(spec), facts: { hasDeadLetters }, overrides, userCode, registry, problems };
  const found = await findFiles({ source, operators: written, batcher, sink }, userCode, problems);
  const planned = await planStages(found, planning);
  const checked = outline.success
    ? await checkJobFiles(
        { ...outline.data, source: planned.source, sink: planned.sink },
        overrides,
        registry,
      )
    : { files: undefined, problems: [] };
  problems.push(...checked.problems);
  if (problems.length > 0 || !outline.success || !isWhole(planned)) {
    throw new InvalidSpecError(`spec${nameOf(spec)}`, problems);
  }
  const { name, deadLetter, batchRows, maxMemoryMb, seed } = outline.data;
  const resolved = {
    name,
    source: planned.source,
    ...(gate && { gate }),
    operators: planned.operators,
    batcher: planned.batcher,
    sink: planned.sink,
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

/**
 * Looks a stage up and checks its options; those of a component from outside are left as they were written,
 * since only its own code can check them.
 *
 * @returns `undefined` where the stage is not sound enough to be looked at further.
 */
export async function resolveStage(
  catalogue: Catalogue,
  kind: ComponentKind,
  stage: unknown,
  path: Path,
  problems: SpecProblem[],
): Promise<ResolvedStage | undefined> {
  const { use, ...options } = asObject(stage);
  if (typeof use !== 'string' || use === '') return undefined; // the outline has said so
  const outside = catalogue.findOutside(kind, use);
  if (outside) return unchecked(outside, options);
  const component = catalogue.registry.find(kind, use);
  if (!component) {
    problems.push({ path: [...path, 'use'], message: catalogue.missing(kind, use) });
    return undefined;
  }
  const schema = await component.options();
  const found: SpecProblem[] = [];
  const checked = checkOptions(schema, options, found);
  for (const problem of found) problems.push({ ...problem, path: [...path, ...problem.path] });
  if (!checked) return undefined;
  const secrets = secretsOf(schema, options);
  const { mayChange = [], runsUserCode } = component;
  return {
    use,
    options: checked.options,
    ...(mayChange.length > 0 && { mayChange }),
    ...(secrets.length > 0 && { secrets }),
    loads: loadsOf(component, checked.options),
    ...(runsUserCode && { runsUserCode }),
  };
}

function unchecked(component: OutsideComponent, options: Record<string, unknown>): ResolvedStage {
  const { name, module, file, loads, mayChange } = component;
  const secrets = secretsByJsonSchema(component.options, options);
  return {
    use: name,
    options,
    ...(mayChange.length > 0 && { mayChange }),
    ...(secrets.length > 0 && { secrets }),
    // Until its options are known, the worst of what they may say.
    loads: loads === 'by its options' ? 'native' : loads,
    runsUserCode: true,
    file,
    outside: { module },
  };
}

type WholeStages = Pick<ResolvedSpec, keyof Stages>;

const isWhole = (stages: Stages): stages is WholeStages =>
  [stages.source, stages.batcher, stages.sink, ...stages.operators].every((stage) => stage !== undefined);

/**
 * A spec that was checked before, with the files of its modules found anew.
 *
 * @throws {InvalidSpecError} where one is not there, or may not be loaded.
 */
export async function findFilesAgain(spec: ResolvedSpec, userCode: UserCode): Promise<ResolvedSpec> {
  const problems: SpecProblem[] = [];
  const stages = await findFiles(spec, userCode, problems);
  if (problems.length > 0 || !isWhole(stages)) throw new InvalidSpecError(`spec "${spec.name}"`, problems);
  return { ...spec, ...stages };
}

/** Looks where the files of user code are: a stage whose file may not be loaded is not looked at further. */
async function findFiles(stages: Stages, userCode: UserCode, problems: SpecProblem[]): Promise<Stages> {
  const find = async (path: Path, stage: ResolvedStage | undefined) => {
    const code = stage && codeOf(stage);
    if (!code) return stage;
    const at = [...path, code.key];
    const file = await attempt('INTERNAL', at, problems, () => userCode.find(code.path));
    return file === undefined ? undefined : { ...stage, file };
  };
  const [source, batcher, sink, ...operators] = await Promise.all([
    find(['source'], stages.source),
    find(['batcher'], stages.batcher),
    find(['sink'], stages.sink),
    ...stages.operators.map((operator, i) => find(['operators', i], operator)),
  ]);
  return { source, operators, batcher, sink };
}

/** Which code of users a stage loads, and by which key of the spec. */
function codeOf({ use, options, outside, file }: ResolvedStage) {
  if (outside && file !== undefined) return { path: file, key: 'use' };
  return use === 'module' ? { path: (options as ModuleOptions).path, key: 'path' } : undefined;
}

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
