import type { SpecFingerprint } from '../wire/checkpoint.js';
import type { ResolvedStage } from '../wire/resolved-spec.js';
import type { StagePlace } from '../wire/stage-tree.js';
import type { SavedStages } from './saved-stages.js';

/** Keys in a checkpoint, and what they are called by now. */
export type Renames = ReadonlyMap<string, string>;

const WITHOUT_NAME = /^(operators\[(\d+)\])\.use$/;

/**
 * Finds operators with a state that have another place than in the checkpoint, or have got a name since: those of the
 * same options, as many as there were, in the same order. Where that is not so, none has moved for certain.
 *
 * @param found - Of the checkpoint.
 * @param expected - Of the spec.
 */
export function movedOperators(
  found: SpecFingerprint,
  expected: SpecFingerprint,
  { stateless }: SavedStages,
  places: readonly StagePlace<ResolvedStage>[],
): Renames {
  const before = Object.keys(found)
    .map((path) => WITHOUT_NAME.exec(path))
    .filter((match) => match !== null)
    .sort((a, b) => Number(a[2]) - Number(b[2]))
    .map((match) => match[1]!)
    .filter((key) => !stateless.has(key))
    .map((key) => ({ key, options: optionsAt(key, found) }));
  if (before.every(({ key, options }) => options === optionsAt(key, expected))) return new Map();
  const wanted = new Set(before.map(({ options }) => options));
  const now = places
    .filter(({ kind, isNested, key }) => kind === 'operator' && !isNested && !isNamedBefore(key, found))
    .map(({ key }) => ({ key, options: optionsAt(key, expected) }))
    .filter(({ options }) => wanted.has(options));
  const areSame =
    now.length === before.length && now.every(({ options }, i) => options === before[i]!.options);
  if (!areSame) return new Map();
  return new Map(before.flatMap(({ key }, i) => (key === now[i]!.key ? [] : [[key, now[i]!.key]])));
}

const isNamedBefore = (key: string, found: SpecFingerprint): boolean =>
  key.startsWith('"') && `${key}.use` in found;

/** The options of a stage and of what is inside it, as text. */
function optionsAt(key: string, fingerprint: SpecFingerprint): string {
  const own = Object.entries(fingerprint).filter(([path]) => path.startsWith(`${key}.`));
  return own
    .map(([path, digest]) => `${path.slice(key.length)} ${digest}`)
    .sort()
    .join('\n');
}
