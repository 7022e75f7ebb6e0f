import type { Batch } from '../../../columns/batch.js';
import { BatchPool } from '../../../columns/batch-pool.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import type { Instant } from '../../../columns/instants.js';
import { HeadTree } from '../../../columns/merging/head-tree.js';
import { MergedRows } from '../../../columns/merging/merged-rows.js';
import type { ColumnData, Schema } from '../../../columns/schema.js';
import { passesUncopied } from '../../../engine/inputs/equal-columns.js';
import { BlockOrigins, type BlockRows } from './block-origins.js';
import type { RowOrder } from './row-order.js';
import type { RowsInOrder } from './rows-in-order.js';

/** Rows taken one by one from the same input before the length of its run is determined. */
const STREAK = 4;
/** Length from which consecutive rows are copied as a run. */
const RUN_ROWS_MIN = 16;
/** A batch that is less full than this is copied, so that many small batches do not make many small ones. */
const WHOLE_FILL_MIN = 0.25;

/** No row before this one can still come, where rows of one instant stand by input. */
export interface Bound {
  readonly at: Readonly<Instant>;
  /** Index of the input that sets it. */
  readonly input: number;
}

export interface MergedStreamSettings {
  readonly schema: Schema;
  readonly order: RowOrder;
  /** In the order of the list; rows of one instant stand by it. */
  readonly inputs: readonly { readonly id: string; readonly rows: RowsInOrder }[];
  readonly batchRows: number;
  readonly dictionaries: DictionarySet;
}

/**
 * Merges the released rows of inputs: always the earliest of all next rows or, among equal ones, the row of the
 * input that is listed first. A batch whose rows no other input interrupts is passed on as it is; other rows are
 * gathered, runs of rows of one input by ranges.
 */
export class MergedStream {
  readonly #settings: MergedStreamSettings;
  readonly #pool: BatchPool;
  readonly #rows: MergedRows<BlockRows>;
  readonly #tree: HeadTree;
  /** By input: the batch that rows are taken from, its times and its sequences, the next row, and the last one that may be taken. */
  readonly #blocks: (Batch | undefined)[] = [];
  readonly #times: Int32Array[] = [];
  readonly #sequences: ColumnData[] = [];
  readonly #next: Int32Array;
  readonly #ends: Int32Array;
  #heads = 0;
  #out: Batch | undefined;
  #bound: Bound = { at: { high: 0, low: 0 }, input: 0 };

  constructor(settings: MergedStreamSettings) {
    const { schema, order, inputs, batchRows, dictionaries } = settings;
    this.#settings = settings;
    this.#pool = new BatchPool(schema, batchRows, dictionaries);
    this.#rows = new MergedRows(new BlockOrigins(batchRows), batchRows);
    this.#tree = new HeadTree(inputs.length, order.hasSequence ? this.#bySequence : undefined);
    this.#next = new Int32Array(inputs.length);
    this.#ends = new Int32Array(inputs.length);
  }

  /** Asked only where times are equal, so that the sequences of other rows are not read. */
  readonly #bySequence = (a: number, b: number): number =>
    this.#settings.order.compareSequences(
      this.#sequences[a]!,
      this.#next[a]!,
      this.#sequences[b]!,
      this.#next[b]!,
    );

  /**
   * Takes the next rows, as many as fit in a batch, and the control records that stand between them.
   *
   * @returns `undefined` if there are none up to the bound.
   */
  take(bound: Bound): Batch | undefined {
    this.#bound = bound;
    for (let slot = 0; slot < this.#settings.inputs.length; slot++) this.#admit(slot, undefined);
    while (this.#isNextDue()) {
      if (this.#isWholeNext()) {
        if (this.#rows.isOpen) break;
        return this.#takeWhole();
      }
      this.#begin();
      this.#select();
      if (this.#rows.room === 0) break;
    }
    const batch = this.#rows.finish();
    this.#out = undefined;
    this.#settings.inputs.forEach(({ rows }, slot) => {
      if (this.#blocks[slot]) rows.takeTo(this.#next[slot]!);
    });
    return batch;
  }

  #isNextDue(): boolean {
    const { winner } = this.#tree;
    return winner >= 0 && this.#next[winner]! < this.#ends[winner]!;
  }

  #begin(): void {
    if (this.#out) return;
    this.#out = this.#pool.acquire();
    this.#rows.begin(this.#out);
  }

  /**
   * Makes the front batch of an input the one that rows are taken from. Control records that stand before it go
   * into the stream here.
   *
   * @param whole - The batch that is passed on as it is, if one is.
   */
  #admit(slot: number, whole: Batch | undefined): void {
    const { id, rows } = this.#settings.inputs[slot]!;
    for (let front = rows.front; front && front.length === 0; front = rows.front) {
      if (!whole) this.#begin();
      const to = whole ?? this.#out!;
      const row = to.length + (whole ? 0 : this.#rows.noted);
      for (const { record } of front.controls) to.controls.push({ row, record });
      rows.shift().release();
    }
    const { front, start } = rows;
    if (front && front !== this.#blocks[slot]) {
      if (!this.#blocks[slot]) this.#heads++;
      this.#blocks[slot] = front;
      const { order } = this.#settings;
      this.#times[slot] = order.timesOf(front);
      if (order.hasSequence) this.#sequences[slot] = order.sequencesOf(front);
      this.#next[slot] = start;
      this.#rows.setSlot(slot, { block: front, next: start, input: id });
      this.#tree.put(slot, slot, this.#times[slot]!, start);
    }
    if (front) this.#ends[slot] = this.#dueEnd(slot, front);
  }

  /** The end of the rows of a batch up to the bound. */
  #dueEnd(slot: number, block: Batch): number {
    const { order } = this.#settings;
    const { at, input } = this.#bound;
    // With sequences, a row of the same instant may come that belongs before this one.
    return order.endOf(block, this.#next[slot]!, at, !order.hasSequence && slot <= input);
  }

  /** Whether the next rows are a whole batch of an input, uninterrupted by rows of others. */
  #isWholeNext(): boolean {
    const { schema, batchRows } = this.#settings;
    const slot = this.#tree.winner;
    const block = this.#blocks[slot]!;
    if (this.#next[slot] !== 0 || this.#ends[slot] !== block.length) return false;
    if (block.length < batchRows * WHOLE_FILL_MIN || block.length > batchRows) return false;
    if (block.schema !== schema && !passesUncopied(block.schema, schema)) return false;
    return this.#runEnd(slot) === block.length;
  }

  #takeWhole(): Batch {
    const slot = this.#tree.winner;
    const batch = this.#leave(slot);
    this.#admit(slot, batch);
    return batch;
  }

  /** Takes the winner's batch away from it. */
  #leave(slot: number): Batch {
    this.#tree.remove();
    this.#blocks[slot] = undefined;
    this.#heads--;
    return this.#settings.inputs[slot]!.rows.shift();
  }

  /** The end of the rows that the winner can give up to the bound and before any other input. */
  #runEnd(slot: number): number {
    const { order } = this.#settings;
    const end = this.#ends[slot]!;
    const other = this.#heads === 1 ? -1 : this.#tree.runnerUp();
    if (other < 0) return end;
    const block = this.#blocks[slot]!;
    return order.runEnd(
      block,
      this.#next[slot]!,
      end,
      this.#blocks[other]!,
      this.#next[other]!,
      slot < other,
    );
  }

  /** Notes or copies rows until the batch is full, the bound is reached, or a batch of an input is used up. */
  #select(): void {
    const tree = this.#tree;
    const rows = this.#rows;
    const { slotOf } = rows;
    const next = this.#next;
    const ends = this.#ends;
    let last = -1;
    let streak = this.#heads === 1 ? STREAK : 0;
    for (let room = rows.room; room > 0; ) {
      const slot = tree.winner;
      const row = next[slot]!;
      if (row >= ends[slot]!) return;
      if (slot !== last && last >= 0) streak = 0;
      last = slot;
      let end = row + 1;
      if (++streak > STREAK) {
        end = Math.min(this.#runEnd(slot), row + room);
        streak = 0;
      }
      if (end - row >= RUN_ROWS_MIN) rows.addRun(slot, end);
      else for (let at = row; at < end; at++) slotOf[rows.noted++] = slot;
      room -= end - row;
      next[slot] = end;
      if (end === this.#blocks[slot]!.length) {
        rows.copyNoted(); // its batch is about to be released
        this.#leave(slot).release();
        this.#admit(slot, undefined);
        return;
      }
      tree.next(this.#times[slot]!, end);
    }
  }
}
