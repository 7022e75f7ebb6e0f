import type { z } from 'zod';
import { type SpecProblem, shownPath } from '../core/errors.js';
import { hideSecrets } from '../core/hide-secrets.js';
import { redact } from '../core/redact.js';
import { type Component, type ComponentKind, loadsOf } from '../engine/component.js';
import { optionsOfBranch } from '../settings/branch-place.js';
import { type CalendarPlace, calendarPlaces } from '../settings/calendar-option.js';
import type { InputPlace } from '../settings/input-options.js';
import { jsonSchemaOf } from '../settings/json-schema-of.js';
import { secretsByJsonSchema } from '../settings/secret-options.js';
import { withoutOptions } from '../settings/without-options.js';
import type { ResolvedStage, StageCalendar } from '../wire/resolved-spec.js';
import type { Path } from '../wire/stage-tree.js';
import { checkOptions } from './check-options.js';
import { whereItBelongs } from './misplaced-option.js';
import { optionsOfInputs, type PlacesInside, placesInside } from './places-inside.js';

/** The options of a stage, checked by the schema of its component. */
export interface OwnOptions {
  /** `undefined` if they are invalid. */
  readonly checked: { readonly options: unknown } | undefined;
  /** Where the stages inside it are among them. */
  readonly places: PlacesInside;
  readonly secrets: readonly string[];
  /** The calendars that they name by their files. */
  readonly calendars: readonly CalendarPlace[];
}

/** Where a stage stands. */
export interface StageToCheck {
  readonly kind: ComponentKind;
  readonly path: Path;
  /** 1 for a stage of the spec itself. */
  readonly depth: number;
}

/**
 * Checks the options of a stage.
 *
 * @param problems - Receives what is wrong, with paths within the spec.
 */
export function checkOwnOptions(
  schema: z.ZodType,
  options: Record<string, unknown>,
  { kind, path, depth }: StageToCheck,
  problems: SpecProblem[],
): OwnOptions {
  const found: SpecProblem[] = [];
  const jsonSchema = jsonSchemaOf(schema);
  const secrets = secretsByJsonSchema(jsonSchema, options);
  const checked = checkOptions(schema, options, found, {
    jsonSchema: () => jsonSchema,
    otherKeys: (depth > 1 ? KEYS_INSIDE : KEYS)[kind],
    whereItBelongs,
  });
  const places = placesInside(kind, jsonSchema, options);
  if (found.length > 0) {
    const showSecrets = hideSecrets(secrets);
    for (const problem of found) {
      const { message } = hinted(problem, places.inputs);
      problems.push({ path: [...path, ...problem.path], message: redact(message) });
    }
    showSecrets();
  }
  const calendars = calendarPlaces(jsonSchema, options);
  return { checked, places, secrets, calendars };
}

/** Returns a stage whose options are valid. */
export function stageWith(
  component: Component,
  named: Pick<ResolvedStage, 'name'>,
  { options }: { readonly options: unknown },
  { places: { inputs, branches }, secrets }: Pick<OwnOptions, 'places' | 'secrets'>,
  inside: Pick<ResolvedStage, 'inputs' | 'branches'>,
  calendars: readonly StageCalendar[],
): ResolvedStage {
  const own = withoutOptions(options, [
    ...optionsOfInputs(inputs),
    ...branches.flatMap((branch) => optionsOfBranch(branch, options)),
  ]);
  const { name: use, mayChange = [], runsUserCode } = component;
  const facts = component.facts?.(options);
  return {
    use,
    ...named,
    options: own,
    ...(mayChange.length > 0 && { mayChange }),
    ...(facts && { facts }),
    ...inside,
    ...(secrets.length > 0 && { secrets }),
    ...(calendars.length > 0 && { calendars }),
    loads: loadsOf(component, own),
    ...(runsUserCode && { runsUserCode }),
  };
}

/** Keys of a stage beside its options. */
const KEYS: Readonly<Record<ComponentKind, readonly string[]>> = {
  source: ['name', 'queue', 'budget', 'breaker'],
  operator: ['name'],
  batcher: ['name'],
  sink: ['name'],
};

/** The same of a stage that stands in an input or a branch. */
const KEYS_INSIDE: typeof KEYS = {
  ...KEYS,
  source: [...KEYS.source, 'operators'],
  sink: ['name', 'operators', 'batcher', 'queue'],
};

/** Operators of inputs that stand inside the inputs are easily looked for beside them. */
function hinted(problem: SpecProblem, inputs: readonly InputPlace[]): SpecProblem {
  const inside = inputs.find(({ at, operatorsAt }) => operatorsAt.length > at.length);
  if (!inside || problem.path.length !== 1 || problem.path[0] !== 'operators') return problem;
  return {
    ...problem,
    message: `there is no such option here: operators stand inside each source, as ${shownPath(inside.operatorsAt)}`,
  };
}
