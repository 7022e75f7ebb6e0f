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

/** A checked spec, the files of its job, and the columns of its stages. */
export interface SpecWithFiles {
  readonly resolved: ResolvedSpec;
  /** `undefined` if the job has none. */
  readonly files: JobFiles | undefined;
  /** The output columns of each source and operator, by its id. */
  readonly outputs: ReadonlyMap<string, Schema>;
}

/** What a spec is checked with. */
export interface ResolveContext {
  readonly overrides?: StageOverrides;
  /** Budgets and breakers that the spec may name. */
  readonly resilience?: Resilience | undefined;
  /** Finds and plans modules. */
  readonly userCode: UserCode;
  /** The components that specs can use. Default: those of this package. */
  readonly catalogue?: Catalogue | undefined;
}

/**
 * Checks a spec: its outline, the options of each component, the columns between components, and that no
 * file is both read and written. Follows paths, checks that an existing dead-letter file holds dead
 * letters, and plans the modules that the spec names. Opens no input and no output.
 *
 * @throws {InvalidSpecError} listing every problem.
 */
export async function resolveWithFiles(
  spec: unknown,
  { overrides = {}, resilience, userCode, catalogue = new Catalogue() }: ResolveContext,
): Promise<SpecWithFiles> {
  const problems: SpecProblem[] = [];
  const outline = PipelineSpec.safeParse(withPlaceholders(spec, overrides), { reportInput: true });
  if (!outline.success) problems.push(...schemaProblems(outline.error, spec));

  // Options are checked even if the outline is invalid, so that one run reports every problem.
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
    written.push(await check('operator', operator, ['operators', i])); // in sequence, to keep problems in order
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

/** Placeholder for a stage given in code. */
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
 * Finds the files of modules again for a spec that was checked earlier.
 *
 * @throws {InvalidSpecError} if a module is missing or may not be loaded.
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
