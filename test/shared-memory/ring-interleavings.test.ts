import { describe, expect, it } from 'vitest';
import {
  createRing,
  HEAD_CELL,
  READER_SLEEPS_CELL,
  RING_BYTES_MIN,
  type RingHandle,
  ROOM_WANTED_CELL,
  TAIL_CELL,
} from '../../src/shared-memory/ring-memory.js';
import { NO_FRAME, RingReader } from '../../src/shared-memory/ring-reader.js';
import { RingWriter } from '../../src/shared-memory/ring-writer.js';
import { tried } from '../support/deep.js';
import { explore, KILLED, mark, ScheduleError, type Step } from '../support/interleavings.js';

const FRAMES = tried(3, 4, 5);
/** Two of 24 units fit into the 64 of the ring; the third one finds the end of the data too near. */
const BYTES = 23 * 16;
/** Where the counters begin: at the begin of the data, and where they wrap round. */
const PLACES = [0, -40, 0x7fff_ffd8];

/** How many wake-ups are on their way to each end. */
interface Wakes {
  readonly reader: number;
  readonly writer: number;
}

const wakes = {
  initial: { reader: 0, writer: 0 },
  next: (ghost: Wakes, { marks }: Step): Wakes => ({
    reader: ghost.reader + marks.filter((each) => each === 'wake reader').length,
    writer: ghost.writer + marks.filter((each) => each === 'wake writer').length,
  }),
};

function ringAt(place: number): RingHandle {
  const ring = createRing(RING_BYTES_MIN);
  const cells = new Int32Array(ring.memory);
  cells[TAIL_CELL] = place;
  cells[HEAD_CELL] = place;
  return ring;
}

/** Writes numbers from 1 on, one a frame, until there is no room: how many it wrote, or that it waits. */
function write(ring: RingHandle, bytes: number): number {
  const writer = new RingWriter(ring);
  const cells = new Int32Array(ring.memory);
  for (let frame = 1; frame <= FRAMES; frame++) {
    let at = writer.reserve(bytes);
    while (at < 0) {
      if (writer.wantsRoom()) return frame - 1;
      at = writer.reserve(bytes);
    }
    Atomics.store(cells, at / 4, frame);
    if (writer.publish(frame % 5, 10 * frame)) mark('wake reader');
  }
  return FRAMES;
}

/** Reads until it sleeps: the numbers that it found. */
function read(ring: RingHandle): number[] {
  const reader = new RingReader(ring);
  const cells = new Int32Array(ring.memory);
  const found: number[] = [];
  for (;;) {
    const kind = reader.peek();
    if (kind === NO_FRAME) {
      if (reader.sleeps()) return found;
      continue;
    }
    const number = Atomics.load(cells, reader.offset / 4);
    expect([kind, reader.word]).toEqual([number % 5, 10 * number]);
    found.push(number);
    if (reader.free()) mark('wake writer');
  }
}

/** What is there for a reader that goes on. */
function rest(ring: RingHandle): number[] {
  return read(ring);
}

const upTo = (last: number) => Array.from({ length: last }, (_, i) => i + 1);

/** Whether an end that has gone to sleep would sleep for ever, though there is something for it. */
function checkWakes(ring: RingHandle, { reader, writer }: Wakes): void {
  const cells = new Int32Array(ring.memory);
  const used = (cells[TAIL_CELL]! - cells[HEAD_CELL]!) | 0;
  if (cells[READER_SLEEPS_CELL] === 1 && used > 0) {
    throw new Error('the reader sleeps before a frame, and nobody wakes it');
  }
  const wanted = cells[ROOM_WANTED_CELL]!;
  if (wanted > 0 && RING_BYTES_MIN / 16 - used >= wanted) {
    throw new Error('the writer waits for room that there is, and nobody wakes it');
  }
  expect(reader).toBeLessThanOrEqual(FRAMES);
  expect(writer).toBeLessThanOrEqual(FRAMES);
}

describe('a ring, in every interleaving of its writer and its reader', () => {
  it.each(PLACES.flatMap((place) => [BYTES, 16].map((bytes) => [place, bytes] as const)))(
    'loses no frame and no wake-up (counters from %i, frames of %i bytes)',
    (place, bytes) => {
      const ring = ringAt(place);
      const { schedules } = explore<Wakes>({
        memory: ring.memory,
        threads: [() => write(ring, bytes), () => read(ring)],
        ghost: wakes,
        check([written, found], _memory, ghost) {
          const numbers = found as number[];
          checkWakes(ring, ghost);
          // Who is awake, or is about to be woken, goes on: nothing is lost between the two.
          expect([...numbers, ...rest(ring)]).toEqual(upTo(written as number));
        },
      });
      expect(schedules).toBeGreaterThan(100n);
    },
  );

  it.each([BYTES, 16])('survives the death of either at any step (frames of %i bytes)', (bytes) => {
    const ring = ringAt(0);
    let withoutWriter = 0;
    let withoutReader = 0;
    explore<Wakes>({
      memory: ring.memory,
      threads: [() => write(ring, bytes), () => read(ring)],
      ghost: wakes,
      kill: true,
      check([written, found]) {
        if (found === KILLED) {
          withoutReader++;
          // It has written what there was room for, and waits for a message or is done: it is in no loop.
          if (written !== KILLED) expect(written).toBeGreaterThanOrEqual(Math.min(FRAMES, 1));
        } else {
          const numbers = [...(found as number[]), ...rest(ring)];
          expect(numbers).toEqual(upTo(numbers.length)); // whole frames alone
          if (written === KILLED) withoutWriter++;
          else expect(numbers).toHaveLength(written as number);
        }
      },
    });
    expect(withoutWriter).toBeGreaterThan(5);
    expect(withoutReader).toBeGreaterThan(5);
  });

  it('would lose a wake-up if one end looked before it told', () => {
    const ring = ringAt(0);
    const cells = new Int32Array(ring.memory);
    const sleepsTooLate = () => {
      const empty = Atomics.load(cells, TAIL_CELL) === Atomics.load(cells, HEAD_CELL);
      if (empty) Atomics.store(cells, READER_SLEEPS_CELL, 1);
    };
    expect(() =>
      explore<Wakes>({
        memory: ring.memory,
        threads: [() => write(ring, 16), sleepsTooLate],
        ghost: wakes,
        check: (_results, _memory, ghost) => checkWakes(ring, ghost),
      }),
    ).toThrow(ScheduleError);
  });
});
