import { DictionaryFullError } from '../core/errors.js';
import { ColumnMemory } from './column-memory.js';

/** Id of a string that is not there (null). */
export const NO_STRING = -1;

/** Strings as small integers, handed out in order of appearance and never taken back. */
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

  get size(): number {
    return this.#values.length;
  }

  /** All strings; the id is the index. Do not change it. */
  get values(): readonly string[] {
    return this.#values;
  }

  /**
   * The id of a string; one that is new gets the next.
   *
   * @throws {DictionaryFullError} since a column of ever new strings would grow without bound.
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
 * What all batches of one pipeline share: its dictionaries, one per name (columns that name the same
 * one share ids), and the account of the memory that its columns take.
 */
export class DictionarySet {
  readonly memory: ColumnMemory;
  readonly #byName = new Map<string, Dictionary>();

  /** @param memory - Without it, memory is counted and not limited. */
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
    return Object.fromEntries([...this.#byName].map(([name, d]) => [name, [...d.values]]));
  }

  /** Gives every string its old id again. Only on a set that has handed out no ids. */
  restore(snapshot: Readonly<Record<string, readonly string[]>>): void {
    for (const [name, values] of Object.entries(snapshot)) {
      const dictionary = this.get(name);
      for (const value of values) dictionary.idOf(value);
    }
  }
}
