import { formatPath, InvalidOptionsError } from '../core/errors.js';
import type { PlainData } from '../core/plain-data.js';
import { describeValue } from '../core/shown-text.js';

const DEPTH_MAX = 500;

/**
 * A copy of what a store keeps, which is what JSON can say. Keys that are `undefined` are left out.
 *
 * @param call - Name of the function that was called, for errors.
 * @param name - Of its argument.
 * @throws {InvalidOptionsError} with the path of what cannot be kept.
 */
export function storedData(call: string, name: string, value: unknown): PlainData {
  return copyOf(value, [name]);

  function copyOf(value: unknown, path: readonly (string | number)[]): PlainData {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    if (typeof value !== 'object') throw refused(path, describeValue(value));
    if (path.length > DEPTH_MAX)
      throw refused(path.slice(0, 4), `more than ${DEPTH_MAX} levels of it (a cycle?)`);
    if (Array.isArray(value)) return value.map((one, i) => copyOf(one, [...path, i]));
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) throw refused(path, 'an object of a class');
    const kept = Object.entries(value).filter(([, one]) => one !== undefined);
    return Object.fromEntries(kept.map(([key, one]) => [key, copyOf(one, [...path, key])]));
  }

  function refused(path: readonly (string | number)[], found: string): InvalidOptionsError {
    const message =
      `${formatPath(path)}: expected plain data (mappings, lists, texts, numbers), since the runtime has a "store" ` +
      `that keeps it, found ${found}`;
    return new InvalidOptionsError(call, [message]);
  }
}
