import { RateTableFullError } from './rate-errors.js';

interface Block {
  readonly at: number;
  readonly words: number;
}

export interface ArenaOptions {
  /** Setting that says how many words there are. */
  readonly setting: string;
  readonly words: number;
  /** Whether a thread may still write to the words, although nobody can open them any more. */
  readonly isInUse?: (at: number, words: number) => boolean;
}

/**
 * Allocates words of shared memory, first fit. Belongs to the owner of the table. Words that are given back
 * can be taken again at once, unless a thread may still write to them.
 */
export class Arena {
  readonly #setting: string;
  readonly #words: number;
  readonly #isInUse: (at: number, words: number) => boolean;
  /** Sorted by position; neighbours are merged. */
  readonly #free: Block[];
  /** Given back, but in use. */
  #resting: Block[] = [];

  constructor({ setting, words, isInUse = () => false }: ArenaOptions) {
    this.#setting = setting;
    this.#words = words;
    this.#isInUse = isInUse;
    this.#free = words > 0 ? [{ at: 0, words }] : [];
  }

  /** @throws {RateTableFullError} */
  take(words: number, what: string): number {
    this.#collect();
    const index = this.#free.findIndex((block) => block.words >= words);
    const block = this.#free[index];
    if (block === undefined) throw new RateTableFullError(what, this.#setting, this.#words);
    if (block.words === words) this.#free.splice(index, 1);
    else this.#free[index] = { at: block.at + words, words: block.words - words };
    return block.at;
  }

  give(at: number, words: number): void {
    if (this.#isInUse(at, words)) this.#resting.push({ at, words });
    else this.#merge({ at, words });
  }

  #collect(): void {
    if (this.#resting.length === 0) return;
    const resting = this.#resting;
    this.#resting = [];
    for (const { at, words } of resting) this.give(at, words);
  }

  #merge(block: Block): void {
    const index = this.#indexOf(block.at);
    const before = this.#free[index - 1];
    const after = this.#free[index];
    const joinsBefore = before !== undefined && before.at + before.words === block.at;
    const joinsAfter = after !== undefined && block.at + block.words === after.at;
    const at = joinsBefore ? before.at : block.at;
    const end = joinsAfter ? after.at + after.words : block.at + block.words;
    const first = index - (joinsBefore ? 1 : 0);
    this.#free.splice(first, (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0), { at, words: end - at });
  }

  /** Index of the first free block behind the position. */
  #indexOf(at: number): number {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#free[middle]!.at < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
