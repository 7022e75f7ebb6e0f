/**
 * What a pipeline counts, in memory that another thread may read while it runs: one cell a
 * counter, one writer, no message.
 *
 * Rows add up: `rowsIn + rowsDerived = rowsOut + rowsFiltered + rowsFolded + rowsDropped +
 * rowsRejected + rowsPending`, where the last is what is still inside.
 */
export const COUNTERS = [
  /** Rows that the source read, those it rejected included. */
  'rowsIn',
  /** Rows that the sink took. */
  'rowsOut',
  /** Rows that a filter let fall. */
  'rowsFiltered',
  /** Rows that were taken up into others (ticks into bars). */
  'rowsFolded',
  /** Rows that an operator made (bars). */
  'rowsDerived',
  /** Rows lost to an overflow policy or to lateness. */
  'rowsDropped',
  /** Rows that could not be used and went to the dead-letter file or stopped the job. */
  'rowsRejected',
  /** Batches that the sink took. */
  'batches',
  /** Bytes that the source read. */
  'bytesIn',
  /** Bytes that the sink wrote. */
  'bytesOut',
  /** Times that the loop went round. Grows as long as the pipeline makes progress. */
  'turns',
  /** How far the start has come, as a `StartStep`. */
  'startStep',
  /** `process.hrtime` in ns of the first batch from the source. 0: none yet. */
  'firstRowAtNs',
  /** `process.hrtime` in ns of the last sign of life of the thread. */
  'heartbeatNs',
  /** Log lines that the thread posted, and those that it let fall since too many were not yet taken. */
  'logsPosted',
  'logsDropped',
  /** Log lines that the main thread took: the one cell that it writes. */
  'logsTaken',
] as const;

export type CounterName = (typeof COUNTERS)[number];
export type CounterValues = Record<CounterName, number>;

const CELL: Readonly<Record<CounterName, number>> = Object.fromEntries(
  COUNTERS.map((name, cell) => [name, cell]),
) as Record<CounterName, number>;

export const COUNTERS_BYTES = COUNTERS.length * BigInt64Array.BYTES_PER_ELEMENT;

/** One writer; any number of readers in any thread. Writes are a few a batch, never one a row. */
export class Counters {
  readonly #cells: BigInt64Array;

  /** @param memory - At least `COUNTERS_BYTES`; shared if another thread is to read it. */
  constructor(memory: ArrayBufferLike = new ArrayBuffer(COUNTERS_BYTES)) {
    this.#cells = new BigInt64Array(memory, 0, COUNTERS.length);
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

  read(): CounterValues {
    return Object.fromEntries(COUNTERS.map((name) => [name, this.get(name)])) as CounterValues;
  }
}

/** Rows that were read and are neither delivered nor accounted for otherwise: still inside. */
export function rowsPending(counters: CounterValues): number {
  const { rowsIn, rowsDerived, rowsOut, rowsFiltered, rowsFolded, rowsDropped, rowsRejected } = counters;
  // The cells are read one after the other while their thread may go on writing.
  return Math.max(0, rowsIn + rowsDerived - rowsOut - rowsFiltered - rowsFolded - rowsDropped - rowsRejected);
}
