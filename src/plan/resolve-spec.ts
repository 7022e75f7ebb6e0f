import type { Schema } from '../columns/schema.js';
import { InvalidSpecError, type SpecProblem } from '../core/errors.js';
import type { ComponentKind } from '../engine/component.js';
import type { Resilience } from '../resilience/resilience-client.js';
import { checkData } from '../settings/check-data.js';
import { findExcess } from '../settings/data-bounds.js';
import { jsonSchemaOf } from '../settings/json-schema-of.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { type Path, placesOf, type StagePlace } from '../wire/stage-tree.js';
import { Catalogue } from './catalogue.js';
import { columnsInto } from './columns-into.js';
import { type ExactlyOnceCheck, exactlyOnceProblems } from './exactly-once-spec.js';
import { findFiles } from './find-files.js';
import { problemsOfKeys } from './keys-before-branches.js';
import { problemsOfLiveInputs } from './live-inputs.js';
import { whereItBelongs } from './misplaced-option.js';
import { problemsOfDeciders } from './one-decider.js';
import { checkJobFiles } from './paths/check-job-files.js';
import type { JobFiles } from './paths/job-files.js';
import { DEFAULT_BATCHER, OPERATORS_MAX, PipelineSpec } from './pipeline-spec.js';
import { planStages, type Stages } from './plan-stages.js';
import { resolveStage } from './resolve-stage.js';
import { SOURCE_FRONT_KEYS } from './source-front-options.js';
import { gateOf, refuseGateBehindInputs } from './source-gates.js';
import { checkSourceQueue, refuseQueueBehindInputs, sourceQueues } from './source-queues.js';
import { asObject, startCheck } from './stage-check.js';
import type { StageOverrides } from './stage-overrides.js';
import { StageProbe } from './stage-probe.js';
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
  /** The columns of the topics of the runtime, as far as they are known. Without it, the spec may have no topic. */
  readonly topics?: Readonly<Record<string, Schema>> | undefined;
  /** The folder of the spec, if it is from a file. */
  readonly specFolder?: string | undefined;
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
  { overrides = {}, resilience, userCode, catalogue = new Catalogue(), topics, specFolder }: ResolveContext,
): Promise<SpecWithFiles> {
  const excess = findExcess(spec);
  if (excess) throw new InvalidSpecError(`spec${nameOf(spec)}`, [excess]);
  const outline = checkData(PipelineSpec, withPlaceholders(spec, overrides), {
    jsonSchema: () => jsonSchemaOf(PipelineSpec),
    whereItBelongs,
  });
  const problems = [...outline.problems];

  // Options are checked even if the outline is invalid, so that one run reports every problem.
  const loose = (outline.data ?? spec) as Partial<Record<string, unknown>> | null;
  const { budget: _budget, breaker: _breaker, queue: _queue, ...sourceSpec } = asObject(loose?.source);
  const checking = startCheck({ catalogue, resilience, problems, specFolder });
  const check = (kind: ComponentKind, stage: unknown, path: readonly (string | number)[]) =>
    resolveStage(checking, kind, stage, path);
  const source = overrides.source ? IN_CODE : await check('source', sourceSpec, ['source']);
  const gate = outline.data && gateOf(checking, outline.data.source, ['source']);
  if (source && gate) refuseGateBehindInputs(checking, source, gate, ['source']);
  const listed = Array.isArray(loose?.operators) ? (loose.operators as unknown[]) : [];
  const written: (ResolvedStage | undefined)[] = [];
  for (const [i, operator] of listed.slice(0, OPERATORS_MAX).entries()) {
    written.push(await check('operator', operator, ['operators', i])); // in sequence, to keep problems in order
  }
  const batcherSpec = outline.data
    ? outline.data.batcher
    : { use: DEFAULT_BATCHER, ...asObject(loose?.batcher) };
  const batcher = await check('batcher', batcherSpec, ['batcher']);
  const sink = overrides.sink ? IN_CODE : await check('sink', loose?.sink, ['sink']);

  const hasDeadLetters = loose?.deadLetter !== undefined;
  const { registry } = catalogue;
  const facts = { hasDeadLetters };
  const planning = { job: nameIn(spec), facts, topics, overrides, userCode, registry, problems };
  const found = await findFiles({ source, operators: written, batcher, sink }, userCode, problems);
  const { stages: planned, outputs } = await planStages(found, planning);
  if (planned.batcher && planned.sink) problems.push(...problemsOfKeys(planned.batcher, planned.sink));
  const checked = outline.data
    ? await checkJobFiles(
        { ...planned, name: outline.data.name, deadLetter: outline.data.deadLetter },
        overrides,
        registry,
      )
    : { files: undefined, problems: [] };
  for (const problem of checked.problems) problems.push(problem);
  if (problems.length > 0 || !outline.data || !isWhole(planned)) {
    throw new InvalidSpecError(`spec${nameOf(spec)}`, problems);
  }
  const { name, job, deadLetter, batchRows, maxMemoryMb, isolation, maxProcessMb, seed, delivery } =
    outline.data;
  const { queue } = outline.data.source;
  const resolved = {
    name,
    source: planned.source,
    ...(gate && { gate }),
    ...(queue && { queue }),
    operators: planned.operators,
    batcher: planned.batcher,
    sink: planned.sink,
    batchRows,
    maxMemoryMb,
    ...(isolation && { isolation }),
    ...(maxProcessMb !== undefined && { maxProcessMb }),
    seed,
    ...(deadLetter && { deadLetter }),
    ...(delivery === 'exactly-once' && { delivery }),
    ...(job && { job }),
  };
  await checkPromises(resolved, outputs, {
    registry,
    isInCode: { source: overrides.source !== undefined, sink: overrides.sink !== undefined },
  });
  return { resolved: { ...resolved, ...columnsOfSinks(resolved, outputs) }, files: checked.files, outputs };
}

function columnsOfSinks(
  spec: ResolvedSpec,
  outputs: ReadonlyMap<string, Schema>,
): Pick<ResolvedSpec, 'columns'> {
  const into = columnsInto<ResolvedStage>(spec, outputs);
  const columns = placesOf<ResolvedStage>(spec).flatMap(({ kind, id, stage }) => {
    const schema = kind === 'sink' && !stage.branches ? into.get(id) : undefined;
    return schema ? [[id, schema.columns.map(({ name, type }) => ({ name, type }))] as const] : [];
  });
  return columns.length > 0 ? { columns: Object.fromEntries(columns) } : {};
}

/** Placeholder for a stage given in code. */
const IN_CODE: ResolvedStage = { use: 'code', options: undefined };

function withPlaceholders(spec: unknown, { source, sink }: StageOverrides): unknown {
  if (typeof spec !== 'object' || spec === null || !(source || sink)) return spec;
  const written = asObject((spec as { readonly source?: unknown }).source);
  const front = Object.fromEntries(
    SOURCE_FRONT_KEYS.filter((key) => written[key] !== undefined).map((key) => [key, written[key]]),
  );
  return {
    ...spec,
    ...(source && { source: { use: 'code', ...front } }),
    ...(sink && { sink: { use: 'code' } }),
  };
}

/**
 * Checks whether the queues of sources, and the stages that read sources, can do what they are told by what these
 * promise. Of sources in user code, only their thread knows that.
 *
 * @throws {InvalidSpecError}
 */
async function checkPromises(
  spec: ResolvedSpec,
  outputs: ReadonlyMap<string, Schema>,
  { registry, isInCode }: Omit<ExactlyOnceCheck, 'outputs'>,
): Promise<void> {
  let probe: StageProbe | undefined; // most specs have nothing to ask
  const capabilitiesOf = (place: StagePlace<ResolvedStage>) => {
    probe ??= new StageProbe(spec, registry);
    return probe.capabilitiesOfSource(place);
  };
  const problems = await problemsOfLiveInputs(spec, capabilitiesOf);
  const queues = sourceQueues(spec).filter(({ place }) => place.isNested || !isInCode.source);
  for (const { place, queue } of queues) {
    const add = (path: SpecProblem['path'], message: string) => {
      problems.push({ path: [...place.path, ...path], message });
    };
    const inputs = Object.keys(place.stage.inputs ?? {});
    if (inputs.length > 0) {
      refuseQueueBehindInputs(inputs, { add });
      continue;
    }
    const schema = outputs.get(place.id);
    const capabilities = await capabilitiesOf(place);
    if (schema && capabilities) checkSourceQueue(queue, { schema, capabilities }, { add });
  }
  const deciding = placesOf<ResolvedStage>(spec).filter(
    ({ kind, stage }) => kind === 'sink' && stage.facts?.decides,
  );
  problems.push(...problemsOfDeciders(deciding.map(({ path, stage: { use } }) => ({ path, use }))));
  const ofDelivery = await exactlyOnceProblems(spec, { registry, outputs, isInCode });
  // A queue that can do nothing of what it is told is refused for that alone.
  const isRefused = (path: Path) =>
    problems.some((problem) => path.every((key, i) => key === problem.path[i]));
  problems.push(...ofDelivery.filter(({ path }) => path.at(-1) !== 'queue' || !isRefused(path)));
  if (problems.length > 0) throw new InvalidSpecError(`spec "${spec.name}"`, problems);
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
