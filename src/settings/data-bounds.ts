import { cutText } from '../core/shown-text.js';
import type { OptionPath } from './marked-options.js';

/**
 * What the data of a spec may have at most. Nobody writes more by hand, and what checks it may take its time
 * for each value.
 */
const VALUES_MAX = 100_000;
/** Of one mapping. A schema that refuses each of its values takes about 20 µs and 2 kB for one. */
const KEYS_MAX = 10_000;
const DEPTH_MAX = 100;
const TEXT_CHARS_MAX = 65_536;
/** As many as YAML lets a key have. */
const KEY_CHARS_MAX = 1_024;

/** Where data has too much of something, and of what. */
export interface Excess {
  readonly path: OptionPath;
  readonly message: string;
}

/**
 * Returns where data is too large to be looked at; `undefined` if it is not. Data at several places (an alias
 * of YAML) counts at each, and a cycle has no end.
 */
export function findExcess(data: unknown): Excess | undefined {
  const bounds = new Bounds();
  return bounds.check(data, []);
}

class Bounds {
  #values = 0;

  check(value: unknown, path: OptionPath): Excess | undefined {
    this.#values++;
    if (this.#values > VALUES_MAX) {
      return { path: [], message: `expected at most ${VALUES_MAX} values in all, found more` };
    }
    if (typeof value === 'string') {
      if (value.length <= TEXT_CHARS_MAX) return undefined;
      const message = `expected at most ${TEXT_CHARS_MAX} characters, found ${value.length}`;
      return { path, message };
    }
    // Of binary data, each byte would be a value.
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined;
    if (path.length >= DEPTH_MAX) {
      const message = `expected at most ${DEPTH_MAX} lists and mappings inside one another, found more`;
      return { path: path.slice(0, 1), message };
    }
    return Array.isArray(value) ? this.#checkList(value, path) : this.#checkMapping(value, path);
  }

  #checkList(list: readonly unknown[], path: OptionPath): Excess | undefined {
    for (let i = 0; i < list.length; i++) {
      const excess = this.check(list[i], [...path, i]);
      if (excess) return excess;
    }
    return undefined;
  }

  #checkMapping(mapping: object, path: OptionPath): Excess | undefined {
    const entries = Object.entries(mapping);
    if (entries.length > KEYS_MAX) {
      return { path, message: `expected at most ${KEYS_MAX} keys in a mapping, found ${entries.length}` };
    }
    for (const [key, value] of entries) {
      if (key.length > KEY_CHARS_MAX) {
        const message = `expected keys of at most ${KEY_CHARS_MAX} characters, found one of ${key.length}`;
        return { path: [...path, cutText(key)], message };
      }
      const excess = this.check(value, [...path, key]);
      if (excess) return excess;
    }
    return undefined;
  }
}
