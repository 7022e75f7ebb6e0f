import type { Nanos } from '../core/units.js';
import { checkHandle, type SharedHandle } from './shared-handle.js';

/**
 * The counters of a pipeline, in memory that other threads may read while it runs: one cell for each
 * counter, one writer, no messages.
 *
 * Rows add up: `rowsIn + rowsDerived = rowsOut + rowsFiltered + rowsFolded + rowsDropped + rowsRejected +
 * rowsPending`, where the last is the rows still inside. `rowsPending` is never negative, even in the
 * middle of an update or after a kill: the writer raises the left side before the right, and readers read
 * the right side before the left. The cells are in the order of writing.
 *
 * The counters below are counted over all starts of a run, so they are part of its checkpoints. Their
 * cells come first.
 */
export const RUN_COUNTERS = [
  /** Rows that the source read, including those that it rejected. */
  'rowsIn',
  /** Rows that an operator created (bars). */
  'rowsDerived',
  /** Rows that an operator removed, such as a filter. */
  'rowsFiltered',
  /** Rows that were folded into others (ticks into bars). */
  'rowsFolded',
  /** Rows that were dropped: they came late, or a queue was full. */
  'rowsDropped',
  /** Rows that could not be used and either went to the dead-letter file or stopped the job. */
  'rowsRejected',
  /** Rows that the sink accepted. */
  'rowsOut',
  /** Rows that came late, whatever happened to them. Each is also counted under another name. */
  'rowsLate',
  /** Rows that a full queue behind the source has left out. Each is also counted in `rowsDropped`. */
  'rowsOverflowed',
  /** Batches that the sink accepted. */
  'batches',
  /** Bytes that the source read. */
  'bytesIn',
  /** Bytes that the sink wrote. */
  'bytesOut',
] as const;

/** All counters: those of the run, and those of this start of it. */
export const COUNTERS = [
  ...RUN_COUNTERS,
  /** Turns of the loop. Grows as long as the pipeline makes progress. */
  'turns',
  /** Progress of the start, as a `StartStep`. */
  'startStep',
  /** When the first batch came from the source, in ns of `process.hrtime`; 0 before that. */
  'firstRowAtNs',
  /**
   * When the sink first accepted rows in this start, and when it last did, in ns of `process.hrtime`; 0 before that.
   * The first instant moves on by each pause.
   */
  'firstOutAtNs',
  'lastOutAtNs',
  /** The thread's last heartbeat, in ns of `process.hrtime`. */
  'heartbeatNs',
  /** Log lines that the thread posted, and lines that it dropped because too many were still unread. */
  'logsPosted',
  'logsDropped',
  /** Log lines that the main thread has read. Beside `mayRunUntilNs`, the only cell that the main thread writes. */
  'logsTaken',
] as const;

/**
 * What is counted over all starts of a run.
 *
 * @interface
 */
export type RunCounters = Readonly<Record<(typeof RUN_COUNTERS)[number], number>>;
export type CounterName = (typeof COUNTERS)[number];
/**
 * All that a pipeline counts: rows, batches, bytes and log lines.
 *
 * @interface
 */
export type CounterValues = Record<CounterName, number>;

const CELL: Readonly<Record<CounterName, number>> = Object.fromEntries(
  COUNTERS.map((name, cell) => [name, cell]),
) as Record<CounterName, number>;

/** Behind the counters, in the same memory: it counts nothing, so it is none of them. */
const MAY_RUN_UNTIL_CELL = COUNTERS.length;

export const COUNTERS_BYTES = (COUNTERS.length + 1) * BigInt64Array.BYTES_PER_ELEMENT;

const KIND = 'tickloom.counters';
/** Raised with each change of the names and their order. */
const PROTOCOL = 2;

/** Counters as plain data: may be posted to any thread of the process and opened there. */
export type CountersHandle = SharedHandle<typeof KIND>;

/** @param memory - Of `COUNTERS_BYTES`. */
export const countersHandle = (memory: SharedArrayBuffer): CountersHandle => ({
  kind: KIND,
  protocol: PROTOCOL,
  memory,
});

/** @throws {InvalidHandleError} `HANDLE_INVALID` if it is not a handle, or is from another version. */
export const openCounters = (handle: CountersHandle): Counters =>
  new Counters(
    checkHandle(handle, { what: 'counters', kind: KIND, protocol: PROTOCOL, bytes: COUNTERS_BYTES }),
  );

/** One writer; any number of readers, in any thread. A few writes per batch, never one per row. */
export class Counters {
  readonly #cells: BigInt64Array;

  /** @param memory - At least `COUNTERS_BYTES`; shared if another thread reads it. */
  constructor(memory: ArrayBufferLike = new ArrayBuffer(COUNTERS_BYTES)) {
    this.#cells = new BigInt64Array(memory, 0, COUNTERS.length + 1);
  }

  set(name: CounterName, value: number | bigint): void {
    Atomics.store(this.#cells, CELL[name], BigInt(value));
  }

  add(name: CounterName, amount: number): void {
    if (amount !== 0) Atomics.add(this.#cells, CELL[name], BigInt(amount));
  }

  get(name: CounterName): number {
    return Number(Atomics.load(this.#cells, CELL[name]));
  }

  /**
   * The instant on the clock of the process up to which the run may deliver and commit; 0 for no end. The thread that
   * supervises it moves it on, also while the run's own thread is blocked; the run only reads it.
   */
  get mayRunUntilNs(): Nanos {
    return Atomics.load(this.#cells, MAY_RUN_UNTIL_CELL) as Nanos;
  }

  set mayRunUntilNs(instant: Nanos) {
    Atomics.store(this.#cells, MAY_RUN_UNTIL_CELL, instant);
  }

  /** Reads all counters, last one first, so that the rows still inside are never negative. */
  read(): CounterValues {
    const values = new Array<number>(COUNTERS.length);
    for (let cell = values.length - 1; cell >= 0; cell--) values[cell] = this.get(COUNTERS[cell]!);
    return Object.fromEntries(COUNTERS.map((name, cell) => [name, values[cell]])) as CounterValues;
  }
}

/** The counters of what has not begun. */
export const nothingCounted = (): CounterValues =>
  Object.fromEntries(COUNTERS.map((name) => [name, 0])) as CounterValues;

/**
 * Rows that were read but are neither delivered nor otherwise accounted for, so they are still inside.
 * Negative only if a user's operator counts more rows than it was given.
 */
export function rowsPending(counters: CounterValues): number {
  const { rowsIn, rowsDerived, rowsOut, rowsFiltered, rowsFolded, rowsDropped, rowsRejected } = counters;
  return rowsIn + rowsDerived - rowsOut - rowsFiltered - rowsFolded - rowsDropped - rowsRejected;
}

/** Rows that were dropped, by reason. */
export interface DroppedRows {
  /** Rows that came after their window had closed. */
  readonly late: number;
  /** Rows that a full queue behind the source has left out: dropped, or replaced by a later row of the symbol. */
  readonly overflow?: number;
  /** Rows that the user's module dropped, for whatever reason. */
  readonly other?: number;
}

export function droppedRows({
  rowsDropped,
  rowsLate,
  rowsOverflowed,
}: Pick<CounterValues, 'rowsDropped' | 'rowsLate' | 'rowsOverflowed'>): DroppedRows {
  const overflow = Math.min(rowsDropped, rowsOverflowed);
  const late = Math.min(rowsDropped - overflow, rowsLate);
  const other = rowsDropped - overflow - late;
  return { late, ...(overflow > 0 && { overflow }), ...(other > 0 && { other }) };
}
