import { checkHandle, type SharedHandle } from './shared-handle.js';

/**
 * What the watchdog sees of a thread beside its counters, in memory that the supervisor may read while the thread does
 * not answer. One writer, the thread. Layout: three cells of 32 bits, one unused, one of 64 bits.
 */
const SYSTEM_ID = 0;
const AT_WORK = 1;
const HELD_AT = 2;
const HELD_SINCE = 2;

export const THREAD_WATCH_BYTES = 24;

const KIND = 'tickloom.thread-watch';
/** Raised with each change of the layout. */
const PROTOCOL = 1;

/** The memory of a watched thread as plain data: may be posted to any thread of the process and opened there. */
export type ThreadWatchHandle = SharedHandle<typeof KIND>;

/** @param memory - Of `THREAD_WATCH_BYTES`. */
export const threadWatchHandle = (memory: SharedArrayBuffer): ThreadWatchHandle => ({
  kind: KIND,
  protocol: PROTOCOL,
  memory,
});

/** @throws {InvalidHandleError} `HANDLE_INVALID` if it is not a handle, or is from another version. */
export const openThreadWatch = (handle: ThreadWatchHandle): ThreadWatch =>
  new ThreadWatch(
    checkHandle(handle, { what: 'watch', kind: KIND, protocol: PROTOCOL, bytes: THREAD_WATCH_BYTES }),
  );

/** A stage that keeps the rows behind it waiting. */
export interface HeldPlace {
  /** Counted from 1, in the order of `placesOf`. */
  readonly place: number;
  /** Since when, in ns of `process.hrtime`. */
  readonly sinceNs: bigint;
}

/** One writer, the thread; any number of readers. */
export class ThreadWatch {
  /**
   * Where the thread is: the place of the stage whose code it runs, counted from 1; 0 outside of stages. Written
   * without `Atomics`, twice for each call of a stage: a thread that is stuck wrote it long ago.
   */
  readonly atWork: Int32Array;
  readonly #words: Int32Array;
  readonly #since: BigInt64Array;

  constructor(memory: ArrayBufferLike = new ArrayBuffer(THREAD_WATCH_BYTES)) {
    this.#words = new Int32Array(memory, 0, 4);
    this.#since = new BigInt64Array(memory, 0, 3);
    this.atWork = this.#words.subarray(AT_WORK, AT_WORK + 1);
  }

  /** What the system calls the thread; 0 if that is not known. */
  get systemId(): number {
    return Atomics.load(this.#words, SYSTEM_ID);
  }

  set systemId(id: number) {
    Atomics.store(this.#words, SYSTEM_ID, id);
  }

  /** The place of the stage that the thread is in; 0 if it is in none, or in one that is not marked. */
  get place(): number {
    return Atomics.load(this.#words, AT_WORK);
  }

  /** @param held - `undefined`: nothing waits. */
  tellHeld(held: HeldPlace | undefined): void {
    Atomics.store(this.#since, HELD_SINCE, held?.sinceNs ?? 0n);
    Atomics.store(this.#words, HELD_AT, held?.place ?? 0);
  }

  /** What the rows waited for at the last heartbeat. The two words may be of two heartbeats, for one look. */
  get held(): HeldPlace | undefined {
    const place = Atomics.load(this.#words, HELD_AT);
    return place === 0 ? undefined : { place, sinceNs: Atomics.load(this.#since, HELD_SINCE) };
  }
}
