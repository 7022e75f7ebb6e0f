import type { Schema } from '../columns/schema.js';
import { InvalidSpecError, type SpecProblem } from '../core/errors.js';
import type { ComponentKind } from '../engine/component.js';
import type { Resilience } from '../resilience/resilience-client.js';
import { schemaProblems } from '../settings/schema-problems.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { Catalogue } from './catalogue.js';
import { findFiles } from './find-files.js';
import { checkJobFiles } from './paths/check-job-files.js';
import type { JobFiles } from './paths/job-files.js';
import { DEFAULT_BATCHER, OPERATORS_MAX, PipelineSpec } from './pipeline-spec.js';
import { planStages, type Stages } from './plan-stages.js';
import { asObject, gateOf, resolveStage, type StageCheck } from './resolve-stage.js';
import type { StageOverrides } from './stage-overrides.js';
import type { UserCode } from './user-code/user-code.js';

/** A checked spec, and the files of its job, if it has some. */
export interface SpecWithFiles {
  readonly resolved: ResolvedSpec;
  readonly files: JobFiles | undefined;
  /** The columns that come out of each source and operator, by its id. */
  readonly outputs: ReadonlyMap<string, Schema>;
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
  const checking: StageCheck = { catalogue, resilience, problems, names: new Map() };
  const check = (kind: ComponentKind, stage: unknown, path: readonly (string | number)[]) =>
    resolveStage(checking, kind, stage, path);
  const source = overrides.source ? IN_CODE : await check('source', sourceSpec, ['source']);
  const gate = outline.success ? gateOf(checking, outline.data.source, ['source']) : undefined;
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
  const { stages: planned, outputs } = await planStages(found, planning);
  const checked = outline.success
    ? await checkJobFiles(
        { ...planned, name: outline.data.name, deadLetter: outline.data.deadLetter },
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
  return { resolved, files: checked.files, outputs };
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

function nameOf(spec: unknown): string {
  const name = nameIn(spec);
  return name === '' ? '' : ` "${name}"`;
}

function nameIn(spec: unknown): string {
  const { name } = asObject(spec);
  return typeof name === 'string' ? name.slice(0, 100) : '';
}
