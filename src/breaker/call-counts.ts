import {
  CALL_COUNTS,
  type CallCountName,
  STRIPE_CELLS,
  STRIPES,
  STRIPES_CELL,
} from '../protocol/breaker-memory.js';

/** What calls came to since the breaker was made; none that a disabled breaker let through. */
export type CallCounts = Readonly<Record<CallCountName, number>>;

const CELL = Object.fromEntries(CALL_COUNTS.map((name, at) => [name, 2 * at])) as Record<
  CallCountName,
  number
>;
const CARRY = 2 ** 32;

/** Counts in the stripe of a thread, which others share only when there are more threads than stripes. */
export class CallCounter {
  readonly #words: Int32Array;
  readonly #stripe: number;

  constructor(words: Int32Array, threadId: number) {
    this.#words = words;
    this.#stripe = STRIPES_CELL + (threadId % STRIPES) * STRIPE_CELLS;
  }

  count(name: CallCountName): void {
    const cell = this.#stripe + CELL[name];
    // −1 is the last of the 32 bits: the next cell takes the carry.
    if (Atomics.add(this.#words, cell, 1) === -1) Atomics.add(this.#words, cell + 1, 1);
  }
}

/** Sums over the stripes. Each figure is true for some instant during the call. */
export function readCallCounts(words: Int32Array): CallCounts {
  const sumOf = (name: CallCountName) => {
    let sum = 0;
    for (let stripe = 0; stripe < STRIPES; stripe++) {
      sum += readWide(words, STRIPES_CELL + stripe * STRIPE_CELLS + CELL[name]);
    }
    return sum;
  };
  return Object.fromEntries(CALL_COUNTS.map((name) => [name, sumOf(name)])) as CallCounts;
}

function readWide(words: Int32Array, cell: number): number {
  for (;;) {
    const high = Atomics.load(words, cell + 1);
    const low = Atomics.load(words, cell) >>> 0;
    if (Atomics.load(words, cell + 1) === high) return (high >>> 0) * CARRY + low;
  }
}
