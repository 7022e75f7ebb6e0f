import { type Document, isScalar, parseDocument, visit } from 'yaml';
import { formatPath, type SpecProblem } from '../core/errors.js';

/** An override from `--set`. */
export interface Override {
  /** The text as it was given. */
  readonly text: string;
  /** Name of the only spec that the override applies to; without it, all specs. */
  readonly spec?: string;
  readonly path: readonly [string, ...(string | number)[]];
  readonly value: unknown;
}

/** An override that cannot be parsed or does not fit. */
export class OverrideError extends Error {
  override readonly name = 'OverrideError';
}

const KEY = /^[A-Za-z0-9_$-]+/;
const INDEX = /^\[(\d{1,6})\]/;
/** Keys that would reach beyond the data. */
const FORBIDDEN: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Parses `path=value` or `NAME:path=value`. Steps of the path are separated by dots; indexes are in
 * brackets or between dots: `operators[0].every=5m`.
 *
 * @throws {OverrideError}
 */
export function parseOverride(text: string): Override {
  const [, spec, target, valueText] = /^(?:([A-Za-z0-9][A-Za-z0-9._-]*):)?([^=:]*)=(.*)$/s.exec(text) ?? [];
  if (target === undefined || valueText === undefined) {
    throw new OverrideError(`expected path=value, such as batcher.maxRows=1000, found "${cut(text)}"`);
  }
  const path = parsePath(target.trim());
  return { text, ...(spec !== undefined && { spec }), path, value: parseValue(valueText.trim()) };
}

/**
 * Applies an override to a spec. Mappings that are in the path but not in the spec are created.
 *
 * @returns A copy; `spec` is not changed.
 * @throws {OverrideError} if the path does not fit the spec.
 */
export function applyOverride(spec: unknown, { path, value }: Override): unknown {
  const copy: unknown = structuredClone(spec);
  let at: unknown = copy;
  for (let i = 0; i < path.length - 1; i++) {
    const walked = path.slice(0, i + 1);
    const next = readKey(at, path, i);
    at = next ?? writeKey(at, path, i, /^\d+$/.test(String(path[i + 1])) ? [] : {});
    if (typeof at !== 'object' || at === null) {
      throw new OverrideError(
        `"${formatPath(walked)}" is a single value in the spec, so "${formatPath(path)}" cannot be set`,
      );
    }
  }
  writeKey(at, path, path.length - 1, value);
  return copy;
}

/** Whether the value at `at` came from the override, including a mapping that `spec` did not have. */
export function isOverridden({ path }: Override, at: SpecProblem['path'], spec: unknown): boolean {
  const common = Math.min(path.length, at.length);
  if (path.slice(0, common).some((key, i) => String(key) !== String(at[i]))) return false;
  return path.length <= at.length || !hasValue(spec, at);
}

function hasValue(spec: unknown, path: SpecProblem['path']): boolean {
  let value = spec;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return false;
    value = (value as Record<string | number, unknown>)[key];
  }
  return true;
}

function parsePath(text: string): Override['path'] {
  const path: (string | number)[] = [];
  let rest = text;
  while (rest !== '') {
    const index = INDEX.exec(rest);
    const key = path.length === 0 ? KEY.exec(rest) : KEY.exec(rest.startsWith('.') ? rest.slice(1) : '');
    if (index && path.length > 0) {
      path.push(Number(index[1]));
      rest = rest.slice(index[0].length);
    } else if (key) {
      if (FORBIDDEN.has(key[0])) throw new OverrideError(`"${key[0]}" cannot be set`);
      path.push(key[0]);
      rest = rest.slice(key[0].length + (path.length === 1 ? 0 : 1));
    } else {
      break;
    }
  }
  const [first, ...others] = path;
  if (rest !== '' || typeof first !== 'string') {
    throw new OverrideError(
      `expected a path such as sink.path or operators[0].every before "=", found "${cut(text)}"`,
    );
  }
  return [first, ...others];
}

function parseValue(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false, logLevel: 'error' });
  const isMarked = /^["'[{]/.test(text);
  if (document.errors.length === 0 && document.warnings.length === 0) {
    visit(document, {
      Pair: (_, { key }) => {
        if (isScalar(key) && FORBIDDEN.has(String(key.value)))
          throw new OverrideError(`"${key.value}" cannot be set`);
      },
    });
    const value = plainValue(document, text);
    if (isMarked) return value;
    const isPlain = isScalar(document.contents) && typeof value !== 'string' && !text.includes('#');
    if (isPlain || text === '') return value ?? null;
  } else if (/^[[{]/.test(text)) {
    throw new OverrideError(`expected a YAML value after "=", found "${cut(text)}"`);
  }
  return text; // not a number, boolean or null: a text needs no quotes, whatever characters are in it
}

function plainValue(document: Document.Parsed, text: string): unknown {
  try {
    return document.toJS();
  } catch {
    // Aliases without an anchor, or too many of them.
    throw new OverrideError(`expected plain data after "=", found "${cut(text)}"`);
  }
}

function readKey(container: unknown, path: Override['path'], i: number): unknown {
  const key = checkKey(container, path, i);
  return Object.hasOwn(container as object, key) ? (container as Record<string, unknown>)[key] : undefined;
}

function writeKey(container: unknown, path: Override['path'], i: number, value: unknown): unknown {
  const key = checkKey(container, path, i);
  (container as Record<string, unknown>)[key] = value;
  return value;
}

/** The key as a property of the container. In a list, it must be an existing index or the next one. */
function checkKey(container: unknown, path: Override['path'], i: number): string {
  const key = path[i]!;
  const here = i === 0 ? 'the spec' : `"${formatPath(path.slice(0, i))}"`;
  if (Array.isArray(container)) {
    if (!/^\d+$/.test(String(key))) {
      throw new OverrideError(`${here} is a list: expected a position such as [0], found "${key}"`);
    }
    if (Number(key) > container.length) {
      throw new OverrideError(
        `${here} has ${container.length} entries: expected a position of at most [${container.length}], found [${key}]`,
      );
    }
    return String(Number(key));
  }
  if (typeof key === 'number') {
    throw new OverrideError(`${here} is a mapping, not a list: expected a key, found [${key}]`);
  }
  return key;
}

const cut = (text: string): string => (text.length > 80 ? `${text.slice(0, 79)}…` : text);
