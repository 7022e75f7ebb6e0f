import { copyPlainData } from '../core/copy-plain-data.js';
import type { PlainData } from '../core/plain-data.js';

/** Marks escaped values: the only key of an object that stands for a value that JSON cannot represent. */
const SIGN = '$';

/**
 * Writes plain data as JSON that `readPlainData` reads back exactly. NaN, infinities, minus zero, `bigint` and
 * `undefined` are written as objects such as `{"$": "NaN"}`. Keys that begin with `$` get another `$` in front.
 *
 * @param path - Name of the value in an error.
 * @throws {PipelineError} `CHECKPOINT_INVALID` with the path of a value that cannot be kept.
 */
export function writePlainData(value: unknown, path: string): string {
  return JSON.stringify(isJson(value, 1) ? value : escaped(copyPlainData(value, path)));
}

/** Deeper data is looked at with its path. */
const DEPTH_MAX = 100;

/**
 * Whether JSON represents a value exactly as it is, as is the case for most states. Such a value is neither
 * copied nor changed. Others may still be values that can be kept.
 */
function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return value === 0 ? !Object.is(value, -0) : value - value === 0;
    case 'object':
      if (value === null) return true;
      return depth <= DEPTH_MAX && areItemsJson(value, depth + 1);
    default:
      return false;
  }
}

function areItemsJson(value: object, depth: number): boolean {
  if (Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype) {
    for (let i = 0; i < value.length; i++) if (!isJson(value[i], depth)) return false;
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  // This also visits inherited fields, if there are any, which does no harm.
  for (const key in value) {
    if (key.startsWith(SIGN) || !isJson((value as Fields)[key], depth)) return false;
  }
  return true;
}

/**
 * Reads what `writePlainData` wrote.
 * @throws {SyntaxError} if it is not JSON, or has an escape that `writePlainData` does not write.
 */
export function readPlainData(text: string): PlainData {
  const data = JSON.parse(text) as unknown;
  // Most checkpoints have no such key, and need no second pass.
  return (text.includes(`"${SIGN}`) ? unescaped(data) : data) as PlainData;
}

/** Escapes a value in place; the caller passes its own copy. */
function escaped(value: unknown): unknown {
  switch (typeof value) {
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return value;
      return sign(Object.is(value, -0) ? '-0' : String(value));
    case 'bigint':
      return sign(`${value}n`);
    case 'undefined':
      return sign('undefined');
    case 'object':
      if (Array.isArray(value)) return replaceItems(value, escaped);
      if (value !== null) return replaceFields(value as Fields, escapedKey, escaped);
      return value;
    default:
      return value;
  }
}

function unescaped(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return replaceItems(value, unescaped);
  const fields = value as Fields;
  if (Object.hasOwn(fields, SIGN)) return meaningOf(fields[SIGN]);
  return replaceFields(fields, unescapedKey, unescaped);
}

function meaningOf(word: unknown): unknown {
  switch (word) {
    case 'NaN':
      return Number.NaN;
    case 'Infinity':
      return Number.POSITIVE_INFINITY;
    case '-Infinity':
      return Number.NEGATIVE_INFINITY;
    case '-0':
      return -0;
    case 'undefined':
      return undefined;
    default:
      if (typeof word === 'string' && /^-?\d+n$/.test(word)) return BigInt(word.slice(0, -1));
      throw new SyntaxError(`expected a sign such as {"$": "NaN"}, found another`);
  }
}

type Fields = Record<string, unknown>;

const sign = (word: string): Fields => ({ [SIGN]: word });
const escapedKey = (key: string): string => (key.startsWith(SIGN) ? SIGN + key : key);
const unescapedKey = (key: string): string => (key.startsWith(SIGN) ? key.slice(SIGN.length) : key);

function replaceItems(list: unknown[], by: (item: unknown) => unknown): unknown[] {
  for (let i = 0; i < list.length; i++) {
    const item = list[i];
    if (typeof item !== 'string') list[i] = by(item);
  }
  return list;
}

/** Replaces fields in place if no key changes, otherwise in a new object, so that keys keep their order. */
function replaceFields(fields: Fields, nameOf: (key: string) => string, by: (v: unknown) => unknown): Fields {
  const keys = Object.keys(fields);
  let isRenamed = false;
  for (const key of keys) {
    if (key.startsWith(SIGN)) isRenamed = true;
    const field = fields[key];
    if (typeof field !== 'string') set(fields, key, by(field));
  }
  if (!isRenamed) return fields;
  const renamed: Fields = {};
  for (const key of keys) set(renamed, nameOf(key), fields[key]);
  return renamed;
}

/** Sets an own field, even if its name is `__proto__`. */
function set(fields: Fields, key: string, value: unknown): void {
  if (key !== '__proto__') fields[key] = value;
  else Object.defineProperty(fields, key, { value, enumerable: true, writable: true, configurable: true });
}
