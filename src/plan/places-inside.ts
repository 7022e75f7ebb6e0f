import type { ComponentKind } from '../engine/component.js';
import { branchPlaces } from '../settings/branch-options.js';
import type { BranchPlace } from '../settings/branch-place.js';
import { type InputPlace, inputPlaces } from '../settings/input-options.js';
import type { Path } from '../wire/stage-tree.js';

/** Where the stages inside a stage are among its options. */
export interface PlacesInside {
  readonly inputs: readonly InputPlace[];
  readonly branches: readonly BranchPlace[];
}

/** Only sources and operators may have inputs, and only sinks may have branches. */
export function placesInside(
  kind: ComponentKind,
  jsonSchema: Readonly<Record<string, unknown>>,
  options: unknown,
): PlacesInside {
  return {
    inputs: kind === 'source' || kind === 'operator' ? inputPlaces(jsonSchema, options) : [],
    branches: kind === 'sink' ? branchPlaces(jsonSchema, options) : [],
  };
}

/** The options that inputs are taken from. */
export const optionsOfInputs = (places: readonly InputPlace[]): Path[] =>
  places.flatMap(({ at, operatorsAt }) => [at, operatorsAt]);
