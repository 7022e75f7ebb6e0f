import { formatPath, PipelineError } from './errors.js';
import type { PlainData } from './plain-data.js';
import { describeValue } from './shown-text.js';

/** Deeper than any state; shallower than what overflows the stack. */
const DEPTH_MAX = 500;

/**
 * Returns a copy that shares nothing with the value. Besides plain data, it accepts what states of user code may
 * hold and a checkpoint keeps exactly: `bigint`, `undefined` and any number.
 *
 * @param path - Names the value in errors: `operators[0]`.
 * @throws {PipelineError} `CHECKPOINT_INVALID` with the path of what cannot be kept.
 */
export function copyPlainData(value: unknown, path: string): PlainData {
  return copyAny(value, [path], 1) as PlainData;
}

/**
 * @param keys - On the way to the value, its name first; what stands from `depth` on is of no account.
 *   Written over rather than added to: a state may have a million values.
 */
function copyAny(value: unknown, keys: (string | number)[], depth: number): unknown {
  if (typeof value !== 'object' || value === null) {
    if (typeof value !== 'function' && typeof value !== 'symbol') return value;
    throw refused(keys.slice(0, depth), describeValue(value));
  }
  if (depth > DEPTH_MAX) throw refused(keys.slice(0, 4), `more than ${DEPTH_MAX} levels of it (a cycle?)`);
  if (Array.isArray(value)) {
    const copy = new Array<unknown>(value.length);
    for (let i = 0; i < value.length; i++) {
      keys[depth] = i;
      copy[i] = copyAny(value[i], keys, depth + 1);
    }
    return copy;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw refused(keys.slice(0, depth), nameOf(value));
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    keys[depth] = key;
    const kept = copyAny((value as Record<string, unknown>)[key], keys, depth + 1);
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

const refused = (keys: readonly (string | number)[], found: string): PipelineError =>
  new PipelineError(
    'CHECKPOINT_INVALID',
    `${formatPath(keys)}: expected plain data (objects, lists, texts, numbers), found ${found}; ` +
      'have "snapshot" make it plain and "restore" make it anew',
  );
