import type { Batch } from '../../../columns/batch.js';
import { type Instant, isBefore, isLaterThan } from '../../../columns/instants.js';

/** A point in a batch: before one of its rows, or at its end. */
export interface PointInBatch {
  readonly batch: Batch;
  readonly row: number;
}

interface HeldBatch {
  readonly batch: Batch;
  readonly times: Int32Array;
  /** Whether its rows are in order of time. */
  readonly isSorted: boolean;
  /** Words of the latest time of it and of all before it. */
  readonly high: number;
  readonly low: number;
}

/** Batches of the main input that are not emitted yet, in their order. Their owner is whoever holds them. */
export class HeldBatches {
  readonly #time: number;
  readonly #held: HeldBatch[] = [];
  #rows = 0;

  /** @param time - Index of the time column. */
  constructor(time: number) {
    this.#time = time;
  }

  /** Rows in all of them. */
  get rows(): number {
    return this.#rows;
  }

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  get first(): Batch | undefined {
    return this.#held[0]?.batch;
  }

  get batches(): Batch[] {
    return this.#held.map(({ batch }) => batch);
  }

  push(batch: Batch): void {
    const times = batch.columns[this.#time] as Int32Array;
    const { length } = batch;
    const before = this.#held.at(-1);
    let { high, low } = before ?? { high: Number.NEGATIVE_INFINITY, low: 0 };
    let isSorted = true;
    let previousHigh = Number.NEGATIVE_INFINITY;
    let previousLow = 0;
    for (let row = 0; row < length; row++) {
      const rowHigh = times[2 * row + 1]!;
      const rowLow = times[2 * row]! >>> 0;
      if (isLaterThan(previousHigh, previousLow, rowHigh, rowLow)) isSorted = false;
      previousHigh = rowHigh;
      previousLow = rowLow;
      if (!isLaterThan(rowHigh, rowLow, high, low)) continue;
      high = rowHigh;
      low = rowLow;
    }
    this.#held.push({ batch, times, isSorted, high, low });
    this.#rows += length;
  }

  /** Takes the first one away. */
  shift(): void {
    this.#rows -= this.#held.shift()?.batch.length ?? 0;
  }

  /** Takes all of them away. */
  clear(): Batch[] {
    this.#rows = 0;
    return this.#held.splice(0).map(({ batch }) => batch);
  }

  /** The point before the first row that is not before an instant; the end of all if each is. `undefined` if none is held. */
  pointBefore(instant: Readonly<Instant>): PointInBatch | undefined {
    const held = this.#held;
    let from = 0;
    let to = held.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (isBefore(held[middle]!.high, held[middle]!.low, instant)) from = middle + 1;
      else to = middle;
    }
    // What is as late may have been in a batch that is not held any more.
    for (let i = from; i < held.length; i++) {
      const { batch } = held[i]!;
      const row = firstFrom(held[i]!, instant);
      if (row < batch.length) return { batch, row };
    }
    const batch = held.at(-1)?.batch;
    return batch && { batch, row: batch.length };
  }
}

/** The first row that is not before an instant; the number of rows if all are. */
function firstFrom({ batch: { length }, times, isSorted }: HeldBatch, instant: Readonly<Instant>): number {
  const isRowBefore = (row: number) => isBefore(times[2 * row + 1]!, times[2 * row]! >>> 0, instant);
  if (!isSorted) {
    let row = 0;
    while (row < length && isRowBefore(row)) row++;
    return row;
  }
  let from = 0;
  let to = length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (isRowBefore(middle)) from = middle + 1;
    else to = middle;
  }
  return from;
}
