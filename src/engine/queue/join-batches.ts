import { appendRows, type Batch } from '../../columns/batch.js';
import type { PlacedControl } from '../../columns/control-record.js';
import { GrowingBatches } from '../../columns/growing-batches.js';
import { appendOrigin } from '../../columns/joined-origin.js';
import { type BatchMaking, CONTROLS_MAX, type WaitingBatch } from './waiting-batch.js';
import { appendControl } from './waiting-controls.js';

const SMALLEST_ROWS = 64;

export interface BatchJoinerSettings extends BatchMaking {
  /** Most rows of a batch that several were copied into. */
  readonly rowsMax: number;
}

/** Makes one batch of two that wait in a row. Batches of a queue of their own are made where rows are copied. */
export class BatchJoiner {
  readonly #settings: BatchJoinerSettings;
  #growing: GrowingBatches | undefined;

  constructor(settings: BatchJoinerSettings) {
    this.#settings = settings;
  }

  /** Frees the memory that it keeps for batches of its own. */
  close(): void {
    this.#growing?.close();
  }

  /** Whether two batches may become one: one of them has no rows, or both are small. */
  fits(before: Batch, batch: Batch): boolean {
    if (batch.length === 0 || before.length === 0) return true;
    return before.length + batch.length <= this.#settings.rowsMax;
  }

  /** Whether there is certainly room for the records of both in one batch. */
  hasRoomForControls(before: Batch, batch: Batch): boolean {
    return before.controls.length + batch.controls.length <= CONTROLS_MAX;
  }

  /**
   * Adds a batch to an entry, and releases what is spent of the two.
   *
   * @throws What `checkControls` throws, or that there is no memory. The batch is then as it was, and the
   *   entry has all of its rows and records.
   */
  join<Note>(entry: WaitingBatch<Note>, batch: Batch): void {
    if (batch.length === 0 || entry.batch.length === 0) this.#joinControls(entry, batch);
    else this.#joinRows(entry, batch);
  }

  /** Gives an entry a batch of the queue's own, with room for more rows. */
  makeRoom<Note>(entry: WaitingBatch<Note>, rows: number): void {
    const { batch, isOwn } = entry;
    entry.batch = isOwn ? this.#batches().withRoomFor(batch, rows) : this.#copyOf(batch, rows);
    entry.isOwn = true;
  }

  #joinControls<Note>(entry: WaitingBatch<Note>, batch: Batch): void {
    const { batch: before } = entry;
    const controls = this.#joined(before, batch);
    const [kept, spent] = batch.length > 0 ? [batch, before] : [before, batch];
    kept.controls = controls;
    if (kept === batch) entry.isOwn = false;
    entry.batch = kept;
    spent.release();
  }

  #joinRows<Note>(entry: WaitingBatch<Note>, batch: Batch): void {
    this.makeRoom(entry, batch.length);
    const { batch: joined } = entry;
    joined.controls = this.#joined(joined, batch);
    appendOrigin(batch, 0, batch.length, joined);
    appendRows(batch, 0, batch.length, joined);
    batch.release();
  }

  /** Returns the records of two batches that become one. If they are too many, it throws and both keep theirs. */
  #joined(before: Batch, batch: Batch): PlacedControl[] {
    // Some may make others redundant.
    const controls = this.hasRoomForControls(before, batch) ? before.controls : [...before.controls];
    for (const { row, record } of batch.controls) appendControl(controls, before.length + row, record);
    this.#settings.checkControls(controls);
    return controls;
  }

  #copyOf(batch: Batch, more: number): Batch {
    const copy = this.#batches().acquire(batch.length + more);
    appendRows(batch, 0, batch.length, copy);
    copy.controls = batch.controls;
    copy.origin = batch.origin;
    batch.controls = [];
    batch.release();
    return copy;
  }

  #batches(): GrowingBatches {
    const { schema, dictionaries, rowsMax } = this.#settings;
    this.#growing ??= new GrowingBatches(schema, dictionaries, SMALLEST_ROWS, rowsMax);
    return this.#growing;
  }
}
