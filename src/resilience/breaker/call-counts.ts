import {
  CALL_COUNTS,
  type CallCountName,
  STRIPE_CELLS,
  STRIPE_CLIENTS_CELL,
  STRIPE_OWNER_CELL,
  STRIPES,
  STRIPES_CELL,
} from '../../shared-memory/breaker-memory.js';

/**
 * Outcomes of calls since the breaker was created. Calls that a disabled breaker let through are not
 * counted.
 *
 * @interface
 */
export type CallCounts = Readonly<Record<CallCountName, number>>;

/**
 * Cells of a stripe: the low 32 bits of each count, and beside them how often that count has passed a
 * multiple of 2³¹. The two cells share one bit, so that a reader that comes between the two writes
 * detects it and is not misled.
 */
export const COUNT_CELL = Object.fromEntries(CALL_COUNTS.map((name, at) => [name, 2 * at])) as Readonly<
  Record<CallCountName, number>
>;
const LAP = 2 ** 31;

/** Owner of a free stripe, and of the first stripe, which is shared by all threads that found no free one. */
const NOBODY = 0;

/**
 * Counts in a stripe that only this thread writes, so that counting needs no atomic operation: a plain
 * write of 32 bits is never torn, and a reader may see it a moment late. All counters of a thread use its
 * stripe. Threads that find no free stripe share the first one, with atomic adds.
 */
export class CallCounter {
  readonly #words: Int32Array;
  #stripe: number;
  #isShared: boolean;

  constructor(words: Int32Array, threadId: number) {
    this.#words = words;
    const own = claimStripe(words, threadId);
    this.#isShared = own === undefined;
    this.#stripe = own ?? SHARED_STRIPE;
  }

  /** @param cell - One of `COUNT_CELL`. */
  count(cell: number): void {
    const low = this.#stripe + cell;
    const before = this.#isShared ? Atomics.add(this.#words, low, 1) : this.#words[low]!++;
    // Atomic whoever owns the stripe: this keeps it after the write above for threads that read both.
    if ((before & (LAP - 1)) === LAP - 1) Atomics.add(this.#words, low + 1, 1);
  }

  /** Frees the stripe for other threads. Calls still in flight are counted where all may count. */
  release(): void {
    if (this.#isShared) return;
    const stripe = this.#stripe;
    this.#isShared = true;
    this.#stripe = SHARED_STRIPE;
    if (--this.#words[stripe + STRIPE_CLIENTS_CELL]! > 0) return;
    // Atomic, so that the next owner sees all that was counted.
    Atomics.store(this.#words, stripe + STRIPE_OWNER_CELL, NOBODY);
  }
}

/** Frees the stripe of a dead thread for others. Its counts stay. */
export function releaseStripes(words: Int32Array, threadId: number): void {
  for (let stripe = 1; stripe < STRIPES; stripe++) {
    Atomics.compareExchange(words, firstCell(stripe) + STRIPE_OWNER_CELL, threadId + 1, NOBODY);
  }
}

/** @returns The first cell of the stripe of this thread, or of a free one; `undefined` if there is none. */
function claimStripe(words: Int32Array, threadId: number): number | undefined {
  const me = threadId + 1;
  for (let stripe = 1; stripe < STRIPES; stripe++) {
    const cell = firstCell(stripe);
    if (Atomics.load(words, cell + STRIPE_OWNER_CELL) !== me) continue;
    words[cell + STRIPE_CLIENTS_CELL]!++;
    return cell;
  }
  for (let stripe = 1; stripe < STRIPES; stripe++) {
    const cell = firstCell(stripe);
    if (Atomics.compareExchange(words, cell + STRIPE_OWNER_CELL, NOBODY, me) !== NOBODY) continue;
    words[cell + STRIPE_CLIENTS_CELL] = 1;
    return cell;
  }
  return undefined;
}

const firstCell = (stripe: number): number => STRIPES_CELL + stripe * STRIPE_CELLS;
const SHARED_STRIPE = firstCell(0);

/** Sums over the stripes. Each count was correct at some instant during the call. */
export function readCallCounts(words: Int32Array): CallCounts {
  const sumOf = (name: CallCountName) => {
    let sum = 0;
    for (let stripe = 0; stripe < STRIPES; stripe++) {
      sum += readWide(words, firstCell(stripe) + COUNT_CELL[name]);
    }
    return sum;
  };
  return Object.fromEntries(CALL_COUNTS.map((name) => [name, sumOf(name)])) as CallCounts;
}

function readWide(words: Int32Array, cell: number): number {
  const laps = Atomics.load(words, cell + 1) >>> 0;
  const low = Atomics.load(words, cell) >>> 0;
  const isBehind = laps % 2 !== Math.floor(low / LAP);
  return (laps + Number(isBehind)) * LAP + (low % LAP);
}
