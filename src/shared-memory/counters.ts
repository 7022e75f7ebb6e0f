/**
 * What a pipeline counts, in memory that another thread may read while it runs: one cell a
 * counter, one writer, no message.
 *
 * Rows add up: `rowsIn + rowsDerived = rowsOut + rowsFiltered + rowsFolded + rowsDropped +
 * rowsRejected + rowsPending`, where the last is what is still inside. So they do at any instant, in
 * the middle of an update and after a kill: who writes raises the left side before the right, and who
 * reads looks at the right side before the left. The cells stand in the order of writing.
 *
 * These are counted over all starts of a run, so they are in its checkpoints. Their cells come first.
 */
export const RUN_COUNTERS = [
  /** Rows that the source read, those it rejected included. */
  'rowsIn',
  /** Rows that an operator made (bars). */
  'rowsDerived',
  /** Rows that a filter let fall. */
  'rowsFiltered',
  /** Rows that were taken up into others (ticks into bars). */
  'rowsFolded',
  /** Late rows that were dropped. */
  'rowsDropped',
  /** Rows that could not be used and went to the dead-letter file or stopped the job. */
  'rowsRejected',
  /** Rows that the sink took. */
  'rowsOut',
  /** Rows that came late, whatever became of them: counted under another name as well. */
  'rowsLate',
  /** Batches that the sink took. */
  'batches',
  /** Bytes that the source read. */
  'bytesIn',
  /** Bytes that the sink wrote. */
  'bytesOut',
] as const;

/** All that is counted: of the run, and of this start of it. */
export const COUNTERS = [
  ...RUN_COUNTERS,
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

  /** All of them, the last one first: what is still inside is then never less than none. */
  read(): CounterValues {
    const values = new Array<number>(COUNTERS.length);
    for (let cell = values.length - 1; cell >= 0; cell--) values[cell] = this.get(COUNTERS[cell]!);
    return Object.fromEntries(COUNTERS.map((name, cell) => [name, values[cell]])) as CounterValues;
  }
}

/**
 * Rows that were read and are neither delivered nor accounted for otherwise: still inside. Below 0
 * only if an operator of the user's counts more rows than it was given.
 */
export function rowsPending(counters: CounterValues): number {
  const { rowsIn, rowsDerived, rowsOut, rowsFiltered, rowsFolded, rowsDropped, rowsRejected } = counters;
  return rowsIn + rowsDerived - rowsOut - rowsFiltered - rowsFolded - rowsDropped - rowsRejected;
}

/** Rows that were dropped, by reason. */
export interface DroppedRows {
  /** Rows that came after the window that they belong to had closed. */
  readonly late: number;
  /** Rows that a module of the user's dropped. */
  readonly other?: number;
}

export function droppedRows({ rowsDropped, rowsLate }: CounterValues): DroppedRows {
  const late = Math.min(rowsDropped, rowsLate);
  return rowsDropped > late ? { late, other: rowsDropped - late } : { late };
}
