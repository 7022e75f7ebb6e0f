import { PipelineError } from '../core/errors.js';
import type { SpecFingerprint } from '../wire/checkpoint.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';

/** Objects in options are looked into this far: `source.columns.time.unit` is named by itself. */
const DEPTH_MAX = 4;

/**
 * What a spec says that the states of a checkpoint depend on: which stages there are and their options,
 * those apart that a component says may change; `name`, and `seed` where a stage may ask for it. Of the
 * rest of a spec, `batcher`, `batchRows`, `deadLetter`, `maxMemoryMb`, `source.budget` and
 * `source.breaker` may change.
 */
export function fingerprintOf(spec: ResolvedSpec): SpecFingerprint {
  const parts: Record<string, string> = { name: digestOf(spec.name) };
  const add = (path: string, { use, options, mayChange = [] }: ResolvedStage) => {
    parts[`${path}.use`] = digestOf(use);
    for (const [key, value] of Object.entries(options ?? {})) {
      if (!mayChange.includes(key)) addLeaves(parts, `${path}.${key}`, value, 1);
    }
  };
  add('source', spec.source);
  spec.operators.forEach((operator, i) => {
    add(`operators[${i}]`, operator);
  });
  add('sink', spec.sink);
  if (mayAskForSeed(spec)) parts.seed = digestOf(spec.seed);
  return parts;
}

/** @throws {PipelineError} `CHECKPOINT_INVALID` naming the options that differ. */
export function checkFingerprint(found: SpecFingerprint, spec: ResolvedSpec): void {
  const expected = fingerprintOf(spec);
  const paths = new Set([...Object.keys(expected), ...Object.keys(found)]);
  const differing = [...paths].filter((path) => expected[path] !== found[path]).sort();
  if (differing.length === 0) return;
  const shown = differing.slice(0, 20).join(', ') + (differing.length > 20 ? ', …' : '');
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `The checkpoint is of another spec than "${spec.name}": ${shown} ${differing.length === 1 ? 'differs' : 'differ'}. ` +
      'Set what it was to go on, or start anew without the checkpoint',
  );
}

/** A stage of the user's may, too. */
function mayAskForSeed({ source, operators, sink }: ResolvedSpec): boolean {
  const hasOwn = (source.options as { readonly seed?: unknown } | undefined)?.seed !== undefined;
  if (source.use === 'code' || (source.use === 'synthetic' && !hasOwn)) return true;
  return [source, ...operators, sink].some(({ runsUserCode }) => runsUserCode === true);
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
