import type { SpecFingerprint } from '../wire/checkpoint.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf } from '../wire/stage-tree.js';

/** How deep options are compared key by key. `source.columns.time.unit` still has its own digest. */
const DEPTH_MAX = 4;

/** Of a sink: the names of the columns that it is given, in their order, and below it the type of each. */
export const COLUMNS = '(columns)';

/**
 * Digests the parts of a spec that the state in a checkpoint depends on: the stages with their options,
 * except options that a component lists in `mayChange`; which branches a sink has, in their order; the columns that
 * sinks are given; `name`; and `seed` if a stage may use it. Everything else may change: `batcher`, `batchRows`, `deadLetter`, `maxMemoryMb`,
 * `budget` and `breaker` of sources, and `queue`. A stage that the user named is identified by that name,
 * wherever it stands.
 */
export function fingerprintOf(spec: ResolvedSpec): SpecFingerprint {
  const parts: Record<string, string> = { name: digestOf(spec.name) };
  for (const { kind, key, id, stage } of placesOf<ResolvedStage>(spec)) {
    if (kind === 'batcher') continue;
    const { use, options, branches, mayChange = [] } = stage;
    parts[`${key}.use`] = digestOf(use);
    // The order of routes decides which one a row takes, and options are compared without their order.
    if (branches) parts[`${key}.(branches)`] = digestOf(Object.keys(branches));
    for (const [option, value] of Object.entries(options ?? {})) {
      if (!mayChange.includes(option)) addLeaves(parts, `${key}.${option}`, value, 1);
    }
    const columns = kind === 'sink' ? spec.columns?.[id] : undefined;
    if (columns) parts[`${key}.${COLUMNS}`] = digestOf(columns.map(({ name }) => name));
    for (const { name, type } of columns ?? []) parts[`${key}.${COLUMNS}.${name}`] = digestOf(type);
  }
  if (mayAskForSeed(spec)) parts.seed = digestOf(spec.seed);
  return parts;
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
