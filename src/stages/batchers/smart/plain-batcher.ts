import { appendRows, type Batch } from '../../../columns/batch.js';
import type { PlacedControl } from '../../../columns/control-record.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import { GrowingBatches } from '../../../columns/growing-batches.js';
import { appendOrigin } from '../../../columns/joined-origin.js';
import { ownColumns } from '../../../columns/own-columns.js';
import type { Schema } from '../../../columns/schema.js';
import type { Clock } from '../../../core/clock.js';
import type { Nanos } from '../../../core/units.js';
import type { Batcher } from '../../../engine/batcher.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';
import type { BatchLimits } from './batch-limits.js';
import { ClosedBatches } from './closed-batches.js';
import { HeldWatermarks } from './held-watermarks.js';

/** Number of rows that the first batch of a feed has room for; it grows when more come. */
const ROWS_FIRST = 8_192;

/**
 * Keeps one batch open; control records travel in it. If no batch is open and an incoming batch could
 * become full itself, it is passed on as it is, so that full batches need no copy. If its columns are shared,
 * they are copied when more rows come.
 *
 * Watermarks are merged: the newest is put at the end of the batch, or before the next other record. A
 * watermark opens no batch.
 */
export class PlainBatcher implements Batcher {
  readonly readsOnly = true;
  readonly #limits: BatchLimits;
  readonly #clock: Clock;
  readonly #batches: GrowingBatches;
  readonly #closed = new ClosedBatches();
  readonly #watermarks = new HeldWatermarks();
  #open: Batch | undefined;
  #due: Nanos | undefined;

  constructor(limits: BatchLimits, input: Schema, clock: Clock, dictionaries: DictionarySet) {
    this.#limits = limits;
    this.#clock = clock;
    this.#batches = new GrowingBatches(input, dictionaries, ROWS_FIRST, limits.rowsMax);
  }

  get flushes() {
    return this.#closed.flushes;
  }

  get due(): Nanos | undefined {
    return this.#due;
  }

  add(batch: Batch): void {
    const { rowsMax } = this.#limits;
    if (batch.length === 0 && batch.controls.every(isWatermark)) {
      this.#place(batch.controls);
      batch.release();
      return;
    }
    if (!this.#open && batch.length <= rowsMax && batch.capacity >= rowsMax) {
      if (batch.controls.length > 0) batch.controls = this.#place(batch.controls);
      this.#begin(batch);
      this.#closeIfFull();
      return;
    }
    try {
      this.#copy(batch);
    } finally {
      batch.release();
    }
  }

  take(): Batch | undefined {
    return this.#closed.take();
  }

  flush(reason: 'age' | 'drain'): void {
    if (!this.#open || this.#due === undefined) return;
    if (reason === 'drain' || this.#due <= this.#clock.now()) this.#close(reason);
  }

  close(): void {
    this.#open?.release();
    this.#open = undefined;
    this.#due = undefined;
    this.#closed.release();
  }

  statistics(): StageStatistics {
    return { rowsOpen: this.#open?.length ?? 0 };
  }

  /** Starts the batch, and its delay, with its first row. */
  #begin(batch: Batch): Batch {
    this.#open = batch;
    this.#due = (this.#clock.now() + this.#limits.delayNs) as Nanos;
    return batch;
  }

  #copy(batch: Batch): void {
    const { rowsMax } = this.#limits;
    let row = 0;
    let control = 0;
    do {
      let open = this.#open ?? this.#begin(this.#batches.acquire(Math.min(batch.length - row, rowsMax)));
      const end = Math.min(batch.length, row + rowsMax - open.length);
      open = this.#batches.withRoomFor(open, end - row);
      this.#open = open;
      ownColumns(open);
      const shift = open.length - row;
      appendOrigin(batch, row, end, open);
      appendRows(batch, row, end, open);
      // A record between two rows that are separated goes with the earlier row.
      const first = control;
      while (control < batch.controls.length && batch.controls[control]!.row <= end) control++;
      if (control > first) {
        for (const { row: place, record } of this.#place(batch.controls.slice(first, control))) {
          open.controls.push({ row: place + shift, record });
        }
      }
      row = end;
      this.#closeIfFull();
    } while (row < batch.length);
  }

  #closeIfFull(): void {
    if (this.#open?.length === this.#limits.rowsMax) this.#close(this.#limits.reasonWhenFull);
  }

  /**
   * Holds watermarks back, at most until the next other record.
   *
   * @returns The records to keep in place.
   */
  #place(controls: readonly PlacedControl[]): PlacedControl[] {
    const placed: PlacedControl[] = [];
    for (const control of controls) {
      const { row, record } = control;
      if (record.type === 'watermark') this.#watermarks.add(record);
      else {
        for (const held of this.#watermarks.takeAll()) placed.push({ row, record: held });
        placed.push(control);
      }
    }
    return placed;
  }

  #close(reason: 'rows' | 'bytes' | 'age' | 'drain'): void {
    if (this.#open) {
      const { controls, length } = this.#open;
      for (const record of this.#watermarks.takeAll()) controls.push({ row: length, record });
      this.#closed.push(this.#open, reason);
    }
    this.#open = undefined;
    this.#due = undefined;
  }
}

const isWatermark = ({ record }: PlacedControl): boolean => record.type === 'watermark';
