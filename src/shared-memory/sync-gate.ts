import { type Clock, systemClock } from '../core/clock.js';
import { SYNC_MEMORY_BYTES, SYNC_PERMITS, type SyncCells, syncCells } from './sync-memory.js';

/** A permit that was taken so long ago counts as given back: its thread has died, or its disk is slow. */
export const PERMIT_NS = 100_000_000n;
/** Nobody waits for longer. */
export const TURN_NS_MAX = 1_000_000_000n;

/** Waits until the cell is no longer `seen`, a little early perhaps, for so long at most. */
export type WaitForChange = (cell: Int32Array, seen: number, timeoutMs: number) => Promise<void>;

interface Permit {
  readonly cell: number;
  readonly takenAt: bigint;
}

/**
 * Has the syncs of all threads of a process take turns, a few at a time: each blocks one of the four
 * threads in which Node does all work on files, so that four at once hold up every read.
 *
 * It is courtesy, not safety: what is right does not depend on it. A permit expires, so that a thread
 * that dies with one holds up the others by `PERMIT_NS` once; and past `TURN_NS_MAX` a sync goes on without
 * one. In a thread, syncs go in the order in which they came. Between threads, one that waits comes before
 * those behind whoever gives a permit back.
 */
export class SyncGate {
  readonly memory: SharedArrayBuffer;
  readonly #cells: SyncCells;
  readonly #clock: Clock;
  readonly #wait: WaitForChange;
  /** Syncs of this thread that are under way with a permit. */
  #held = 0;
  /** Told when one of them gives its permit back, and whether it is free for this thread to take. */
  #onRelease: ((isForUs: boolean) => void) | undefined;
  /** Syncs of this thread that have not got their turn yet. */
  #waiting = 0;
  /** When the last of them has got it. */
  #lastTurn: Promise<unknown> = Promise.resolve();

  /** @param clock - One for all threads. @param wait - For tests, both. */
  constructor(memory: SharedArrayBuffer, clock: Clock = systemClock, wait: WaitForChange = waitForChange) {
    this.memory = memory;
    this.#cells = syncCells(memory);
    this.#clock = clock;
    this.#wait = wait;
  }

  /** Does it in its turn. Throws what it throws. */
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

  /** @returns `undefined` when none could be had in time. One call at a time. */
  async #waitForPermit(until: bigint): Promise<Permit | undefined> {
    const { releases } = this.#cells;
    for (let mayTake = true; ; ) {
      const seen = Atomics.load(releases, 0); // before looking, so that nothing is missed
      const permit = mayTake ? this.#take() : undefined;
      if (permit) return permit;
      const now = this.#clock.now();
      if (now >= until) return undefined;
      const leftMs = Math.max(1, Number((this.#nextChance(now, until) - now + 999_999n) / 1_000_000n));
      // What this thread gives back it hears of at once; the other way takes a turn of the loop.
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

  /** When a permit expires, or nothing more is waited for. A free one is somebody else's, who may have died. */
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
    // One that has expired may be somebody else's by now.
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

/** Does a sync in its turn among all syncs of this thread, and of those that share memory with it. */
export const inSyncTurn = <T>(sync: () => Promise<T>): Promise<T> => gate().run(sync);

/** To be handed to threads, so that they take turns with this one. */
export const syncMemory = (): SharedArrayBuffer => gate().memory;

/** From now on, this thread takes turns with those that have this memory. */
export function shareSyncMemory(memory: SharedArrayBuffer): void {
  if (ofThisThread?.memory !== memory) ofThisThread = new SyncGate(memory);
}

/** `Atomics.waitAsync`, which Node has and the library of ES2023 does not name. */
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
  // That wait alone keeps no thread alive, in the middle of a save.
  const alive = setTimeout(() => {}, 2 * timeoutMs);
  try {
    await wait.value;
  } finally {
    clearTimeout(alive);
  }
}
