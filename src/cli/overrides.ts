import { isAlias, isScalar, LineCounter, visit } from 'yaml';
import { type SpecProblem, shownPath } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import { cutText } from '../core/shown-text.js';
import { readDocuments, YamlExcessError } from '../documents/bounded-yaml.js';
import { checkContent, keyText } from '../documents/document-content.js';

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
/** Steps of a path: as many as mappings may be inside one another. */
const STEPS_MAX = 100;
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
    throw new OverrideError(`expected path=value, such as batcher.maxRows=1000, found "${cutText(text)}"`);
  }
  const path = parsePath(target.trim());
  return { text, ...(spec !== undefined && { spec }), path, value: parseValue(valueText.trim()) };
}

/**
 * Applies an override to the data of a spec, in place. Mappings that are in the path but not in the spec are
 * created.
 *
 * @throws {OverrideError} if the path does not fit the spec. Nothing was changed then.
 */
export function applyOverride(spec: unknown, { path, value: given }: Override): void {
  const value = structuredClone(given); // a later override may change it
  let at = spec;
  const last = path.length - 1;
  for (let i = 0; i < last; i++) {
    const next = readKey(at, path, i);
    if (next === undefined) {
      writeKey(at, path, i, nested(path, i + 1, value, at));
      return;
    }
    if (typeof next !== 'object' || next === null) {
      throw new OverrideError(
        `"${shownPath(path.slice(0, i + 1))}" is a single value in the spec, so "${shownPath(path)}" cannot be set`,
      );
    }
    at = next;
  }
  writeKey(at, path, last, value);
}

/** A value inside new lists and mappings, by the rest of a path. */
function nested(path: Override['path'], from: number, value: unknown, container: unknown): unknown {
  let inner = value;
  for (let i = path.length - 1; i >= from; i--) {
    const key = path[i]!;
    if (!isIndex(key)) {
      inner = { [key]: inner };
      continue;
    }
    if (Number(key) > 0) throw noList(path.slice(0, i), i === from ? container : {});
    inner = [inner];
  }
  return inner;
}

/** The error for a position in a list that is not there: most likely its name is misspelled. */
function noList(path: SpecProblem['path'], container: unknown): OverrideError {
  const near = nearestName(String(path.at(-1)), Object.keys(container as object));
  const hint = near === undefined ? '' : ` (did you mean "${near}"?)`;
  return new OverrideError(`there is no list "${shownPath(path)}"${hint}: a new one begins with [0]`);
}

const isIndex = (key: string | number): boolean => /^\d+$/.test(String(key));

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
  while (rest !== '' && path.length <= STEPS_MAX) {
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
  if (path.length > STEPS_MAX) {
    throw new OverrideError(
      `expected a path of at most ${STEPS_MAX} steps before "=", found "${cutText(text)}"`,
    );
  }
  if (rest !== '' || typeof first !== 'string') {
    throw new OverrideError(
      `expected a path such as sink.path or operators[0].every before "=", found "${cutText(text)}"`,
    );
  }
  return [first, ...others];
}

function parseValue(text: string): unknown {
  const found = yamlValue(text);
  const isMarked = /^["'[{]/.test(text);
  if (found) {
    if (isMarked) return found.value;
    const isPlain = found.isScalar && typeof found.value !== 'string' && !text.includes('#');
    if (isPlain || text === '') return found.value ?? null;
  } else if (/^[[{]/.test(text)) {
    throw new OverrideError(`expected a YAML value after "=", found "${cutText(text)}"`);
  }
  return text; // not a number, boolean or null: a text needs no quotes, whatever characters are in it
}

/** Reads a text as YAML. @returns `undefined` if it is none. */
function yamlValue(text: string): { readonly value: unknown; readonly isScalar: boolean } | undefined {
  try {
    const [document, ...more] = readDocuments(text, new LineCounter());
    if (!document) return { value: null, isScalar: true };
    const { errors, warnings, contents } = document;
    if (errors.length + warnings.length + more.length > 0) return undefined;
    visit(document, {
      Pair: (_, { key }) => {
        const name = keyText(key);
        if (name !== undefined && FORBIDDEN.has(name)) throw new OverrideError(`"${name}" cannot be set`);
      },
    });
    if (checkContent(document, 1).problems.length > 0) {
      if (!isAlias(contents)) return undefined;
      throw new OverrideError(`expected plain data after "=", found "${cutText(text)}"`);
    }
    return { value: document.toJS({ maxAliasCount: -1 }), isScalar: isScalar(contents) };
  } catch (error) {
    if (!(error instanceof YamlExcessError)) throw error;
    throw new OverrideError(`after "=": ${error.message}`);
  }
}

function readKey(container: unknown, path: Override['path'], i: number): unknown {
  const key = checkKey(container, path, i);
  return Object.hasOwn(container as object, key) ? (container as Record<string, unknown>)[key] : undefined;
}

function writeKey(container: unknown, path: Override['path'], i: number, value: unknown): void {
  const key = checkKey(container, path, i);
  (container as Record<string, unknown>)[key] = value;
}

/** The key as a property of the container. In a list, it must be an existing index or the next one. */
function checkKey(container: unknown, path: Override['path'], i: number): string {
  const key = path[i]!;
  const here = i === 0 ? 'the spec' : `"${shownPath(path.slice(0, i))}"`;
  if (Array.isArray(container)) {
    if (!/^\d+$/.test(String(key))) {
      throw new OverrideError(
        `${here} is a list: expected a position such as [0], found "${cutText(String(key))}"`,
      );
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
