import { InvalidHandleError } from '../core/invalid-handle-error.js';
import { checkHandle, type SharedHandle } from './shared-handle.js';

/**
 * The layout of a ring: frames from one thread to another, in order. One thread writes, one reads.
 *
 * Places are counted in units of 16 bytes, modulo 2³². What is in use is the difference of tail and head,
 * also modulo 2³²: it is never more than the capacity, which is below 2³¹ units, so that the counters may
 * wrap round. A place modulo the capacity, which is a power of two, is where it is in the data.
 *
 * Cells that different threads write are 128 bytes apart.
 */
const LINE_BYTES = 128;
const LINE_CELLS = LINE_BYTES / Int32Array.BYTES_PER_ELEMENT;

/** 32-bit cells, by index. Units that the writer has written. Only the writer writes it. */
export const TAIL_CELL = 0;
/** Units that the reader has freed. Only the reader writes it. */
export const HEAD_CELL = LINE_CELLS;
/** How often the reader has taken something, also a part of a frame; wraps round. Only the reader writes it. */
export const TAKEN_CELL = HEAD_CELL + 1;
/** 1 while the reader sleeps and wants to be woken; whoever sets it back to 0 has to wake it, or is awake. */
export const READER_SLEEPS_CELL = 2 * LINE_CELLS;
/** Free units that the writer waits for; 0 while it waits for none. Whoever sets it back to 0 has to wake it. */
export const ROOM_WANTED_CELL = 3 * LINE_CELLS;
/** Why the writer has cut the reader off, since it was too slow; 0 while it has not. Only the writer writes it. */
export const CUT_OFF_CELL = 4 * LINE_CELLS;

/** 64-bit cell, by index: rows that were left out for the reader, since it was too slow. Only the writer writes it. */
export const LEFT_OUT_CELL = (4 * LINE_BYTES) / BigInt64Array.BYTES_PER_ELEMENT + 1;

/** Where the data begins. */
export const RING_DATA_BYTE = 5 * LINE_BYTES;
export const RING_UNIT_BYTES = 16;
export const RING_UNIT_CELLS = RING_UNIT_BYTES / Int32Array.BYTES_PER_ELEMENT;

/** Bytes of data of the smallest and the largest ring. */
export const RING_BYTES_MIN = 1_024;
export const RING_BYTES_MAX = 268_435_456;

/**
 * A frame begins with one unit: a 32-bit word with its kind in the lower 3 bits and its length in units,
 * that one included, in the others; then a 32-bit word for whoever reads the frame.
 */
export const KIND_BITS = 3;
export const KIND_MASK = 0b111;

/** Fills what is left before the end of the data, where the next frame does not fit. */
export const PADDING_FRAME = 7;

const KIND = 'tickloom.ring';
/** Raised with each change of the layout or of what is in frames. */
const PROTOCOL = 1;

/** A ring as plain data: may be posted to any thread of the process and opened there. */
export type RingHandle = SharedHandle<typeof KIND>;

/** @param bytes - For data: a power of two between `RING_BYTES_MIN` and `RING_BYTES_MAX`. */
export function createRing(bytes: number): RingHandle {
  if (!isRingSize(bytes)) throw new RangeError(`${bytes} bytes are no size of a ring`);
  return { kind: KIND, protocol: PROTOCOL, memory: new SharedArrayBuffer(RING_DATA_BYTE + bytes) };
}

/**
 * Checks what came from another thread.
 *
 * @throws {InvalidHandleError} if it is no handle of a ring, is from another version, or makes no sense.
 */
export function openRing(handle: RingHandle): SharedArrayBuffer {
  const memory = checkHandle(handle, { what: 'a ring', kind: KIND, protocol: PROTOCOL });
  const bytes = memory.byteLength - RING_DATA_BYTE;
  if (!isRingSize(bytes)) {
    throw new InvalidHandleError('a ring', `${memory.byteLength} bytes of shared memory, which no ring has`);
  }
  return memory;
}

const isRingSize = (bytes: number): boolean =>
  bytes >= RING_BYTES_MIN && bytes <= RING_BYTES_MAX && Number.isInteger(Math.log2(bytes));
