import {
  CALL_COUNTS,
  type CallCountName,
  STRIPE_CELLS,
  STRIPE_CLIENTS_CELL,
  STRIPE_OWNER_CELL,
  STRIPES,
  STRIPES_CELL,
  STRIPES_USED_CELL,
  shardCell,
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
/** Calls on the shared stripe after which one of its threads looks for a stripe that has become free. */
const CALLS_A_CLAIM = 1_024;

/** Owner of a free stripe, and of the first stripe, which is shared by all threads that found no free one. */
const NOBODY = 0;

/**
 * Counts in a stripe that only this thread writes, so that counting needs no atomic operation: a plain
 * write of 32 bits is never torn, and a reader may see it a moment late. All counters of a thread use its
 * stripe. Threads that find no free stripe share the first one, with atomic adds.
 */
export class CallCounter {
  readonly #words: Int32Array;
  readonly #threadId: number;
  #stripe = SHARED_STRIPE;
  #isShared = true;
  #isReleased = false;
  /** First cell of the thread's shard of a time window; `undefined` while it has no stripe of its own. */
  shard: number | undefined;

  constructor(words: Int32Array, threadId: number) {
    this.#words = words;
    this.#threadId = threadId;
    this.#claim();
  }

  /** @param cell - One of `COUNT_CELL`. */
  count(cell: number): void {
    const low = this.#stripe + cell;
    const before = this.#isShared ? Atomics.add(this.#words, low, 1) : this.#words[low]!++;
    // Atomic whoever owns the stripe: this keeps it after the write above for threads that read both.
    if ((before & (LAP - 1)) === LAP - 1) Atomics.add(this.#words, low + 1, 1);
    if (this.#isShared && before % CALLS_A_CLAIM === 0) this.#claim();
  }

  /** Takes a stripe, if one is free now. */
  #claim(): void {
    if (this.#isReleased) return;
    const stripe = claimStripe(this.#words, this.#threadId);
    if (stripe === undefined) return;
    this.#isShared = false;
    this.#stripe = firstCell(stripe);
    this.shard = shardCell(stripe);
  }

  /** Frees the stripe for other threads. Calls still in flight are counted where all may count. */
  release(): void {
    this.#isReleased = true;
    if (this.#isShared) return;
    const stripe = this.#stripe;
    this.#isShared = true;
    this.#stripe = SHARED_STRIPE;
    this.shard = undefined;
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

/** @returns The stripe of this thread, or a free one, which it then has; `undefined` if there is none. */
function claimStripe(words: Int32Array, threadId: number): number | undefined {
  const me = threadId + 1;
  for (let stripe = 1; stripe < STRIPES; stripe++) {
    const cell = firstCell(stripe);
    if (Atomics.load(words, cell + STRIPE_OWNER_CELL) !== me) continue;
    words[cell + STRIPE_CLIENTS_CELL]!++;
    return stripe;
  }
  for (let stripe = 1; stripe < STRIPES; stripe++) {
    const cell = firstCell(stripe);
    if (Atomics.compareExchange(words, cell + STRIPE_OWNER_CELL, NOBODY, me) !== NOBODY) continue;
    words[cell + STRIPE_CLIENTS_CELL] = 1;
    raiseUsed(words, stripe);
    return stripe;
  }
  return undefined;
}

/** Before anything is counted in the shard of the stripe. */
function raiseUsed(words: Int32Array, stripe: number): void {
  let used = Atomics.load(words, STRIPES_USED_CELL);
  while (used < stripe) {
    const found = Atomics.compareExchange(words, STRIPES_USED_CELL, used, stripe);
    if (found === used) return;
    used = found;
  }
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
