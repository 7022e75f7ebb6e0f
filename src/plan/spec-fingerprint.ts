import { PipelineError } from '../core/errors.js';
import { cutList } from '../core/shown-text.js';
import type { Checkpoint, SpecFingerprint } from '../wire/checkpoint.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { type Path, placesOf, type StagePlace } from '../wire/stage-tree.js';

/** How deep options are compared key by key. `source.columns.time.unit` still has its own digest. */
const DEPTH_MAX = 4;

/**
 * Digests the parts of a spec that the state in a checkpoint depends on: the stages with their options,
 * except options that a component lists in `mayChange`; which branches a sink has, in their order; `name`; and
 * `seed` if a stage may use it. Everything else may change: `batcher`, `batchRows`, `deadLetter`, `maxMemoryMb`,
 * `budget` and `breaker` of sources, and `queue`. A stage that the user named is identified by that name,
 * wherever it stands.
 */
export function fingerprintOf(spec: ResolvedSpec): SpecFingerprint {
  const parts: Record<string, string> = { name: digestOf(spec.name) };
  for (const { kind, key, stage } of placesOf<ResolvedStage>(spec)) {
    if (kind === 'batcher') continue;
    const { use, options, branches, mayChange = [] } = stage;
    parts[`${key}.use`] = digestOf(use);
    // The order of routes decides which one a row takes, and options are compared without their order.
    if (branches) parts[`${key}.(branches)`] = digestOf(Object.keys(branches));
    for (const [option, value] of Object.entries(options ?? {})) {
      if (!mayChange.includes(option)) addLeaves(parts, `${key}.${option}`, value, 1);
    }
  }
  if (mayAskForSeed(spec)) parts.seed = digestOf(spec.seed);
  return parts;
}

/**
 * Checks that a checkpoint fits a spec. The spec may add operators, with inputs: they start without state. They may
 * not move one without a name, which goes by its place. The spec may not add branches, since a new one lacks the
 * rows that came before. Of a run that was reset, only the sinks are compared: all else begins anew.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID` naming the options that differ.
 */
export function checkFingerprint(
  { spec: found, isReset }: Pick<Checkpoint, 'spec' | 'isReset'>,
  spec: ResolvedSpec,
): void {
  const expected = fingerprintOf(spec);
  const isNew = ({ key }: StagePlace<ResolvedStage>) => !(`${key}.use` in found);
  const places = placesOf<ResolvedStage>(spec);
  const added = places
    .filter((place) => (place.kind === 'operator' || isNamedInput(place)) && isNew(place))
    .map(({ key }) => `${key}.`);
  const newBranches = places.filter((place) => place.kind === 'sink' && place.isInBranch && isNew(place));
  const paths = new Set([...Object.keys(expected), ...Object.keys(found)]);
  const differing = [...paths]
    .filter((path) => expected[path] !== found[path] && !added.some((key) => path.startsWith(key)))
    .filter((path) => !isReset || isOfSink(path, places))
    .sort();
  if (differing.length === 0) return;
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `The checkpoint is of another spec than "${spec.name}": ${cutList(differing)} ${differing.length === 1 ? 'differs' : 'differ'}. ` +
      `Change it back to continue, or start over without the checkpoint${adviceOn(newBranches)}`,
  );
}

/** Whether a checkpoint fits a spec. */
export function fitsFingerprint(
  checkpoint: Pick<Checkpoint, 'spec' | 'isReset'>,
  spec: ResolvedSpec,
): boolean {
  try {
    checkFingerprint(checkpoint, spec);
    return true;
  } catch (error) {
    if (error instanceof PipelineError && error.code === 'CHECKPOINT_INVALID') return false;
    throw error;
  }
}

/**
 * Returns which component a stage is, which the fingerprint keeps as a digest.
 *
 * @param key - Of the stage, as in a checkpoint.
 * @param names - Those that it may be.
 * @returns `undefined` for another one.
 */
export function componentIn(
  found: SpecFingerprint,
  key: string,
  names: readonly string[],
): string | undefined {
  const digest = found[`${key}.use`];
  return names.find((name) => digestOf(name) === digest);
}

/** Whether an option is of a sink, and of no operator before it. The name of a sink is that of its branch. */
function isOfSink(path: string, places: readonly StagePlace<ResolvedStage>[]): boolean {
  let owner: StagePlace<ResolvedStage> | undefined;
  for (const place of places) {
    const isWithin = path.startsWith(`${place.key}.`);
    if (isWithin && place.key.length > (owner?.key.length ?? 0)) owner = place;
  }
  return owner ? owner.kind === 'sink' : path.startsWith('sink.');
}

const isNamedInput = ({ kind, stage: { name } }: StagePlace<ResolvedStage>): boolean =>
  kind === 'source' && name !== undefined;

/** Says what to do about branches that a checkpoint does not have, without those inside them. */
function adviceOn(places: readonly StagePlace<ResolvedStage>[]): string {
  const encloses = (owner: Path, path: Path) =>
    owner.length < path.length && owner.every((key, i) => key === path[i]);
  const keys = places
    .filter(({ path }) => !places.some((other) => encloses(other.path, path)))
    .map(({ key }) => key);
  if (keys.length === 0) return '';
  const what = keys.length === 1 ? `The branch ${cutList(keys)} is` : `The branches ${cutList(keys)} are`;
  return (
    `. ${what} new and would lack the rows before the checkpoint: drain the run with the spec that it has and ` +
    'start the new one afterwards, or let another job write these rows'
  );
}

/** Whether a stage may use the seed of the spec. User code always may. */
function mayAskForSeed(spec: ResolvedSpec): boolean {
  return placesOf<ResolvedStage>(spec).some(({ kind, stage: { use, facts, runsUserCode } }) => {
    if (kind === 'batcher') return false;
    return runsUserCode || facts?.usesSeed || (kind === 'source' && use === 'code');
  });
}

function addLeaves(parts: Record<string, string>, path: string, value: unknown, depth: number): void {
  if (value === undefined) return;
  if (typeof value !== 'object' || value === null || Array.isArray(value) || depth === DEPTH_MAX) {
    parts[path] = digestOf(value);
    return;
  }
  for (const [key, field] of Object.entries(value)) addLeaves(parts, `${path}.${key}`, field, depth + 1);
}

/**
 * A 53-bit hash in 11 characters (cyrb53, bryc, public domain). It shows whether an option changed without
 * storing its value. It need not resist collisions: an attacker gains nothing from one.
 */
function digestOf(value: unknown): string {
  const text = canonical(value);
  let h1 = 0xdead_beef;
  let h2 = 0x41c6_ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    h1 = Math.imul(h1 ^ code, 2_654_435_761);
    h2 = Math.imul(h2 ^ code, 1_597_334_677);
  }
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2_246_822_507) ^ Math.imul(h2 ^ (h2 >>> 13), 3_266_489_909);
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2_246_822_507) ^ Math.imul(h1 ^ (h1 >>> 13), 3_266_489_909);
  return (4_294_967_296 * (2_097_151 & h2) + (h1 >>> 0)).toString(36).padStart(11, '0');
}

/** Returns the same text for equal values, whatever the order of their keys. */
function canonical(value: unknown): string {
  const sorted = (_key: string, field: unknown): unknown => {
    if (typeof field === 'bigint') return `${field}n`;
    if (typeof field !== 'object' || field === null || Array.isArray(field)) return field;
    return Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return JSON.stringify(value, sorted) ?? 'undefined';
}
