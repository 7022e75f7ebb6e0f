import { type Clock, systemClock } from '../core/clock.js';
import { SYNC_MEMORY_BYTES, SYNC_PERMITS, type SyncCells, syncCells } from './sync-memory.js';

/** A permit taken this long ago counts as returned: its thread has died, or its disk is slow. */
export const PERMIT_NS = 100_000_000n;
/** The longest wait. */
export const TURN_NS_MAX = 1_000_000_000n;

/** Waits until the cell is no longer `seen`, for at most the timeout. May return a little early. */
export type WaitForChange = (cell: Int32Array, seen: number, timeoutMs: number) => Promise<void>;

interface Permit {
  readonly cell: number;
  readonly takenAt: bigint;
}

/**
 * Makes the syncs of all threads of a process take turns, a few at a time. Each sync blocks one of the
 * four threads in which Node does all file I/O, so four at once would hold up every read.
 *
 * The gate improves latency; correctness does not depend on it. A permit expires, so that a thread that
 * dies with one delays the others once, by `PERMIT_NS`. After `TURN_NS_MAX` a sync goes ahead without a
 * permit. Within a thread, syncs run in the order in which they came. Between threads, a waiting thread
 * gets a returned permit before those that queue in the thread that returned it.
 */
export class SyncGate {
  readonly memory: SharedArrayBuffer;
  readonly #cells: SyncCells;
  readonly #clock: Clock;
  readonly #wait: WaitForChange;
  /** Syncs of this thread that are in progress with a permit. */
  #held = 0;
  /** Called when one of them returns its permit, with whether this thread may take it. */
  #onRelease: ((isForUs: boolean) => void) | undefined;
  /** Syncs of this thread that are still waiting for their turn. */
  #waiting = 0;
  /** Resolves when the last of them has its turn. */
  #lastTurn: Promise<unknown> = Promise.resolve();

  /**
   * @param clock - The same clock in all threads.
   * @param wait - For tests, like `clock`.
   */
  constructor(memory: SharedArrayBuffer, clock: Clock = systemClock, wait: WaitForChange = waitForChange) {
    this.memory = memory;
    this.#cells = syncCells(memory);
    this.#clock = clock;
    this.#wait = wait;
  }

  /** Runs the sync in its turn. Throws what the sync throws. */
  async run<T>(sync: () => Promise<T>): Promise<T> {
    const permit = (this.#waiting === 0 && this.#take()) || (await this.#queue());
    try {
      return await sync();
    } finally {
      if (permit) this.#giveBack(permit);
    }
  }

  async #queue(): Promise<Permit | undefined> {
    const until = this.#clock.now() + TURN_NS_MAX;
    this.#waiting++;
    const turn = this.#lastTurn.then(() => this.#waitForPermit(until));
    this.#lastTurn = turn;
    try {
      return await turn;
    } finally {
      this.#waiting--;
    }
  }

  /**
   * Waits for a permit. Only one call may run at a time.
   *
   * @returns `undefined` if no permit was free in time.
   */
  async #waitForPermit(until: bigint): Promise<Permit | undefined> {
    const { releases } = this.#cells;
    for (let mayTake = true; ; ) {
      const seen = Atomics.load(releases, 0); // before the check, so that no release is missed
      const permit = mayTake ? this.#take() : undefined;
      if (permit) return permit;
      const now = this.#clock.now();
      if (now >= until) return undefined;
      const leftMs = Math.max(1, Number((this.#nextChance(now, until) - now + 999_999n) / 1_000_000n));
      // A permit that this thread returns is noticed at once; waiting on the cell takes a turn of the
      // event loop.
      if (this.#held > 0) mayTake = await this.#release(leftMs);
      else {
        await this.#wait(releases, seen, leftMs);
        mayTake = true;
      }
    }
  }

  #release(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (isForUs: boolean) => {
        this.#clock.clearTimeout(timer);
        this.#onRelease = undefined;
        resolve(isForUs);
      };
      const timer = this.#clock.setTimeout(() => finish(true), timeoutMs);
      this.#onRelease = finish;
    });
  }

  #take(): Permit | undefined {
    const { takenAtNs } = this.#cells;
    const now = this.#clock.now();
    for (let cell = 0; cell < SYNC_PERMITS; cell++) {
      const found = Atomics.load(takenAtNs, cell);
      if (found !== 0n && now - found < PERMIT_NS) continue;
      if (Atomics.compareExchange(takenAtNs, cell, found, now) !== found) continue;
      this.#held++;
      return { cell, takenAt: now };
    }
    return undefined;
  }

  /**
   * When the next permit expires, or the wait ends. A free permit is meant for another thread, which may
   * have died.
   */
  #nextChance(now: bigint, until: bigint): bigint {
    let at = until;
    for (let cell = 0; cell < SYNC_PERMITS; cell++) {
      const takenAt = Atomics.load(this.#cells.takenAtNs, cell);
      const expires = (takenAt === 0n ? now : takenAt) + PERMIT_NS;
      if (expires < at) at = expires;
    }
    return at;
  }

  #giveBack({ cell, takenAt }: Permit): void {
    const { takenAtNs, releases } = this.#cells;
    this.#held--;
    let isForUs = false;
    // An expired permit may belong to another thread by now.
    if (Atomics.compareExchange(takenAtNs, cell, takenAt, 0n) === takenAt) {
      Atomics.add(releases, 0, 1);
      isForUs = Atomics.notify(releases, 0, 1) === 0;
    }
    this.#onRelease?.(isForUs);
  }
}

let ofThisThread: SyncGate | undefined;

const gate = (): SyncGate => {
  ofThisThread ??= new SyncGate(new SharedArrayBuffer(SYNC_MEMORY_BYTES));
  return ofThisThread;
};

/** Runs a sync in its turn among all syncs of this thread and of threads that share its memory. */
export const inSyncTurn = <T>(sync: () => Promise<T>): Promise<T> => gate().run(sync);

/** Memory to hand to other threads, so that they take turns with this one. */
export const syncMemory = (): SharedArrayBuffer => gate().memory;

/** Makes this thread take turns with all threads that use this memory. */
export function shareSyncMemory(memory: SharedArrayBuffer): void {
  if (ofThisThread?.memory !== memory) ofThisThread = new SyncGate(memory);
}

/** `Atomics.waitAsync`, which Node has but the ES2023 type library does not declare. */
interface WaitAsync {
  waitAsync(
    words: Int32Array,
    cell: number,
    seen: number,
    timeoutMs: number,
  ): { readonly async: false } | { readonly async: true; readonly value: Promise<unknown> };
}

async function waitForChange(cell: Int32Array, seen: number, timeoutMs: number): Promise<void> {
  // The cast: see the interface.
  const wait = (Atomics as unknown as WaitAsync).waitAsync(cell, 0, seen, timeoutMs);
  if (!wait.async) return;
  // The wait itself does not keep the process alive, which it must in the middle of a save.
  const alive = setTimeout(() => {}, 2 * timeoutMs);
  try {
    await wait.value;
  } finally {
    clearTimeout(alive);
  }
}
