import type { z } from 'zod';
import { formatPath, PROBLEMS_MAX, type SpecProblem, shownPath } from '../core/errors.js';
import { cutText } from '../core/shown-text.js';
import type { Component, ComponentKind } from '../engine/component.js';
import { calendarPlaces } from '../settings/calendar-option.js';
import { checkData } from '../settings/check-data.js';
import { INPUT_OPERATORS_MAX, type InputPlace, inputLine } from '../settings/input-options.js';
import { jsonSchemaOf } from '../settings/json-schema-of.js';
import { valueAt } from '../settings/marked-options.js';
import { secretsByJsonSchema } from '../settings/secret-options.js';
import type { OutsideStage, ResolvedInput, ResolvedStage, StageCalendar } from '../wire/resolved-spec.js';
import type { Path } from '../wire/stage-tree.js';
import type { OutsideComponent } from './catalogue.js';
import { checkOwnOptions, type OwnOptions, type StageToCheck, stageWith } from './own-options.js';
import { optionsOfInputs, type PlacesInside, placesInside } from './places-inside.js';
import { attempt } from './plan-stages.js';
import { readCalendars } from './read-calendars.js';
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

/**
 * Looks up the component of a stage and checks its options and the stages inside it. The options of a
 * component from outside are left as written, since only its own code can check them.
 *
 * @returns `undefined` if the stage is too invalid for further checks.
 */
export function resolveStage(
  check: StageCheck,
  kind: ComponentKind,
  stage: unknown,
  path: Path,
  depth = 1,
): Found | Promise<Found> {
  const { catalogue, problems } = check;
  if (!hasRoom(check, path) || problems.length >= PROBLEMS_MAX) return undefined;
  const { use, name, ...options } = asObject(stage);
  const named = typeof name === 'string' && isOwnName(check, name, path) ? { name } : {};
  if (typeof use !== 'string' || use === '') return undefined; // already reported by the outline
  const given = { check, kind, named, options, path, depth };
  const component = catalogue.registry.find(kind, use);
  if (!component) return resolveElsewhere(use, given);
  const schema = knownSchema(component);
  return schema
    ? resolveOwn(component, schema, given)
    : loadSchema(component).then((loaded) => resolveOwn(component, loaded, given));
}

/** `undefined` if it is too invalid for further checks. */
type Found = ResolvedStage | undefined;

/** A stage as it was given, and where. */
interface GivenStage extends StageToCheck {
  readonly check: StageCheck;
  readonly named: Pick<ResolvedStage, 'name'>;
  readonly options: Record<string, unknown>;
}

/** Resolves a stage whose component is from outside, or does not exist. */
async function resolveElsewhere(use: string, given: GivenStage): Promise<Found> {
  const { check, kind, path } = given;
  const { catalogue, problems, specFolder } = check;
  const before = problems.length;
  const outside = await attempt('INTERNAL', [...path, 'use'], problems, () =>
    catalogue.findOutside(kind, use, specFolder),
  );
  if (problems.length > before) return undefined; // its package cannot be used
  if (outside) return resolveOutside(outside, given);
  problems.push({ path: [...path, 'use'], message: await catalogue.missing(kind, use, specFolder) });
  return undefined;
}

async function resolveOutside(outside: OutsideComponent, given: GivenStage): Promise<Found> {
  const { check, kind, named, options, path, depth } = given;
  const places = placesInside(kind, outside.options, options);
  for (const { at } of places.inputs) {
    const { problems } = checkData(InputForm, valueAt(options, at), { at: [...path, ...at] });
    check.problems.push(...problems);
  }
  checkForms(places.branches, { check, path, options, depth, resolveStage });
  const inside = await resolveInside(check, places, options, path, depth);
  const calendars = await readCalendars(check, calendarPlaces(outside.options, options), path);
  return inside && calendars && { ...named, ...unchecked(outside, options, places, inside, calendars) };
}

/** Most stages have none inside them, and need no turn of their own. */
function resolveOwn(component: Component, schema: z.ZodType, given: GivenStage): Found | Promise<Found> {
  const { check, named, options, path, depth } = given;
  const own = checkOwnOptions(schema, options, given, check.problems);
  const { checked } = own;
  if (isPlain(own)) return checked && stageWith(component, named, checked, own, {}, []);
  return Promise.all([
    resolveInside(check, own.places, options, path, depth),
    readCalendars(check, own.calendars, path),
  ]).then(
    ([inside, calendars]) =>
      checked && inside && calendars && stageWith(component, named, checked, own, inside, calendars),
  );
}

/** The schema of a component does not depend on the spec, so it is loaded once; and the function that gave it. */
const schemas = new WeakMap<Component, { readonly schema: z.ZodType; readonly by: Component['options'] }>();

function knownSchema(component: Component): z.ZodType | undefined {
  const known = schemas.get(component);
  return known?.by === component.options ? known.schema : undefined;
}

async function loadSchema(component: Component): Promise<z.ZodType> {
  const by = component.options;
  const schema = await component.options();
  schemas.set(component, { schema, by });
  return schema;
}

const isPlain = ({ places: { inputs, branches }, calendars }: OwnOptions): boolean =>
  inputs.length + branches.length + calendars.length === 0;

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

/** @returns `undefined` if one of the stages inside is invalid. */
async function resolveInside(
  check: StageCheck,
  { inputs: inputsAt, branches: branchesAt }: PlacesInside,
  options: unknown,
  path: Path,
  depth: number,
): Promise<Pick<ResolvedStage, 'inputs' | 'branches'> | undefined> {
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
  inside: Pick<ResolvedStage, 'inputs' | 'branches'>,
  calendars: readonly StageCalendar[],
): ResolvedStage {
  const { name, module, file, loads, mayChange } = component;
  const secrets = secretsByJsonSchema(component.options, options);
  const outside: OutsideStage = {
    module,
    ...(inputs.length > 0 && { inputOptions: optionsOfInputs(inputs) }),
    ...(branches.length > 0 && { branchOptions: branches }),
  };
  return {
    use: name,
    options,
    ...(mayChange.length > 0 && { mayChange }),
    ...inside,
    ...(secrets.length > 0 && { secrets }),
    ...(calendars.length > 0 && { calendars }),
    // Until its options are known, the most restrictive value.
    loads: loads === 'by its options' ? 'native' : loads,
    runsUserCode: true,
    file,
    outside,
  };
}
