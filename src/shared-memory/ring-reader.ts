import {
  CUT_OFF_CELL,
  HEAD_CELL,
  KIND_BITS,
  KIND_MASK,
  LEFT_OUT_CELL,
  openRing,
  PADDING_FRAME,
  READER_SLEEPS_CELL,
  RING_DATA_BYTE,
  RING_UNIT_BYTES,
  RING_UNIT_CELLS,
  type RingHandle,
  ROOM_WANTED_CELL,
  TAIL_CELL,
  TAKEN_CELL,
} from './ring-memory.js';

/** There is no frame now. */
export const NO_FRAME = -1;

/**
 * The reading end of a ring. For one thread. It never waits: if there is no frame it may say that it sleeps,
 * and is woken by a message with the next one.
 */
export class RingReader {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;
  readonly #capacity: number;
  #head: number;
  /** As last seen: the writer may have written more. */
  #tail: number;
  /** Whether nothing is read that comes after `#tail`. */
  #isFixed = false;
  #units = 0;
  #taken = 0;
  #offset = 0;
  #word = 0;

  /** @throws {InvalidHandleError} */
  constructor(handle: RingHandle) {
    this.memory = openRing(handle);
    this.#cells = new Int32Array(this.memory);
    this.#capacity = (this.memory.byteLength - RING_DATA_BYTE) / RING_UNIT_BYTES;
    this.#head = Atomics.load(this.#cells, HEAD_CELL);
    this.#tail = this.#head;
  }

  /** Where in `memory` the frame begins that `peek` has found. */
  get offset(): number {
    return this.#offset;
  }

  /** The word of that frame. */
  get word(): number {
    return this.#word;
  }

  /** Why the writer has cut this end off; 0 if it has not. */
  get cutOff(): number {
    return Atomics.load(this.#cells, CUT_OFF_CELL);
  }

  /** Rows that the writer has left out so far, since this end was too slow. */
  get rowsLeftOut(): number {
    return Number(Atomics.load(new BigInt64Array(this.memory, 0, LEFT_OUT_CELL + 1), LEFT_OUT_CELL));
  }

  /** Bytes that wait. */
  get bytesWaiting(): number {
    return ((Atomics.load(this.#cells, TAIL_CELL) - this.#head) | 0) * RING_UNIT_BYTES;
  }

  /** Reads on to what is there now, and nothing of what comes after it. */
  fixEnd(): void {
    this.#tail = Atomics.load(this.#cells, TAIL_CELL);
    this.#isFixed = true;
  }

  /** The kind of the next frame, which stays until it is freed; `NO_FRAME` if there is none. */
  peek(): number {
    const cells = this.#cells;
    for (;;) {
      if (this.#head === this.#tail) {
        if (this.#isFixed) return NO_FRAME;
        this.#tail = Atomics.load(cells, TAIL_CELL);
        if (this.#head === this.#tail) return NO_FRAME;
      }
      const at = this.#head & (this.#capacity - 1);
      const cell = RING_DATA_BYTE / 4 + at * RING_UNIT_CELLS;
      const header = Atomics.load(cells, cell);
      const kind = header & KIND_MASK;
      this.#units = header >>> KIND_BITS;
      if (kind !== PADDING_FRAME) {
        this.#offset = RING_DATA_BYTE + (at + 1) * RING_UNIT_BYTES;
        this.#word = Atomics.load(cells, cell + 1);
        return kind;
      }
      // A frame follows, with which it is freed: the writer publishes the two as one.
      this.#head = (this.#head + this.#units) | 0;
    }
  }

  /**
   * Frees the frame that `peek` has found: its memory may be written again.
   *
   * @returns Whether the writer waits for room, has enough of it now, and has to be woken. It is said once.
   */
  free(): boolean {
    const cells = this.#cells;
    this.#head = (this.#head + this.#units) | 0;
    this.#units = 0;
    Atomics.store(cells, HEAD_CELL, this.#head);
    const wanted = Atomics.load(cells, ROOM_WANTED_CELL);
    if (wanted === 0) return false;
    const used = (Atomics.load(cells, TAIL_CELL) - this.#head) | 0;
    if (this.#capacity - used < wanted) return false;
    return Atomics.compareExchange(cells, ROOM_WANTED_CELL, wanted, 0) === wanted;
  }

  /** Says that this end goes on taking what is there, also if no frame is free yet. */
  took(): void {
    this.#taken = (this.#taken + 1) | 0;
    Atomics.store(this.#cells, TAKEN_CELL, this.#taken);
  }

  /**
   * Says that this end goes to sleep.
   *
   * @returns Whether it may: the writer wakes it with its next frame. If `false`, there is a frame now.
   */
  sleeps(): boolean {
    Atomics.store(this.#cells, READER_SLEEPS_CELL, 1);
    // The writer publishes first and then looks whether the reader sleeps, so that one of the two sees the other.
    if (Atomics.load(this.#cells, TAIL_CELL) === this.#head) return true;
    Atomics.store(this.#cells, READER_SLEEPS_CELL, 0); // if the writer did, its message finds the reader awake
    return false;
  }
}
