import { PipelineError } from './errors.js';
import type { PlainData } from './plain-data.js';

/** Deeper than any state; shallower than what overflows the stack. */
const DEPTH_MAX = 500;

/**
 * A copy that shares nothing with the value. Beside plain data it takes what states of users hold and
 * a checkpoint can keep exactly: `bigint` and `undefined`, and any number.
 *
 * @param path - How the value is called in an error: `operators[0]`.
 * @throws {PipelineError} `CHECKPOINT_INVALID` with the path of what cannot be kept.
 */
export function copyPlainData(value: unknown, path: string): PlainData {
  return copyAny(value, path, 0) as PlainData;
}

function copyAny(value: unknown, path: string, depth: number): unknown {
  if (typeof value !== 'object' || value === null) {
    if (typeof value === 'function' || typeof value === 'symbol') throw refused(path, `a ${typeof value}`);
    return value;
  }
  if (depth === DEPTH_MAX) throw refused(path, `more than ${DEPTH_MAX} levels of it (a cycle?)`);
  if (Array.isArray(value)) {
    const copy = new Array<unknown>(value.length);
    for (let i = 0; i < value.length; i++) copy[i] = copyAny(value[i], `${path}[${i}]`, depth + 1);
    return copy;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw refused(path, nameOf(value));
  const copy: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    const kept = copyAny(field, `${path}.${key}`, depth + 1);
    if (key === '__proto__') define(copy, key, kept);
    else copy[key] = kept;
  }
  return copy;
}

/** An own field, whatever its name: an assignment to `__proto__` sets the prototype. */
function define(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
}

const nameOf = (value: object): string => {
  const name = (value.constructor as { name?: unknown } | undefined)?.name;
  return typeof name === 'string' && name !== '' ? `an object of ${name}` : 'an object of a class';
};

const refused = (path: string, found: string): PipelineError =>
  new PipelineError(
    'CHECKPOINT_INVALID',
    `${path}: expected plain data (objects, lists, texts, numbers), found ${found}; ` +
      'have "snapshot" make it plain and "restore" make it anew',
  );
