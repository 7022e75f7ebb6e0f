import { PipelineError } from '../core/errors.js';
import type { SpecFingerprint } from '../wire/checkpoint.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf } from '../wire/stage-tree.js';

/** Objects in options are looked into this far: `source.columns.time.unit` is named by itself. */
const DEPTH_MAX = 4;

/**
 * What a spec says that the states of a checkpoint depend on: which stages there are and their options,
 * those apart that a component says may change; `name`, and `seed` where a stage may ask for it. Of the
 * rest of a spec, `batcher`, `batchRows`, `deadLetter`, `maxMemoryMb`, and `budget` and `breaker` of sources
 * may change. Stages with a name of the user's go by that, wherever they are.
 */
export function fingerprintOf(spec: ResolvedSpec): SpecFingerprint {
  const parts: Record<string, string> = { name: digestOf(spec.name) };
  for (const { kind, key, stage } of placesOf<ResolvedStage>(spec)) {
    if (kind === 'batcher') continue;
    const { use, options, mayChange = [] } = stage;
    parts[`${key}.use`] = digestOf(use);
    for (const [option, value] of Object.entries(options ?? {})) {
      if (!mayChange.includes(option)) addLeaves(parts, `${key}.${option}`, value, 1);
    }
  }
  if (mayAskForSeed(spec)) parts.seed = digestOf(spec.seed);
  return parts;
}

/**
 * An operator that is new and has a name may be there: it begins with no state.
 *
 * @throws {PipelineError} `CHECKPOINT_INVALID` naming the options that differ.
 */
export function checkFingerprint(found: SpecFingerprint, spec: ResolvedSpec): void {
  const expected = fingerprintOf(spec);
  const added = placesOf<ResolvedStage>(spec)
    .filter(({ key, stage }) => stage.name !== undefined && key !== stage.use && !(`${key}.use` in found))
    .map(({ key }) => `${key}.`);
  const paths = new Set([...Object.keys(expected), ...Object.keys(found)]);
  const differing = [...paths]
    .filter((path) => expected[path] !== found[path] && !added.some((key) => path.startsWith(key)))
    .sort();
  if (differing.length === 0) return;
  const shown = differing.slice(0, 20).join(', ') + (differing.length > 20 ? ', …' : '');
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `The checkpoint is of another spec than "${spec.name}": ${shown} ${differing.length === 1 ? 'differs' : 'differ'}. ` +
      'Set what it was to go on, or start anew without the checkpoint',
  );
}

/** A stage of the user's may, too. */
function mayAskForSeed(spec: ResolvedSpec): boolean {
  return placesOf<ResolvedStage>(spec).some(({ kind, stage: { use, options, runsUserCode } }) => {
    if (kind === 'batcher') return false;
    if (runsUserCode || (kind === 'source' && use === 'code')) return true;
    const hasOwn = (options as { readonly seed?: unknown } | undefined)?.seed !== undefined;
    return kind === 'source' && use === 'synthetic' && !hasOwn;
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
 * 53 bits of a text, in 11 signs (cyrb53, bryc, public domain): it tells one option from another, and
 * not what it was. Nobody gains by two that are the same.
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

/** The same text for the same value, whatever the order of its keys. */
function canonical(value: unknown): string {
  const sorted = (_key: string, field: unknown): unknown => {
    if (typeof field === 'bigint') return `${field}n`;
    if (typeof field !== 'object' || field === null || Array.isArray(field)) return field;
    return Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return JSON.stringify(value, sorted) ?? 'undefined';
}
