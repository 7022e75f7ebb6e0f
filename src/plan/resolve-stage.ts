import { formatPath, PROBLEMS_MAX, type SpecProblem, shownPath } from '../core/errors.js';
import { hideSecrets } from '../core/hide-secrets.js';
import { redact } from '../core/redact.js';
import { cutText } from '../core/shown-text.js';
import { type ComponentKind, loadsOf } from '../engine/component.js';
import { branchPlaces } from '../settings/branch-options.js';
import { type BranchPlace, optionsOfBranch } from '../settings/branch-place.js';
import { checkData } from '../settings/check-data.js';
import { INPUT_OPERATORS_MAX, type InputPlace, inputLine, inputPlaces } from '../settings/input-options.js';
import { jsonSchemaOf } from '../settings/json-schema-of.js';
import { valueAt } from '../settings/marked-options.js';
import { secretsByJsonSchema } from '../settings/secret-options.js';
import { withoutOptions } from '../settings/without-options.js';
import type { OutsideStage, ResolvedInput, ResolvedStage } from '../wire/resolved-spec.js';
import type { Path } from '../wire/stage-tree.js';
import type { OutsideComponent } from './catalogue.js';
import { checkOptions } from './check-options.js';
import { whereItBelongs } from './misplaced-option.js';
import { attempt } from './plan-stages.js';
import { checkForms, resolveBranches } from './resolve-branches.js';
import { SourceFrontOptions } from './source-front-options.js';
import { gateOf, refuseGateBehindInputs } from './source-gates.js';
import { asObject, type StageCheck } from './stage-check.js';

/** Most levels of nested stages. A deeper spec is more likely the output of a faulty program. */
const DEPTH_MAX = 8;

/** Most stages of a spec, those inside others included: a file of a few lines can repeat itself endlessly. */
const STAGES_MAX = 2_000;

/** The form of every input. The schema of a component may check less. */
const InputForm = inputLine();

/** The stages inside a stage. */
type Inside = Pick<ResolvedStage, 'inputs' | 'branches'>;

/** Where they are among its options. */
interface PlacesInside {
  readonly inputs: readonly InputPlace[];
  readonly branches: readonly BranchPlace[];
}

/**
 * Looks up the component of a stage and checks its options and the stages inside it. The options of a
 * component from outside are left as written, since only its own code can check them.
 *
 * @returns `undefined` if the stage is too invalid for further checks.
 */
export async function resolveStage(
  check: StageCheck,
  kind: ComponentKind,
  stage: unknown,
  path: Path,
  depth = 1,
): Promise<ResolvedStage | undefined> {
  const { catalogue, problems } = check;
  if (!hasRoom(check, path) || problems.length >= PROBLEMS_MAX) return undefined;
  const { use, name, ...options } = asObject(stage);
  const named = typeof name === 'string' && isOwnName(check, name, path) ? { name } : {};
  if (typeof use !== 'string' || use === '') return undefined; // already reported by the outline
  const before = problems.length;
  const outside = await attempt('INTERNAL', [...path, 'use'], problems, () =>
    catalogue.findOutside(kind, use, check.specFolder),
  );
  if (problems.length > before) return undefined; // its package cannot be used
  if (outside) {
    const places = placesInside(kind, outside.options, options);
    for (const { at } of places.inputs) {
      problems.push(...checkData(InputForm, valueAt(options, at), { at: [...path, ...at] }).problems);
    }
    checkForms(places.branches, { check, path, options, depth, resolveStage });
    const inside = await resolveInside(check, places, options, path, depth);
    return inside && { ...named, ...unchecked(outside, options, places, inside) };
  }
  const component = catalogue.registry.find(kind, use);
  if (!component) {
    problems.push({ path: [...path, 'use'], message: await catalogue.missing(kind, use, check.specFolder) });
    return undefined;
  }
  const schema = await component.options();
  const found: SpecProblem[] = [];
  const jsonSchema = jsonSchemaOf(schema);
  const secrets = secretsByJsonSchema(jsonSchema, options);
  const checked = checkOptions(schema, options, found, {
    jsonSchema: () => jsonSchema,
    otherKeys: frontKeys(kind, depth),
    whereItBelongs,
  });
  const places = placesInside(kind, jsonSchema, options);
  const showSecrets = hideSecrets(secrets);
  for (const problem of found) {
    const { message } = hinted(problem, places.inputs);
    problems.push({ path: [...path, ...problem.path], message: redact(message) });
  }
  showSecrets();
  const inside = await resolveInside(check, places, options, path, depth);
  if (!checked || !inside) return undefined;
  const { inputs, branches } = places;
  const taken = [
    ...optionsOf(inputs),
    ...branches.flatMap((branch) => optionsOfBranch(branch, checked.options)),
  ];
  const own = withoutOptions(checked.options, taken);
  const { mayChange = [], runsUserCode } = component;
  const facts = component.facts?.(checked.options);
  return {
    use,
    ...named,
    options: own,
    ...(mayChange.length > 0 && { mayChange }),
    ...(facts && { facts }),
    ...inside,
    ...(secrets.length > 0 && { secrets }),
    loads: loadsOf(component, own),
    ...(runsUserCode && { runsUserCode }),
  };
}

/** Keys of a stage beside its options: only for what stands in an input or a branch, the spec says the others. */
function frontKeys(kind: ComponentKind, depth: number): readonly string[] {
  if (kind === 'source') return ['name', 'queue', 'budget', 'breaker', ...(depth > 1 ? ['operators'] : [])];
  return kind === 'sink' && depth > 1 ? ['name', 'operators', 'batcher', 'queue'] : ['name'];
}

/** Operators of inputs that stand inside the inputs are easily looked for beside them. */
function hinted(problem: SpecProblem, inputs: readonly InputPlace[]): SpecProblem {
  const inside = inputs.find(({ at, operatorsAt }) => operatorsAt.length > at.length);
  if (!inside || problem.path.length !== 1 || problem.path[0] !== 'operators') return problem;
  return {
    ...problem,
    message: `there is no such option here: operators stand inside each source, as ${shownPath(inside.operatorsAt)}`,
  };
}

/** Operators of an input that stand beside it are easily looked for inside it. */
function sayWhereOperatorsGo(problems: SpecProblem[], from: number, input: Path, operators: Path): void {
  const wrong = formatPath([...input, 'operators']);
  const at = problems.findIndex((problem, i) => i >= from && formatPath(problem.path) === wrong);
  if (at < 0) return;
  const message = `there is no such option here: operators of this source stand beside it, as ${shownPath(operators)}`;
  problems[at] = { ...problems[at]!, message };
}

function isOwnName({ names, problems }: StageCheck, name: string, path: Path): boolean {
  const other = names.get(name);
  if (other === undefined) {
    names.set(name, path);
    return true;
  }
  const message = `expected another name than that of ${shownPath(other)}, found "${cutText(name)}"`;
  problems.push({ path: [...path, 'name'], message });
  return false;
}

/** Reports once that a spec has too many stages. */
function hasRoom({ met, problems }: StageCheck, path: Path): boolean {
  met.stages++;
  if (met.stages === STAGES_MAX + 1) {
    problems.push({ path, message: `expected at most ${STAGES_MAX} stages in a spec, found more` });
  }
  return met.stages <= STAGES_MAX;
}

/** Only sources and operators may have inputs, and only sinks may have branches. */
function placesInside(
  kind: ComponentKind,
  jsonSchema: Readonly<Record<string, unknown>>,
  options: unknown,
): PlacesInside {
  return {
    inputs: kind === 'source' || kind === 'operator' ? inputPlaces(jsonSchema, options) : [],
    branches: kind === 'sink' ? branchPlaces(jsonSchema, options) : [],
  };
}

const optionsOf = (places: readonly InputPlace[]): Path[] =>
  places.flatMap(({ at, operatorsAt }) => [at, operatorsAt]);

/** @returns `undefined` if one of the stages inside is invalid. */
async function resolveInside(
  check: StageCheck,
  { inputs: inputsAt, branches: branchesAt }: PlacesInside,
  options: unknown,
  path: Path,
  depth: number,
): Promise<Inside | undefined> {
  const first = inputsAt[0] ?? branchesAt[0];
  if (!first) return {};
  if (depth >= DEPTH_MAX) {
    const message = `expected at most ${DEPTH_MAX} stages inside one another, found more`;
    check.problems.push({ path: [...path, ...first.at], message });
    return undefined;
  }
  const inputs: Record<string, ResolvedInput> = {};
  let isSound = true;
  for (const place of inputsAt) {
    const input = await resolveInput(check, place, options, path, depth + 1);
    if (input) inputs[formatPath(place.at)] = input;
    else isSound = false;
  }
  const within = { check, path, options, depth: depth + 1, resolveStage };
  const branches = await resolveBranches(branchesAt, within);
  if (!isSound || !branches) return undefined;
  return { ...(inputsAt.length > 0 && { inputs }), ...(branchesAt.length > 0 && { branches }) };
}

async function resolveInput(
  check: StageCheck,
  { at, operatorsAt }: InputPlace,
  options: unknown,
  path: Path,
  depth: number,
): Promise<ResolvedInput | undefined> {
  const here = [...path, ...at];
  const { budget, breaker, queue: written, operators: _, ...sourceSpec } = asObject(valueAt(options, at));
  const isLine = operatorsAt.length > at.length;
  const stated = { budget, breaker, queue: written };
  const front = checkData(SourceFrontOptions, stated, {
    at: here,
    jsonSchema: () => jsonSchemaOf(SourceFrontOptions),
  });
  check.problems.push(...front.problems);
  const gate = front.data && gateOf(check, front.data, here);
  const own = isLine ? sourceSpec : { ...sourceSpec, ...operatorsOption(options, at) };
  const before = check.problems.length;
  const source = await resolveStage(check, 'source', own, here, depth);
  if (!isLine) sayWhereOperatorsGo(check.problems, before, here, [...path, ...operatorsAt]);
  if (source && gate) refuseGateBehindInputs(check, source, gate, here);
  const listed = valueAt(options, operatorsAt) ?? [];
  const operators: (ResolvedStage | undefined)[] = [];
  for (const [i, operator] of (Array.isArray(listed) ? listed : []).slice(0, INPUT_OPERATORS_MAX).entries()) {
    operators.push(await resolveStage(check, 'operator', operator, [...path, ...operatorsAt, i], depth));
  }
  if (!source || !Array.isArray(listed)) return undefined;
  const sound = operators.filter((operator) => operator !== undefined);
  if (sound.length < operators.length) return undefined;
  const queue = front.data?.queue;
  return { at, source, ...(gate && { gate }), ...(queue && { queue }), operatorsAt, operators: sound };
}

/** The source's own option `operators`, used if the operators of the input stand elsewhere. */
function operatorsOption(options: unknown, at: Path): { readonly operators?: unknown } {
  const { operators } = asObject(valueAt(options, at));
  return operators === undefined ? {} : { operators };
}

function unchecked(
  component: OutsideComponent,
  options: Record<string, unknown>,
  { inputs, branches }: PlacesInside,
  inside: Inside,
): ResolvedStage {
  const { name, module, file, loads, mayChange } = component;
  const secrets = secretsByJsonSchema(component.options, options);
  const outside: OutsideStage = {
    module,
    ...(inputs.length > 0 && { inputOptions: optionsOf(inputs) }),
    ...(branches.length > 0 && { branchOptions: branches }),
  };
  return {
    use: name,
    options,
    ...(mayChange.length > 0 && { mayChange }),
    ...inside,
    ...(secrets.length > 0 && { secrets }),
    // Until its options are known, the most restrictive value.
    loads: loads === 'by its options' ? 'native' : loads,
    runsUserCode: true,
    file,
    outside,
  };
}
