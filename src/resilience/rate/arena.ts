import type { Clock } from '../../core/clock.js';
import { NANOS_PER_SECOND } from '../../core/units.js';
import { RateTableFullError } from './rate-errors.js';

/**
 * How long freed words rest before reuse: a thread that was suspended in the middle of a take may still
 * write once to the ring it had opened.
 */
const REST_NS = 5n * NANOS_PER_SECOND;

interface Block {
  readonly at: number;
  readonly words: number;
}

/** Allocates words of the shared arena, first fit. Belongs to the owner of the table. */
export class Arena {
  readonly #clock: Clock;
  readonly #words: number;
  /** Sorted by position; adjacent blocks are merged. */
  #free: Block[];
  #resting: { readonly block: Block; readonly until: bigint }[] = [];

  constructor(words: number, clock: Clock) {
    this.#words = words;
    this.#clock = clock;
    this.#free = words > 0 ? [{ at: 0, words }] : [];
  }

  /** @throws {RateTableFullError} */
  take(words: number, what: string): number {
    this.#collect();
    const index = this.#free.findIndex((block) => block.words >= words);
    const block = this.#free[index];
    if (block === undefined) throw new RateTableFullError(what, 'rollingPermitsMax', this.#words);
    const rest = { at: block.at + words, words: block.words - words };
    this.#free.splice(index, 1, ...(rest.words > 0 ? [rest] : []));
    return block.at;
  }

  give(at: number, words: number): void {
    this.#resting.push({ block: { at, words }, until: this.#clock.now() + REST_NS });
  }

  /** Frees words that no other thread ever saw; they need no rest. */
  giveUnused(at: number, words: number): void {
    this.#resting.push({ block: { at, words }, until: this.#clock.now() });
  }

  #collect(): void {
    const now = this.#clock.now();
    const rested = this.#resting.filter(({ until }) => until <= now);
    if (rested.length === 0) return;
    this.#resting = this.#resting.filter(({ until }) => until > now);
    const blocks = [...this.#free, ...rested.map(({ block }) => block)].sort((a, b) => a.at - b.at);
    this.#free = [];
    for (const block of blocks) {
      const last = this.#free.at(-1);
      if (last !== undefined && last.at + last.words === block.at) {
        this.#free[this.#free.length - 1] = { at: last.at, words: last.words + block.words };
      } else {
        this.#free.push(block);
      }
    }
  }
}
