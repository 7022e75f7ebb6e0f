import { appendRows, Batch } from '../../../columns/batch.js';
import type { PlacedControl } from '../../../columns/control-record.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import { gatherRows } from '../../../columns/gather-rows.js';
import { GrowingBatches } from '../../../columns/growing-batches.js';
import type { Instant } from '../../../columns/instants.js';
import { compareInt64 } from '../../../columns/int64.js';
import { appendOrigin, JoinedOrigin } from '../../../columns/joined-origin.js';
import { loadBatch, saveBatch } from '../../../columns/saved-batch.js';
import type { Schema } from '../../../columns/schema.js';
import { retainRows } from '../../../columns/selection.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { RowOrder, RowSurvey } from './row-order.js';

const NO_ROWS = new Int32Array(0);
const ROWS_MIN = 64;
/** A batch with less of the rows that a batch may have is copied to those before it, so that little memory waits. */
const SMALL = 0.25;

/** A batch that waits for its watermark. Without rows: control records in their place. */
interface Waiting {
  batch: Batch;
  /** Whether its rows are in order. */
  isSorted: boolean;
  /** Whether they come after those of the batch before it. */
  follows: boolean;
  /** The row with the earliest time. */
  earliest: number;
}

/**
 * Puts the rows of one input in order. A row waits until the input's watermark says that none will come before
 * it; then it is released, and stands in a list of sorted batches. Rows that come in order are not copied.
 *
 * Control records divide the rows: those that came before one stay before it, and those after it, after it.
 */
export class RowsInOrder {
  readonly #schema: Schema;
  readonly #order: RowOrder;
  readonly #dictionaries: DictionarySet;
  readonly #rowsMax: number;
  readonly #growing: GrowingBatches;
  readonly #waiting: Waiting[] = [];
  readonly #released: Batch[] = [];
  #start = 0;
  #rows = 0;
  #batches = 0;

  /** @param batchRows - Capacity of a batch. */
  constructor(schema: Schema, order: RowOrder, batchRows: number, dictionaries: DictionarySet) {
    this.#schema = schema;
    this.#order = order;
    this.#dictionaries = dictionaries;
    this.#rowsMax = batchRows;
    this.#growing = new GrowingBatches(schema, dictionaries, ROWS_MIN, batchRows);
  }

  /** Rows that are held. */
  get rows(): number {
    return this.#rows;
  }

  /** How many batches have come since none was held. */
  get batches(): number {
    return this.#batches;
  }

  /** Whether neither rows nor control records are held. */
  get isEmpty(): boolean {
    return this.#released.length === 0 && this.#waiting.length === 0;
  }

  /** The first of the released batches; without rows: control records. */
  get front(): Batch | undefined {
    return this.#released[0];
  }

  /** The first row of the front batch that was not taken. */
  get start(): number {
    return this.#start;
  }

  /** Takes rows of the front batch, which stays there. */
  takeTo(row: number): void {
    this.#take(row - this.#start);
    this.#start = row;
  }

  /** Takes the front batch as a whole, with what is left of it. The caller owns it. */
  shift(): Batch {
    const batch = this.#released.shift()!;
    this.#take(batch.length - this.#start);
    this.#start = 0;
    return batch;
  }

  /** Adds a batch with rows, and owns it. @param survey - Of its rows. */
  add(batch: Batch, survey: Readonly<RowSurvey>): void {
    this.#rows += batch.length;
    this.#batches++;
    const last = this.#waiting.at(-1);
    const { length } = batch;
    if (last && last.batch.length > 0 && this.#fits(last.batch, batch)) {
      last.batch = this.#append(last.batch, batch);
      this.#lookOn(last, last.batch.length - length);
    } else this.#push(batch, survey);
  }

  /** Adds control records behind all rows so far. */
  mark(records: readonly PlacedControl['record'][]): void {
    const batch = new Batch(this.#schema, 1, this.#dictionaries);
    batch.controls = records.map((record) => ({ row: 0, record }));
    this.#waiting.push({ batch, isSorted: true, follows: true, earliest: 0 });
  }

  /** Releases the rows before an instant; with `isInclusive`, those at it as well. */
  release(upTo: Readonly<Instant>, isInclusive: boolean): void {
    for (let first = this.#waiting[0]; first; first = this.#waiting[0]) {
      if (first.batch.length === 0) {
        this.#waiting.shift();
        this.#released.push(first.batch);
        continue;
      }
      if (this.#isChain()) this.#releaseFirst(upTo, isInclusive);
      else this.#releaseSorted(upTo, isInclusive);
      const next = this.#waiting[0];
      if (next && next.batch.length > 0) return; // records may follow
    }
  }

  /** Calls back with each held row that may be the earliest of all. */
  eachEarliest(onRow: (batch: Batch, row: number) => void): void {
    this.#released.forEach((batch, i) => {
      if (batch.length > 0) onRow(batch, i === 0 ? this.#start : 0);
    });
    for (const { batch, earliest } of this.#waiting) if (batch.length > 0) onRow(batch, earliest);
  }

  /** Returns all that is held, as plain data. */
  snapshot(): PlainData {
    return {
      released: this.#released.map(saveBatch),
      start: this.#start,
      waiting: this.#waiting.map(({ batch }) => saveBatch(batch)),
    };
  }

  /** @throws {PipelineError} `CHECKPOINT_INVALID` if the saved columns differ. */
  restore(saved: PlainData): void {
    const { released, start, waiting } = saved as unknown as SavedRows;
    const load = (batch: PlainData) => loadBatch(batch, this.#schema, this.#dictionaries);
    for (const batch of released) this.#released.push(load(batch));
    this.#start = start;
    for (const saved of waiting) {
      const batch = load(saved);
      if (batch.length > 0) this.#push(batch, this.#order.survey(batch));
      else this.#waiting.push({ batch, isSorted: true, follows: true, earliest: 0 });
    }
    for (const { length } of [...this.#released, ...this.#waiting.map(({ batch }) => batch)]) {
      this.#rows += length;
    }
    this.#rows -= start;
    this.#batches = released.length + waiting.length;
  }

  close(): void {
    for (const batch of this.#released.splice(0)) batch.release();
    for (const { batch } of this.#waiting.splice(0)) batch.release();
    this.#rows = 0;
  }

  #take(rows: number): void {
    this.#rows -= rows;
    if (this.#rows === 0) this.#batches = 0;
  }

  #push(batch: Batch, { isSorted, earliest }: Readonly<RowSurvey>): void {
    const before = this.#waiting.at(-1)?.batch;
    this.#waiting.push({ batch, isSorted, earliest, follows: this.#follows(before, batch) });
  }

  /** Looks at the rows of a batch from a row on, which were added to it. */
  #lookOn(waiting: Waiting, known: number): void {
    const order = this.#order;
    const { batch } = waiting;
    const times = order.timesOf(batch);
    for (let row = known; row < batch.length; row++) {
      if (order.compare(batch, row - 1, batch, row) > 0) waiting.isSorted = false;
      if (compareInt64(times, row, times, waiting.earliest) < 0) waiting.earliest = row;
    }
  }

  #follows(before: Batch | undefined, batch: Batch): boolean {
    if (before === undefined || before.length === 0) return true;
    return this.#order.compare(before, before.length - 1, batch, 0) <= 0;
  }

  /** Whether the rows up to the next control records are in order. */
  #isChain(): boolean {
    for (const [i, { batch, isSorted, follows }] of this.#waiting.entries()) {
      if (batch.length === 0) return true;
      if (!isSorted || (i > 0 && !follows)) return false;
    }
    return true;
  }

  #releaseFirst(upTo: Readonly<Instant>, isInclusive: boolean): void {
    for (let first = this.#waiting[0]; first && first.batch.length > 0; first = this.#waiting[0]) {
      const { batch } = first;
      const end = this.#order.endOf(batch, 0, upTo, isInclusive);
      if (end === 0) return;
      this.#waiting.shift();
      if (end === batch.length) {
        this.#emit(batch);
        continue;
      }
      const [ready, rest] = this.#split(batch, end);
      this.#emit(ready);
      this.#waiting.unshift({ batch: rest, isSorted: true, follows: true, earliest: 0 });
      return;
    }
  }

  /** Picks the rows that are due from all batches up to the next control records, and sorts them. */
  #releaseSorted(upTo: Readonly<Instant>, isInclusive: boolean): void {
    const order = this.#order;
    const end = this.#waiting.findIndex(({ batch }) => batch.length === 0);
    const batches = end < 0 ? this.#waiting.slice() : this.#waiting.slice(0, end);
    const picked = batches.map((waiting) => ({ waiting, due: this.#dueOf(waiting, upTo, isInclusive) }));
    const total = picked.reduce((rows, { due }) => rows + due.length, 0);
    if (total === 0) return;

    const all = new Batch(this.#schema, total, this.#dictionaries);
    const haveOrigins = picked.every(({ waiting, due }) => due.length === 0 || waiting.batch.origin);
    const origin = new JoinedOrigin();
    for (const { waiting, due } of picked) {
      const { batch } = waiting;
      if (due.length === 0) continue;
      gatherRows(batch, due, due.length, all);
      if (batch.origin && haveOrigins) for (const row of due) origin.add(batch.origin, row, 1);
      this.#keepOthers(batch, due);
    }
    if (haveOrigins) all.origin = origin;
    const left = batches.filter(({ batch }) => batch.length > 0);
    for (const { batch } of batches) if (batch.length === 0) batch.release();
    this.#waiting.splice(0, batches.length, ...left);
    left.forEach((waiting, i) => {
      const { isSorted, earliest } = order.survey(waiting.batch);
      Object.assign(waiting, {
        isSorted,
        earliest,
        follows: this.#follows(left[i - 1]?.batch, waiting.batch),
      });
    });
    this.#emit(order.survey(all).isSorted ? all : this.#sort(all));
  }

  /** The rows that are due. */
  #dueOf({ batch, earliest }: Waiting, upTo: Readonly<Instant>, isInclusive: boolean): Int32Array {
    const times = this.#order.timesOf(batch);
    const isDue = (row: number): boolean => {
      const high = times[2 * row + 1]!;
      const low = times[2 * row]! >>> 0;
      return (
        high < upTo.high || (high === upTo.high && (low < upTo.low || (isInclusive && low === upTo.low)))
      );
    };
    if (!isDue(earliest)) return NO_ROWS;
    const due = new Int32Array(batch.length);
    let count = 0;
    for (let row = 0; row < batch.length; row++) if (isDue(row)) due[count++] = row;
    return due.subarray(0, count);
  }

  /** Removes rows of a batch. */
  #keepOthers(batch: Batch, rows: Int32Array): void {
    const { origin, length } = batch;
    const keep = new Uint8Array(length).fill(1);
    for (const row of rows) keep[row] = 0;
    batch.origin = undefined;
    retainRows(batch, keep);
    if (!origin) return;
    const kept = new Int32Array(batch.length);
    for (let row = 0, count = 0; row < length; row++) if (keep[row] !== 0) kept[count++] = row;
    batch.origin = JoinedOrigin.pick(origin, kept);
  }

  #sort(batch: Batch): Batch {
    const order = this.#order.sorted(batch);
    const sorted = new Batch(this.#schema, batch.length, this.#dictionaries);
    gatherRows(batch, order, batch.length, sorted);
    const { origin } = batch;
    if (origin) sorted.origin = JoinedOrigin.pick(origin, order);
    batch.release();
    return sorted;
  }

  /** Adds a sorted batch to the released ones. */
  #emit(batch: Batch): void {
    const last = this.#released.at(-1);
    const isNext = last && last.length > 0 && this.#order.compare(last, last.length - 1, batch, 0) <= 0;
    if (isNext && this.#fits(last, batch)) {
      this.#released[this.#released.length - 1] = this.#append(last, batch);
    } else this.#released.push(batch);
  }

  /** Whether a batch is so small that it had better be copied to the one before it. */
  #fits(last: Batch, batch: Batch): boolean {
    return batch.length < this.#rowsMax * SMALL && last.length + batch.length <= this.#rowsMax;
  }

  #append(last: Batch, batch: Batch): Batch {
    const whole = this.#growing.withRoomFor(last, batch.length);
    appendOrigin(batch, 0, batch.length, whole);
    appendRows(batch, 0, batch.length, whole);
    batch.release();
    return whole;
  }

  /** Splits a batch in two. Copies as few rows as possible. */
  #split(batch: Batch, at: number): [Batch, Batch] {
    if (2 * at >= batch.length) {
      const rest = this.#copy(batch, at, batch.length);
      if (batch.origin) batch.origin = new JoinedOrigin().add(batch.origin, 0, at);
      batch.length = at;
      return [batch, rest];
    }
    const parts: [Batch, Batch] = [this.#copy(batch, 0, at), this.#copy(batch, at, batch.length)];
    batch.release();
    return parts;
  }

  #copy(batch: Batch, start: number, end: number): Batch {
    const rows = end - start;
    const copy =
      rows > this.#rowsMax ? new Batch(this.#schema, rows, this.#dictionaries) : this.#growing.acquire(rows);
    appendOrigin(batch, start, end, copy);
    appendRows(batch, start, end, copy);
    return copy;
  }
}

interface SavedRows {
  readonly released: readonly PlainData[];
  readonly start: number;
  readonly waiting: readonly PlainData[];
}
