import { invariant } from '../core/invariant.js';
import {
  CUT_OFF_CELL,
  HEAD_CELL,
  KIND_BITS,
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

/**
 * The writing end of a ring. For one thread.
 *
 * A frame is reserved, filled and published. The reader sees nothing of it before that: a writer that dies in
 * between leaves a ring with whole frames alone. The writer never waits: it says that it wants room, and is
 * woken by a message once there is some.
 */
export class RingWriter {
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;
  readonly #capacity: number;
  /** As published. */
  #tail: number;
  /** As last seen: the reader may have freed more. */
  #head: number;
  /** The place of the reserved frame, its length in units, and that of the padding before it. */
  #at = 0;
  #units = 0;
  #padding = 0;
  /** Free units that the last frame that found no room needs. */
  #lacking = 0;

  /** @throws {InvalidHandleError} */
  constructor(handle: RingHandle) {
    this.memory = openRing(handle);
    this.#cells = new Int32Array(this.memory);
    this.#capacity = (this.memory.byteLength - RING_DATA_BYTE) / RING_UNIT_BYTES;
    this.#tail = Atomics.load(this.#cells, TAIL_CELL);
    this.#head = Atomics.load(this.#cells, HEAD_CELL);
  }

  /** The most that a frame may hold: two of them always fit into the ring, wherever the first one begins. */
  get frameBytesMax(): number {
    return (this.#capacity >> 1) * RING_UNIT_BYTES - RING_UNIT_BYTES;
  }

  /** Changes whenever the reader has taken something, also a part of a frame. */
  get taken(): number {
    return Atomics.load(this.#cells, TAKEN_CELL);
  }

  /** Bytes that wait for the reader, as last seen. */
  get bytesWaiting(): number {
    this.#head = Atomics.load(this.#cells, HEAD_CELL);
    return ((this.#tail - this.#head) | 0) * RING_UNIT_BYTES;
  }

  /**
   * Reserves a frame. It replaces one that was reserved and not published.
   *
   * @param bytes - What it has to hold: at most `frameBytesMax`.
   * @returns Where in `memory` it begins, a multiple of 16; −1 if there is no room now: `wantsRoom`.
   */
  reserve(bytes: number): number {
    const units = 1 + Math.ceil(bytes / RING_UNIT_BYTES);
    invariant(units <= this.#capacity >> 1, 'a frame is at most half a ring');
    const at = this.#tail & (this.#capacity - 1);
    const before = this.#capacity - at;
    const padding = units <= before ? 0 : before;
    if (!this.#hasRoom(padding + units)) {
      this.#lacking = padding + units;
      return -1;
    }
    if (padding > 0) Atomics.store(this.#cells, cellOf(at), (padding << KIND_BITS) | PADDING_FRAME);
    this.#at = padding > 0 ? 0 : at;
    this.#units = units;
    this.#padding = padding;
    return RING_DATA_BYTE + (this.#at + 1) * RING_UNIT_BYTES;
  }

  /**
   * Lets the reader have the reserved frame, which holds all it is to hold.
   *
   * @param kind - 0 to 6.
   * @param word - 32 bits for whoever reads it.
   * @returns Whether the reader sleeps and has to be woken now. It is said once.
   */
  publish(kind: number, word: number): boolean {
    const cells = this.#cells;
    const header = cellOf(this.#at);
    Atomics.store(cells, header + 1, word);
    Atomics.store(cells, header, (this.#units << KIND_BITS) | kind);
    this.#tail = (this.#tail + this.#padding + this.#units) | 0;
    Atomics.store(cells, TAIL_CELL, this.#tail);
    if (Atomics.load(cells, READER_SLEEPS_CELL) === 0) return false;
    return Atomics.compareExchange(cells, READER_SLEEPS_CELL, 1, 0) === 1;
  }

  /**
   * Says that the frame that found no room needs some: half the ring, so that a writer that waits is woken
   * once for many frames.
   *
   * @returns Whether there is none yet: the reader wakes the writer. If `false`, it can be reserved now.
   */
  wantsRoom(): boolean {
    const wanted = Math.max(this.#lacking, this.#capacity >> 1);
    Atomics.store(this.#cells, ROOM_WANTED_CELL, wanted);
    // The reader frees first and then looks whether room is wanted, so that one of the two sees the other.
    this.#head = Atomics.load(this.#cells, HEAD_CELL);
    if (this.#capacity - ((this.#tail - this.#head) | 0) < wanted) return true;
    Atomics.store(this.#cells, ROOM_WANTED_CELL, 0); // if the reader did, its message finds the writer awake
    return false;
  }

  /** Tells the reader that it was too slow and gets nothing more. @param why - Not 0. For whoever reads it. */
  cutOff(why: number): void {
    Atomics.store(this.#cells, CUT_OFF_CELL, why);
  }

  /** Tells the reader how many rows were left out for it so far. */
  tellLeftOut(rows: number): void {
    Atomics.store(new BigInt64Array(this.memory, 0, LEFT_OUT_CELL + 1), LEFT_OUT_CELL, BigInt(rows));
  }

  #hasRoom(units: number): boolean {
    if (this.#capacity - ((this.#tail - this.#head) | 0) >= units) return true;
    this.#head = Atomics.load(this.#cells, HEAD_CELL);
    return this.#capacity - ((this.#tail - this.#head) | 0) >= units;
  }
}

/** The cell in which a frame begins, by its place in the data. */
const cellOf = (unit: number): number => RING_DATA_BYTE / 4 + unit * RING_UNIT_CELLS;
