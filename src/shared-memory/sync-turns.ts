import { type Clock, systemClock, turnOfTheLoop } from '../core/clock.js';
import { SYNC_MEMORY_BYTES, type SyncHandle, syncHandleOf, syncMemoryOf } from './sync-memory.js';
import { type SyncPermit, SyncPermits } from './sync-permits.js';

/** Most syncs that run under one permit. */
export const PER_PERMIT_MAX = 8;

/** Waits until the cell is no longer `seen`, for at most the timeout. May return a little early. */
export type WaitForChange = (cell: Int32Array, seen: number, timeoutMs: number) => Promise<void>;

/** Syncs that began together, under one permit. */
interface Group {
  readonly permit: SyncPermit;
  readonly isFull: boolean;
  running: number;
  /** Whether the event loop has gone round since they began. */
  isRoundOver: boolean;
}

/** Lets a sync that waited for its turn begin. */
type Begin = (group: Group) => void;

/**
 * Makes the syncs of all threads of a process take turns, a few at a time. Each sync blocks one of the
 * four threads in which Node does all file I/O, so four at once would hold up every read.
 *
 * A thread learns of the end of a sync only when its event loop goes round. Where that takes longer than the
 * syncs, one sync for each permit would mean one in each round, and the disk would idle. So more of them
 * run under one permit as long as they end within a round: then a read waits no longer for them than for
 * the loop.
 *
 * The turns improve latency; correctness does not depend on it. A permit that is not renewed expires, so that
 * a thread that dies with one delays the others once, by `PERMIT_NS`. A thread that lives keeps its permit for
 * as long as its syncs take, so that a slow disk is no reason for more of them. Within a thread, syncs run in
 * the order in which they came. Between threads, a waiting thread gets a returned permit before those that
 * queue in the thread that returned it.
 */
export class SyncTurns {
  readonly memory: SharedArrayBuffer;
  readonly #permits: SyncPermits;
  readonly #clock: Clock;
  readonly #wait: WaitForChange;
  readonly #goRound: () => Promise<void>;
  /** How many syncs may run under one permit. */
  #perPermit = 1;
  /** Called when this thread returns a permit, with whether it may take it again. */
  #onRelease: ((isForUs: boolean) => void) | undefined;
  /** Syncs of this thread that are still waiting for their turn. */
  readonly #waiting: Begin[] = [];

  /**
   * @param clock - The same clock in all threads.
   * @param wait - For tests, like `clock`.
   * @param goRound - Resolves once the event loop has gone round. For tests.
   */
  constructor(
    memory: SharedArrayBuffer,
    clock: Clock = systemClock,
    wait: WaitForChange = waitForChange,
    goRound: () => Promise<void> = roundOfTheLoop,
  ) {
    this.memory = memory;
    this.#goRound = goRound;
    this.#permits = new SyncPermits(memory, clock);
    this.#clock = clock;
    this.#wait = wait;
  }

  /** Runs the sync in its turn. Throws what the sync throws. */
  async run<T>(sync: () => Promise<T>): Promise<T> {
    const permit = this.#waiting.length === 0 ? this.#permits.take() : undefined;
    const group = permit ? this.#begin(permit, 1) : await this.#queue();
    try {
      return await sync();
    } finally {
      this.#end(group);
    }
  }

  #queue(): Promise<Group> {
    return new Promise((begin) => {
      if (this.#waiting.push(begin) === 1) void this.#serve();
    });
  }

  async #serve(): Promise<void> {
    while (this.#waiting.length > 0) {
      const permit = await this.#waitForPermit();
      const members = this.#waiting.splice(0, this.#perPermit);
      const group = this.#begin(permit, members.length);
      for (const begin of members) begin(group);
    }
  }

  #begin(permit: SyncPermit, count: number): Group {
    const group: Group = { permit, isFull: count === this.#perPermit, running: count, isRoundOver: false };
    void this.#goRound().then(() => {
      group.isRoundOver = true;
    });
    return group;
  }

  /** One of its syncs has ended. */
  #end(group: Group): void {
    if (--group.running > 0) return;
    if (group.isRoundOver) this.#perPermit = Math.max(1, this.#perPermit >> 1);
    else if (group.isFull) this.#perPermit = Math.min(PER_PERMIT_MAX, 2 * this.#perPermit);
    const isForAnother = this.#permits.giveBack(group.permit);
    this.#onRelease?.(!isForAnother);
  }

  /** Waits for a permit. Only one call may run at a time. */
  async #waitForPermit(): Promise<SyncPermit> {
    const { releases } = this.#permits;
    for (let mayTake = true; ; ) {
      const seen = Atomics.load(releases, 0); // before the check, so that no release is missed
      const permit = mayTake ? this.#permits.take() : undefined;
      if (permit) return permit;
      const { patienceMs } = this.#permits;
      // A permit that this thread returns is noticed at once; waiting on the cell takes a turn of the
      // event loop.
      if (this.#permits.held > 0) mayTake = await this.#release(patienceMs);
      else {
        await this.#wait(releases, seen, patienceMs);
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
}

/**
 * A round and a bit. From where the loop handles I/O, an immediate comes before the timers, and only the
 * next one after the loop has looked for I/O again.
 */
async function roundOfTheLoop(): Promise<void> {
  await turnOfTheLoop();
  await turnOfTheLoop();
}

let ofThisThread: SyncTurns | undefined;

const turns = (): SyncTurns => {
  ofThisThread ??= new SyncTurns(new SharedArrayBuffer(SYNC_MEMORY_BYTES));
  return ofThisThread;
};

/** Runs a sync in its turn among all syncs of this thread and of threads that share its memory. */
export const inSyncTurn = <T>(sync: () => Promise<T>): Promise<T> => turns().run(sync);

/** To hand to other threads, so that they take turns with this one. */
export const syncHandle = (): SyncHandle => syncHandleOf(turns().memory);

/**
 * Makes this thread take turns with all threads that have the handle.
 *
 * @throws {InvalidHandleError} `HANDLE_INVALID`
 */
export function shareSyncs(handle: SyncHandle): void {
  const memory = syncMemoryOf(handle);
  if (ofThisThread?.memory !== memory) ofThisThread = new SyncTurns(memory);
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
