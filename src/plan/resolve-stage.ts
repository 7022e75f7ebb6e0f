import { formatPath, type SpecProblem } from '../core/errors.js';
import { type ComponentKind, loadsOf } from '../engine/component.js';
import { gateProblems } from '../providers/gate-problems.js';
import { SourceGateOptions } from '../providers/source-gate-options.js';
import type { Resilience } from '../resilience/resilience-client.js';
import { INPUT_OPERATORS_MAX, type InputPlace, inputLine, inputPlaces } from '../settings/input-options.js';
import { jsonSchemaOf } from '../settings/json-schema-of.js';
import { valueAt } from '../settings/marked-options.js';
import { schemaProblems } from '../settings/schema-problems.js';
import { secretsByJsonSchema } from '../settings/secret-options.js';
import { withoutOptions } from '../settings/without-options.js';
import type { ResolvedInput, ResolvedStage, SourceGateSettings } from '../wire/resolved-spec.js';
import type { Path } from '../wire/stage-tree.js';
import type { Catalogue, OutsideComponent } from './catalogue.js';
import { checkOptions } from './check-options.js';

/** Most levels of nested stages. A deeper spec is more likely the output of a faulty program. */
const DEPTH_MAX = 8;

/** The state shared by the checks of a spec's stages. */
export interface StageCheck {
  readonly catalogue: Catalogue;
  readonly resilience: Resilience | undefined;
  readonly problems: SpecProblem[];
  /** The names given by the user so far, each with the path of its stage. */
  readonly names: Map<string, Path>;
}

/** The form of every input. The schema of a component may check less. */
const InputForm = inputLine();

type Inputs = Readonly<Record<string, ResolvedInput>>;

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
  const { use, name, ...options } = asObject(stage);
  const named = typeof name === 'string' && isOwnName(check, name, path) ? { name } : {};
  if (typeof use !== 'string' || use === '') return undefined; // already reported by the outline
  const outside = catalogue.findOutside(kind, use);
  if (outside) {
    const places = placesOfInputs(kind, outside.options, options);
    for (const { at } of places) {
      const value = valueAt(options, at);
      const form = InputForm.safeParse(value, { reportInput: true });
      if (!form.success) problems.push(...schemaProblems(form.error, value, [...path, ...at]));
    }
    const inputs = await resolveInputs(check, places, options, path, depth);
    return inputs && { ...named, ...unchecked(outside, options, places, inputs) };
  }
  const component = catalogue.registry.find(kind, use);
  if (!component) {
    problems.push({ path: [...path, 'use'], message: catalogue.missing(kind, use) });
    return undefined;
  }
  const schema = await component.options();
  const found: SpecProblem[] = [];
  const checked = checkOptions(schema, options, found);
  const jsonSchema = jsonSchemaOf(schema);
  const places = placesOfInputs(kind, jsonSchema, options);
  for (const problem of found) problems.push({ ...problem, path: [...path, ...problem.path] });
  const inputs = await resolveInputs(check, places, options, path, depth);
  if (!checked || !inputs) return undefined;
  const own = withoutOptions(checked.options, optionsOf(places));
  const secrets = secretsByJsonSchema(jsonSchema, options);
  const { mayChange = [], runsUserCode } = component;
  return {
    use,
    ...named,
    options: own,
    ...(mayChange.length > 0 && { mayChange }),
    ...(places.length > 0 && { inputs }),
    ...(secrets.length > 0 && { secrets }),
    loads: loadsOf(component, own),
    ...(runsUserCode && { runsUserCode }),
  };
}

/** Checks that the budget and the breaker in front of a source exist. Their form was checked before. */
export function gateOf(
  { resilience, problems }: StageCheck,
  { budget, breaker }: SourceGateSettings,
  path: Path,
): SourceGateSettings | undefined {
  if (budget === undefined && breaker === undefined) return undefined;
  const gate = { ...(budget && { budget }), ...(breaker !== undefined && { breaker }) };
  for (const { key, message } of gateProblems(gate, resilience)) {
    problems.push({ path: [...path, key], message });
  }
  return gate;
}

/** Returns a value if it is an object and no list, else an empty object. */
export function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function isOwnName({ names, problems }: StageCheck, name: string, path: Path): boolean {
  const other = names.get(name);
  if (other === undefined) {
    names.set(name, path);
    return true;
  }
  const message = `expected another name than that of ${formatPath(other)}, found "${name.slice(0, 100)}"`;
  problems.push({ path: [...path, 'name'], message });
  return false;
}

/** Only sources and operators may have inputs. */
const placesOfInputs = (
  kind: ComponentKind,
  jsonSchema: Readonly<Record<string, unknown>>,
  options: unknown,
): InputPlace[] => (kind === 'source' || kind === 'operator' ? inputPlaces(jsonSchema, options) : []);

const optionsOf = (places: readonly InputPlace[]): Path[] =>
  places.flatMap(({ at, operatorsAt }) => [at, operatorsAt]);

/** @returns `undefined` if one of the inputs is invalid. */
async function resolveInputs(
  check: StageCheck,
  places: readonly InputPlace[],
  options: unknown,
  path: Path,
  depth: number,
): Promise<Inputs | undefined> {
  const { problems } = check;
  if (places.length > 0 && depth >= DEPTH_MAX) {
    const message = `expected at most ${DEPTH_MAX} stages inside one another, found more`;
    problems.push({ path: [...path, ...places[0]!.at], message });
    return undefined;
  }
  const inputs: Record<string, ResolvedInput> = {};
  let isSound = true;
  for (const place of places) {
    const input = await resolveInput(check, place, options, path, depth + 1);
    if (input) inputs[formatPath(place.at)] = input;
    else isSound = false;
  }
  return isSound ? inputs : undefined;
}

async function resolveInput(
  check: StageCheck,
  { at, operatorsAt }: InputPlace,
  options: unknown,
  path: Path,
  depth: number,
): Promise<ResolvedInput | undefined> {
  const here = [...path, ...at];
  const { budget, breaker, operators: _, ...sourceSpec } = asObject(valueAt(options, at));
  const isLine = operatorsAt.length > at.length;
  const front = SourceGateOptions.safeParse({ budget, breaker }, { reportInput: true });
  if (!front.success) check.problems.push(...schemaProblems(front.error, { budget, breaker }, here));
  const gate = front.success ? gateOf(check, front.data, here) : undefined;
  const written = isLine ? sourceSpec : { ...sourceSpec, ...operatorsOption(options, at) };
  const source = await resolveStage(check, 'source', written, here, depth);
  const listed = valueAt(options, operatorsAt) ?? [];
  const operators: (ResolvedStage | undefined)[] = [];
  for (const [i, operator] of (Array.isArray(listed) ? listed : []).slice(0, INPUT_OPERATORS_MAX).entries()) {
    operators.push(await resolveStage(check, 'operator', operator, [...path, ...operatorsAt, i], depth));
  }
  if (!source || !Array.isArray(listed)) return undefined;
  const sound = operators.filter((operator) => operator !== undefined);
  if (sound.length < operators.length) return undefined;
  return { at, source, ...(gate && { gate }), operatorsAt, operators: sound };
}

/** The source's own option `operators`, used if the operators of the input stand elsewhere. */
function operatorsOption(options: unknown, at: Path): { readonly operators?: unknown } {
  const { operators } = asObject(valueAt(options, at));
  return operators === undefined ? {} : { operators };
}

function unchecked(
  component: OutsideComponent,
  options: Record<string, unknown>,
  places: readonly InputPlace[],
  inputs: Inputs,
): ResolvedStage {
  const { name, module, file, loads, mayChange } = component;
  const secrets = secretsByJsonSchema(component.options, options);
  return {
    use: name,
    options,
    ...(mayChange.length > 0 && { mayChange }),
    ...(places.length > 0 && { inputs }),
    ...(secrets.length > 0 && { secrets }),
    // Until its options are known, the most restrictive value.
    loads: loads === 'by its options' ? 'native' : loads,
    runsUserCode: true,
    file,
    outside: { module, ...(places.length > 0 && { inputOptions: optionsOf(places) }) },
  };
}
