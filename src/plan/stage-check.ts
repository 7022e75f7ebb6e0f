import type { CalendarData } from '../calendars/calendar-data.js';
import type { SpecProblem } from '../core/errors.js';
import type { ComponentKind } from '../engine/component.js';
import type { Resilience } from '../resilience/resilience-client.js';
import type { ResolvedStage } from '../wire/resolved-spec.js';
import type { Path } from '../wire/stage-tree.js';
import type { Catalogue } from './catalogue.js';

/** A calendar of a file, or what is wrong with it. */
export interface CalendarRead {
  readonly data?: CalendarData;
  readonly problems: readonly string[];
}

/** The state shared by the checks of a spec's stages. */
export interface StageCheck {
  readonly catalogue: Catalogue;
  readonly resilience: Resilience | undefined;
  /** The folder of the spec, if it is from a file. */
  readonly specFolder?: string | undefined;
  readonly problems: SpecProblem[];
  /** The names given by the user so far, each with the path of its stage. */
  readonly names: Map<string, Path>;
  /** The stages met so far. */
  readonly met: { stages: number };
  /** The files of calendars met so far, by their paths as the spec has them. */
  readonly calendars: Map<string, Promise<CalendarRead>>;
}

/** Creates the state for the checks of one spec. */
export function startCheck(
  settings: Pick<StageCheck, 'catalogue' | 'resilience' | 'problems' | 'specFolder'>,
): StageCheck {
  return { ...settings, names: new Map(), met: { stages: 0 }, calendars: new Map() };
}

/** Checks a stage and those inside it. */
export type ResolveStage = (
  check: StageCheck,
  kind: ComponentKind,
  stage: unknown,
  path: Path,
  depth: number,
) => ResolvedStage | undefined | Promise<ResolvedStage | undefined>;

/** Returns a value if it is an object and no list, else an empty object. */
export function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}
