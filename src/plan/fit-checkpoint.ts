import { PipelineError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';
import { cutList } from '../core/shown-text.js';
import type { Logger } from '../telemetry/logger.js';
import type { Checkpoint, SpecFingerprint } from '../wire/checkpoint.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf, type StagePlace } from '../wire/stage-tree.js';
import { isOfSink, type Misfit, misfitsOf, outermostNewBranches } from './misfits.js';
import { movedOperators, type Renames } from './moved-operators.js';
import { type SavedStages, savedStages } from './saved-stages.js';
import { COLUMNS, fingerprintOf } from './spec-fingerprint.js';

/** What of a checkpoint says whether a spec fits it. Without states, each operator is taken to have one. */
export type ComparedCheckpoint = Pick<Checkpoint, 'spec' | 'isReset'> & Partial<Pick<Checkpoint, 'states'>>;

/** Whether the run of a checkpoint can go on with a spec. */
export interface CheckpointFit<C extends ComparedCheckpoint> {
  /** What its state cannot follow. None: it can go on. */
  readonly misfits: readonly Misfit[];
  /** Paths that differ from the spec of the checkpoint, and that its state does not depend on. */
  readonly followed: readonly string[];
  /** The checkpoint as the run of the spec goes on from it: with its states by the keys of the spec. */
  readonly checkpoint: C;
}

/**
 * Compares a spec with a checkpoint. Options may differ that a component lists in `mayChange`. Operators that keep no
 * state may be changed, replaced and removed, and new ones may be added anywhere: they begin without state. One with a
 * state may move, if it has a name or can be told by its options. The spec may not add branches, since a new one lacks
 * the rows that came before; and a sink that goes on in what it has begun gets the same columns. Of a run that was
 * reset, only the sinks are compared: all else begins anew.
 */
export function fitCheckpoint<C extends ComparedCheckpoint>(
  checkpoint: C,
  spec: ResolvedSpec,
): CheckpointFit<C> {
  const { spec: found, isReset } = checkpoint;
  const places = placesOf<ResolvedStage>(spec);
  const expected = fingerprintOf(spec);
  const saved = savedStages(checkpoint);
  const renames: Renames = isReset ? new Map() : movedOperators(found, expected, saved, places);
  const kept = keptPaths(found, renames, saved);
  const isNew = ({ key }: StagePlace<ResolvedStage>) => !(`${key}.use` in kept);
  const added = places
    .filter((place) => (place.kind === 'operator' || isNamedInput(place)) && isNew(place))
    .map(({ key }) => key);
  const differing = differingPaths(kept, expected)
    .filter((path) => keyOwning(path, added) === undefined)
    .filter((path) => !isReset || isOfSink(path, places))
    .filter((path) => matters(path, kept, expected, saved));
  // Where a stage that makes columns may not change, nothing is said of what follows from it.
  const causes = differing.filter((path) => !path.includes(`.${COLUMNS}`));
  const misfitting = causes.length > 0 ? causes : differing;
  const refused = new Set(misfitting);
  return {
    misfits: misfitsOf(misfitting, places, kept),
    followed: differingPaths(found, expected).filter((path) => !refused.has(path)),
    checkpoint: refused.size > 0 ? checkpoint : goingOn(checkpoint, expected, renames, saved),
  };
}

/**
 * Returns the checkpoint as the run of a spec goes on from it.
 *
 * @param log - Is told if the run goes on with a changed spec.
 * @throws {PipelineError} `CHECKPOINT_INVALID` naming the options that differ.
 */
export function checkpointFor<C extends ComparedCheckpoint>(
  checkpoint: C,
  spec: ResolvedSpec,
  log?: Logger,
): C {
  const { misfits, followed, checkpoint: fitting } = fitCheckpoint(checkpoint, spec);
  if (misfits.length === 0) {
    if (followed.length > 0)
      log?.info({ differing: cutList(followed) }, 'the run goes on with a changed spec');
    return fitting;
  }
  const paths = misfits.flatMap((misfit) => misfit.paths).sort();
  const newBranches = misfits.some(({ isNewBranch }) => isNewBranch)
    ? outermostNewBranches(placesOf<ResolvedStage>(spec), checkpoint.spec)
    : [];
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `The checkpoint is of another spec than "${spec.name}": ${cutList(paths)} ${paths.length === 1 ? 'differs' : 'differ'}. ` +
      `Change it back to continue, or start over without the checkpoint${adviceOn(newBranches)}`,
  );
}

/** Without operators that keep no state, and with the others where they are now. */
function keptPaths(found: SpecFingerprint, renames: Renames, { stateless }: SavedStages): SpecFingerprint {
  const kept: Record<string, string> = {};
  for (const [path, digest] of Object.entries(found)) {
    if (keyOwning(path, stateless) === undefined) kept[renamed(path, renames)] = digest;
  }
  return kept;
}

/** Rows of an operator without state are counted on, where there is still one of its kind. */
function goingOn<C extends ComparedCheckpoint>(
  checkpoint: C,
  expected: SpecFingerprint,
  renames: Renames,
  { stateless }: SavedStages,
): C {
  const { states, spec: found } = checkpoint;
  if (!states) return { ...checkpoint, spec: expected };
  const isOther = (key: string) => found[`${key}.use`] !== expected[`${key}.use`];
  const byKeysNow = (of: Readonly<Record<string, PlainData>>) =>
    Object.fromEntries(
      Object.entries(of)
        .filter(([key]) => !stateless.has(key) || !isOther(key))
        .map(([key, state]) => [renamed(key, renames), state]),
    );
  const { rows } = states;
  return {
    ...checkpoint,
    spec: expected,
    states: {
      ...byKeysNow(states),
      // By keys of operators, too.
      ...(rows !== undefined && { rows: byKeysNow(rows as Readonly<Record<string, PlainData>>) }),
    },
  };
}

/** Whether the state depends on a path that differs. */
function matters(
  path: string,
  kept: SpecFingerprint,
  expected: SpecFingerprint,
  { unplaced }: SavedStages,
): boolean {
  // Otherwise, whoever asks for it is new, or is no more.
  if (path === 'seed') return path in kept && path in expected;
  const at = path.lastIndexOf(`.${COLUMNS}`);
  if (at < 0) return true;
  const sink = path.slice(0, at);
  const areKnown = [kept, expected].every((fingerprint) => `${sink}.${COLUMNS}` in fingerprint);
  return areKnown && !unplaced.has(sink);
}

/** The path of a stage, or of something inside it, by where the stage is now. */
function renamed(path: string, renames: Renames): string {
  const key = keyOwning(path, renames.keys());
  return key === undefined ? path : `${renames.get(key)}${path.slice(key.length)}`;
}

const keyOwning = (path: string, keys: Iterable<string>): string | undefined =>
  [...keys].find((key) => path === key || path.startsWith(`${key}.`));

const differingPaths = (a: SpecFingerprint, b: SpecFingerprint): readonly string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((path) => a[path] !== b[path]).sort();

const isNamedInput = ({ kind, stage: { name } }: StagePlace<ResolvedStage>): boolean =>
  kind === 'source' && name !== undefined;

/** Says what to do about branches that a checkpoint does not have. */
function adviceOn(newBranches: readonly string[]): string {
  if (newBranches.length === 0) return '';
  const what =
    newBranches.length === 1
      ? `The branch ${cutList(newBranches)} is`
      : `The branches ${cutList(newBranches)} are`;
  return (
    `. ${what} new and would lack the rows before the checkpoint: drain the run with the spec that it has and ` +
    'start the new one afterwards, or let another job write these rows'
  );
}
