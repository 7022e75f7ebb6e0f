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
  return new Bounds().check(data);
}

type MappingOfData = Readonly<Record<string, unknown>>;

class Bounds {
  #values = 0;
  /** Where the value is that is looked at now. */
  readonly #path: (string | number)[] = [];

  check(value: unknown): Excess | undefined {
    this.#values++;
    if (this.#values > VALUES_MAX) {
      return { path: [], message: `expected at most ${VALUES_MAX} values in all, found more` };
    }
    if (typeof value === 'string') {
      if (value.length <= TEXT_CHARS_MAX) return undefined;
      const message = `expected at most ${TEXT_CHARS_MAX} characters, found ${value.length}`;
      return { path: [...this.#path], message };
    }
    // Of binary data, each byte would be a value.
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined;
    if (this.#path.length >= DEPTH_MAX) {
      const message = `expected at most ${DEPTH_MAX} lists and mappings inside one another, found more`;
      return { path: this.#path.slice(0, 1), message };
    }
    return Array.isArray(value) ? this.#checkList(value) : this.#checkMapping(value as MappingOfData);
  }

  #checkList(list: readonly unknown[]): Excess | undefined {
    for (let i = 0; i < list.length; i++) {
      const excess = this.#checkAt(i, list[i]);
      if (excess) return excess;
    }
    return undefined;
  }

  #checkMapping(mapping: MappingOfData): Excess | undefined {
    const keys = Object.keys(mapping);
    if (keys.length > KEYS_MAX) {
      const message = `expected at most ${KEYS_MAX} keys in a mapping, found ${keys.length}`;
      return { path: [...this.#path], message };
    }
    for (const key of keys) {
      if (key.length > KEY_CHARS_MAX) {
        const message = `expected keys of at most ${KEY_CHARS_MAX} characters, found one of ${key.length}`;
        return { path: [...this.#path, cutText(key)], message };
      }
      const excess = this.#checkAt(key, mapping[key]);
      if (excess) return excess;
    }
    return undefined;
  }

  #checkAt(key: string | number, value: unknown): Excess | undefined {
    this.#path.push(key);
    const excess = this.check(value);
    this.#path.pop();
    return excess;
  }
}
