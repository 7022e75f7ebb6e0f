import type { z } from 'zod';
import { InvalidSpecError, PipelineError, RuntimeError, type SpecProblem } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import { redact } from '../core/redact.js';
import type { Schema } from '../core/schema.js';
import { guardProblems } from '../guard/guard-problems.js';
import type { Guards } from '../guard/guards.js';
import type { PlanProblems, SpecFacts } from '../pipeline/factories.js';
import type { ModuleOptions } from '../settings/module-options.js';
import { PipelineSpec } from '../settings/pipeline-spec.js';
import type { ResolvedSpec, ResolvedStage } from '../settings/resolved-spec.js';
import { schemaProblems } from '../settings/schema-problems.js';
import { secretsOf } from '../settings/secret-options.js';
import type { SourceGuard } from '../settings/source-guard-options.js';
import { COMPONENTS, type ComponentKind, findComponent } from './catalogue.js';
import { loadBatcher, loadOperator, loadSink, loadSource } from './loaders.js';
import { checkJobFiles } from './paths/check-job-files.js';
import type { JobFiles } from './paths/job-files.js';
import type { StageOverrides } from './stage-overrides.js';

type Path = readonly (string | number)[];

/** A checked spec, and the files of its job, if it has some. */
export interface SpecWithFiles {
  readonly resolved: ResolvedSpec;
  readonly files: JobFiles | undefined;
}

/**
 * Checks a spec: its outline, each component's options, what the components make of each other's
 * columns, and that nothing is read that is being written. Looks where paths lead and whether a
 * file of dead letters is one, and imports the modules that the spec names as operators; opens no
 * input and no output.
 *
 * @param guards - Budgets and breakers that the spec may name.
 * @throws {InvalidSpecError} naming all that is wrong.
 */
export async function resolveSpec(
  spec: unknown,
  overrides: StageOverrides = {},
  guards?: Guards,
): Promise<ResolvedSpec> {
  return (await resolveWithFiles(spec, overrides, guards)).resolved;
}

/** The same for those who compare its files with those of other jobs. */
export async function resolveWithFiles(
  spec: unknown,
  overrides: StageOverrides = {},
  guards?: Guards,
): Promise<SpecWithFiles> {
  const problems: SpecProblem[] = [];
  const outline = PipelineSpec.safeParse(withPlaceholders(spec, overrides), { reportInput: true });
  if (!outline.success) problems.push(...schemaProblems(outline.error, spec));

  // Options are checked even where the outline is at fault, so that one run names everything.
  const loose = (outline.success ? outline.data : spec) as Partial<Record<string, unknown>> | null;
  const { budget: _budget, breaker: _breaker, ...sourceSpec } = asObject(loose?.source);
  const source = overrides.source ? IN_CODE : resolveStage('source', sourceSpec, ['source'], problems);
  const guard = outline.success ? guardOf(outline.data.source) : undefined;
  for (const { key, message } of guard ? guardProblems(guard, guards) : []) {
    problems.push({ path: ['source', key], message });
  }
  const operators = (Array.isArray(loose?.operators) ? (loose.operators as unknown[]) : []).map(
    (operator, i) => resolveStage('operator', operator, ['operators', i], problems),
  );
  const batcher = resolveStage(
    'batcher',
    outline.success ? outline.data.batcher : { use: 'smart', ...asObject(loose?.batcher) },
    ['batcher'],
    problems,
  );
  const sink = overrides.sink ? IN_CODE : resolveStage('sink', loose?.sink, ['sink'], problems);

  const hasDeadLetters = loose?.deadLetter !== undefined;
  await plan({ source, operators, batcher, sink }, { hasDeadLetters }, overrides, problems);
  const checked = outline.success
    ? await checkJobFiles({ ...outline.data, source, sink }, overrides)
    : { files: undefined, problems: [] };
  problems.push(...checked.problems);
  if (problems.length > 0 || !outline.success || !source || !batcher || !sink) {
    throw new InvalidSpecError(`spec${nameOf(spec)}`, problems);
  }
  const { name, deadLetter, batchRows, maxMemoryMb, seed } = outline.data;
  const resolved = {
    name,
    source,
    ...(guard && { guard }),
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
  const guarded = { ...(budget !== undefined && { budget }), ...(breaker !== undefined && { breaker }) };
  return {
    ...spec,
    ...(source && { source: { use: 'code', ...guarded } }),
    ...(sink && { sink: { use: 'code' } }),
  };
}

function guardOf({ budget, breaker }: SourceGuard): SourceGuard | undefined {
  if (budget === undefined && breaker === undefined) return undefined;
  return { ...(budget && { budget }), ...(breaker !== undefined && { breaker }) };
}

/** @returns `undefined` where the stage is not sound enough to be looked at further. */
export function resolveStage(
  kind: ComponentKind,
  stage: unknown,
  path: Path,
  problems: SpecProblem[],
): ResolvedStage | undefined {
  const { use, ...options } = asObject(stage);
  if (typeof use !== 'string' || use === '') return undefined; // the outline has said so
  const info = findComponent(kind, use);
  if (!info) {
    const names = COMPONENTS.filter((known) => known.kind === kind).map(({ name }) => name);
    const near = nearestName(use, names);
    problems.push({
      path: [...path, 'use'],
      message:
        `expected the name of a ${kind} (${names.join(', ')}), found "${use.slice(0, 40)}"` +
        (near === undefined ? '' : ` (did you mean "${near}"?)`),
    });
    return undefined;
  }
  const result = info.options.safeParse(options, { reportInput: true });
  let checked = result.data;
  if (!result.success) {
    problems.push(...schemaProblems(result.error, options, path));
    // Without what was refused, the columns can still be followed, so that later stages have their
    // problems named too. The spec is refused all the same.
    const rest = info.options.safeParse(without(options, result.error.issues));
    if (!rest.success) return undefined;
    checked = rest.data;
  }
  const secrets = secretsOf(info.options, options);
  const resolved = { use, options: checked, ...(secrets.length > 0 && { secrets }) };
  if (use !== 'module') return { ...resolved, loads: info.loads };
  return { ...resolved, loads: (checked as ModuleOptions).loads, runsUserCode: true };
}

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

/** Follows the columns from stage to stage, as far as the stages are sound. */
async function plan(
  stages: Stages,
  spec: SpecFacts,
  overrides: StageOverrides,
  problems: SpecProblem[],
): Promise<void> {
  const { source, operators, batcher, sink } = stages;
  if (!source) return;
  const before = problems.length;
  const sourceFactory = overrides.source ?? (await loadSource(source));
  let schema: Schema | undefined = sourceFactory.plan(source.options, under(['source'], problems));
  if (problems.length > before) schema = undefined;

  for (const [i, operator] of operators.entries()) {
    const path = ['operators', i];
    if (!operator) schema = undefined;
    else {
      const factory = await attempt(path, problems, () => loadOperator(operator));
      const input: Schema | undefined = schema;
      if (!factory || !input) schema = undefined;
      else
        schema = await attempt(path, problems, async () =>
          factory.plan(operator.options, input, under(path, problems), spec),
        );
    }
  }
  if (!schema) return;
  if (batcher) (await loadBatcher(batcher)).plan?.(batcher.options, schema, under(['batcher'], problems));
  if (sink) {
    const factory = overrides.sink ?? (await loadSink(sink));
    factory.plan?.(sink.options, schema, under(['sink'], problems));
  }
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
  const { name } = asObject(spec);
  return typeof name === 'string' && name !== '' ? ` "${name.slice(0, 100)}"` : '';
}
