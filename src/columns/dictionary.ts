import { DictionaryFullError } from '../core/errors.js';
import { ColumnMemory } from './column-memory.js';
import { snapshotOf } from './dictionary-snapshot.js';

/** The id of null. */
export const NO_STRING = -1;

/** Maps strings to small integer ids, assigned in order of appearance and never reused. */
export class Dictionary {
  readonly name: string;
  readonly #ids = new Map<string, number>();
  readonly #values: string[] = [];
  readonly #sizeMax: number;

  /** @param sizeMax - Strings that it takes. */
  constructor(name: string, sizeMax = 1_048_576) {
    this.name = name;
    this.#sizeMax = sizeMax;
  }

  /** Strings that it holds. */
  get size(): number {
    return this.#values.length;
  }

  /** All strings; the id is the index. Do not change it. */
  get values(): readonly string[] {
    return this.#values;
  }

  /**
   * Returns the id of a string, which it gets if it has none.
   *
   * @throws {DictionaryFullError} at `sizeMax`, since a column of unique strings would grow without bound.
   */
  idOf(value: string): number {
    const known = this.#ids.get(value);
    if (known !== undefined) return known;
    if (this.#values.length >= this.#sizeMax) throw new DictionaryFullError(this.name, this.#sizeMax);
    const id = this.#values.length;
    this.#values.push(value);
    this.#ids.set(value, id);
    return id;
  }

  /** The id of a string, if it has one. */
  find(value: string): number | undefined {
    return this.#ids.get(value);
  }

  /** The string of an id; `null` where there is none. */
  at(id: number): string | null {
    return this.#values[id] ?? null;
  }
}

/**
 * What all batches of one pipeline share: the dictionaries, one per name (columns with the same
 * dictionary share ids), and the account of the memory of its columns.
 */
export class DictionarySet {
  readonly memory: ColumnMemory;
  readonly #byName = new Map<string, Dictionary>();

  /** @param memory - If omitted, memory is counted but not limited. */
  constructor(memory = new ColumnMemory()) {
    this.memory = memory;
  }

  /** The dictionary of a name, made when it is first asked for. */
  get(name: string): Dictionary {
    let dictionary = this.#byName.get(name);
    if (!dictionary) {
      dictionary = new Dictionary(name);
      this.#byName.set(name, dictionary);
    }
    return dictionary;
  }

  /** Plain data: each dictionary's strings in order of id. */
  snapshot(): Record<string, string[]> {
    return snapshotOf(this.#byName.values());
  }

  /** Restores the id of every string. Only for a set that has not assigned any ids. */
  restore(snapshot: Readonly<Record<string, readonly string[]>>): void {
    for (const [name, values] of Object.entries(snapshot)) {
      const dictionary = this.get(name);
      for (const value of values) dictionary.idOf(value);
    }
  }
}
