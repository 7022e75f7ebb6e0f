import type { Batch } from '../../../columns/batch.js';
import type { Instant } from '../../../columns/instants.js';
import { compareInt64 } from '../../../columns/int64.js';
import { type ColumnData, eventTimeIndex, type Schema } from '../../../columns/schema.js';
import { type SequenceComparer, sequenceComparer, sequenceIndex } from '../../../columns/sequence.js';

/** What a look at all rows of a batch finds. Reused by the next look. */
export interface RowSurvey {
  isSorted: boolean;
  /** The row with the earliest time, and the one with the latest. */
  earliest: number;
  latest: number;
}

/** The order of rows: by time, then by sequence if there is one. Rows that are equal stand as they came. */
export class RowOrder {
  readonly #time: number;
  readonly #sequence: number;
  /** Compares the sequences of two rows of columns at `sequencesOf`. */
  readonly compareSequences: SequenceComparer;
  readonly #survey: RowSurvey = { isSorted: true, earliest: 0, latest: 0 };

  constructor(schema: Schema) {
    this.#time = eventTimeIndex(schema);
    this.#sequence = sequenceIndex(schema);
    this.compareSequences = sequenceComparer(schema.columns[this.#sequence]?.type ?? 'int64');
  }

  get hasSequence(): boolean {
    return this.#sequence >= 0;
  }

  timesOf({ columns }: Batch): Int32Array {
    return columns[this.#time] as Int32Array;
  }

  /** The column of sequences. Only if there is one. */
  sequencesOf({ columns }: Batch): ColumnData {
    return columns[this.#sequence]!;
  }

  /** Negative, 0 or positive, as row `i` of `a` comes before, with or after row `j` of `b`. */
  compare(a: Batch, i: number, b: Batch, j: number): number {
    const byTime = compareInt64(this.timesOf(a), i, this.timesOf(b), j);
    if (byTime !== 0 || this.#sequence < 0) return byTime;
    return this.compareSequences(this.sequencesOf(a), i, this.sequencesOf(b), j);
  }

  /** Looks at all rows of a batch that has some. */
  survey(batch: Batch): Readonly<RowSurvey> {
    const survey = this.#survey;
    const times = this.timesOf(batch);
    const { length } = batch;
    let isSorted = true;
    let earliest = 0;
    let latest = 0;
    let high = times[1]!;
    let low = times[0]! >>> 0;
    for (let row = 1; row < length; row++) {
      const rowHigh = times[2 * row + 1]!;
      const rowLow = times[2 * row]! >>> 0;
      if (rowHigh > high || (rowHigh === high && rowLow > low)) {
        high = rowHigh;
        low = rowLow;
        latest = row;
        continue;
      }
      if (rowHigh === high && rowLow === low) {
        // Rows of the latest instant may be apart; then the rows between have been noticed already.
        if (this.hasSequence && this.compare(batch, row - 1, batch, row) > 0) isSorted = false;
        continue;
      }
      isSorted = false;
      if (compareInt64(times, row, times, earliest) < 0) earliest = row;
    }
    survey.isSorted = isSorted;
    survey.earliest = earliest;
    survey.latest = latest;
    return survey;
  }

  /** The first row from `start` on that is not before an instant; with `isInclusive`, that is after it. */
  endOf(batch: Batch, start: number, { high, low }: Readonly<Instant>, isInclusive: boolean): number {
    const times = this.timesOf(batch);
    let from = start;
    let to = batch.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const rowHigh = times[2 * middle + 1]!;
      const rowLow = times[2 * middle]! >>> 0;
      const isBefore =
        rowHigh < high || (rowHigh === high && (rowLow < low || (isInclusive && rowLow === low)));
      if (isBefore) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /**
   * The first row from `start` up to `end` that does not come before a row of another batch; with
   * `isInclusive`, that comes after it.
   */
  runEnd(batch: Batch, start: number, end: number, other: Batch, row: number, isInclusive: boolean): number {
    const limit = isInclusive ? 0 : -1;
    // Most runs are short, so the search begins near.
    let from = start;
    let step = 16;
    while (from + step < end && this.compare(batch, from + step, other, row) <= limit) {
      from += step;
      step *= 2;
    }
    let to = Math.min(from + step, end);
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.compare(batch, middle, other, row) <= limit) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Numbers of the rows of a batch in their order. */
  sorted(batch: Batch): Int32Array {
    const order = new Int32Array(batch.length).map((_, row) => row);
    return order.sort((i, j) => this.compare(batch, i, batch, j) || i - j);
  }
}
