import { cutText, describeValue } from '../core/shown-text.js';
import { DEPTH_MAX } from './planning.js';

/** A value in options that cannot cross to a thread as JSON. */
export interface NotPlain {
  readonly path: readonly (string | number)[];
  readonly found: string;
}

/** Returns the first value in options that is not plain data. Keys whose value is `undefined` are ignored. */
export function findNotPlain(value: unknown, path: readonly (string | number)[] = []): NotPlain | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : { path, found: String(value) };
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return undefined;
  if (typeof value !== 'object') return { path, found: describeValue(value) };
  if (path.length >= DEPTH_MAX) return { path, found: `more than ${DEPTH_MAX} levels of it` };
  if (Array.isArray(value)) return firstOf(value.entries(), path);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return { path, found: nameOf(value) };
  return firstOf(
    Object.entries(value).filter(([, field]) => field !== undefined),
    path,
  );
}

function firstOf(
  entries: Iterable<[string | number, unknown]>,
  path: readonly (string | number)[],
): NotPlain | undefined {
  for (const [key, value] of entries) {
    const found = findNotPlain(value, [...path, key]);
    if (found) return found;
  }
  return undefined;
}

function nameOf(value: object): string {
  const name = (value.constructor as { readonly name?: unknown } | undefined)?.name;
  return typeof name === 'string' && name !== ''
    ? `an object of ${cutText(name, 100)}`
    : 'an object of a class';
}
