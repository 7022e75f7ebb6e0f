import { cutList } from '../core/shown-text.js';
import type { SpecFingerprint } from '../wire/checkpoint.js';
import type { ResolvedStage } from '../wire/resolved-spec.js';
import { type Path, type StagePlace, titleOf } from '../wire/stage-tree.js';
import { COLUMNS } from './spec-fingerprint.js';

/** A change of a spec that the state in a checkpoint cannot follow. */
export interface Misfit {
  /** What has changed: a stage, or an option of the whole spec. */
  readonly title: string;
  /** Which options differ. */
  readonly paths: readonly string[];
  /** Why that cannot be, and what to do. */
  readonly advice: string;
  /** Whether the stage is a branch that the checkpoint does not have. */
  readonly isNewBranch?: boolean;
}

type Place = StagePlace<ResolvedStage>;

/**
 * Says of the paths that differ what cannot be, stage by stage.
 *
 * @param found - Of the checkpoint.
 */
export function misfitsOf(
  differing: readonly string[],
  places: readonly Place[],
  found: SpecFingerprint,
): readonly Misfit[] {
  const now = new Map(places.map((place) => [place.key, place]));
  const before = Object.keys(found).flatMap((path) => (path.endsWith('.use') ? [path.slice(0, -4)] : []));
  const keys = new Set([...now.keys(), ...before]);
  const byStage = new Map<string, string[]>();
  for (const path of differing) {
    const stage = ownerOf(path, keys) ?? path;
    byStage.set(stage, [...(byStage.get(stage) ?? []), path]);
  }
  return [...byStage].map(([key, paths]) => {
    const place = now.get(key);
    const isNew = !(`${key}.use` in found);
    return {
      title: place ? titleOf(place) : keys.has(key) ? `Stage ${key} of the checkpoint` : `"${key}"`,
      paths,
      advice: adviceOn(key, place, { isNew, paths }),
      ...(isNew && place?.kind === 'sink' && place.isInBranch && { isNewBranch: true }),
    };
  });
}

/** Whether an option is of a sink, and of no operator before it. The name of a sink is that of its branch. */
export function isOfSink(path: string, places: readonly Place[]): boolean {
  const key = ownerOf(
    path,
    places.map((place) => place.key),
  );
  const owner = places.find((place) => place.key === key);
  return owner ? owner.kind === 'sink' : path.startsWith('sink.');
}

/** The keys of new branches, without those inside them. */
export function outermostNewBranches(places: readonly Place[], found: SpecFingerprint): readonly string[] {
  const fresh = places.filter(
    ({ kind, isInBranch, key }) => kind === 'sink' && isInBranch && !(`${key}.use` in found),
  );
  const encloses = (owner: Path, path: Path) =>
    owner.length < path.length && owner.every((key, i) => key === path[i]);
  return fresh.filter(({ path }) => !fresh.some((other) => encloses(other.path, path))).map(({ key }) => key);
}

const ANEW = 'or drain the job and submit the changed spec as a new run';

function adviceOn(
  key: string,
  place: Place | undefined,
  { isNew, paths }: { readonly isNew: boolean; readonly paths: readonly string[] },
): string {
  if (key === 'name') return 'its checkpoint is kept under this name: leave it, or submit another job';
  if (key === 'seed') return `stages have drawn from it: leave it, ${ANEW}`;
  if (!place) return `it has a state, and what it holds would be lost: keep it, ${ANEW}`;
  if (isNew && place.kind === 'sink') {
    return 'it is new and would lack the rows before the checkpoint: let another job write these rows, or drain the job and submit the changed spec as a new run';
  }
  switch (place.kind) {
    case 'source':
      return `its position is one in what it reads: leave these options, ${ANEW}`;
    case 'operator':
      return `its state was made with these options: leave them, ${ANEW}`;
    case 'batcher':
    case 'sink': {
      const columns = paths.flatMap((path) => path.split(`.${COLUMNS}.`).slice(1));
      if (!paths.every((path) => path.includes(`.${COLUMNS}`))) {
        return `it goes on in what it has begun with these options: leave them, ${ANEW}`;
      }
      const which = columns.length === 0 ? 'in another order' : `different: ${cutList(columns)}`;
      return `its columns would be ${which}, and it goes on in what it has begun: give it the same ones (operator "select"), ${ANEW}`;
    }
  }
}

/** The innermost stage that has the path, by its key. */
function ownerOf(path: string, keys: Iterable<string>): string | undefined {
  let owner: string | undefined;
  for (const key of keys) {
    if (path.startsWith(`${key}.`) && key.length > (owner?.length ?? 0)) owner = key;
  }
  return owner;
}
