import { appendRows, type Batch } from '../../../columns/batch.js';
import type { BatchPool } from '../../../columns/batch-pool.js';
import type { ControlRecord } from '../../../columns/control-record.js';
import type { DeliveredEntries, DeliveredRows } from '../../../engine/delivered-rows.js';

/** A batch on its way out. */
export interface OutletBatch {
  readonly batch: Batch;
  /** What was delivered up to its end. */
  readonly delivered: DeliveredEntries;
  /** For rows that were held or fetched: no watermark may pass this before they are read. */
  readonly heldFrom?: bigint | undefined;
}

/** Where rows go that need not wait any more: batches in order, and what was delivered up to each of them. */
export class RowOutlet {
  readonly #pool: BatchPool;
  readonly #delivered: DeliveredRows;
  readonly #ready: OutletBatch[] = [];
  #open: Batch | undefined;

  constructor(pool: BatchPool, delivered: DeliveredRows) {
    this.#pool = pool;
    this.#delivered = delivered;
  }

  /** The least instant that no watermark may pass before what is here was taken. */
  get heldFrom(): bigint | undefined {
    let least: bigint | undefined;
    for (const { heldFrom } of this.#ready) {
      if (heldFrom !== undefined && (least === undefined || heldFrom < least)) least = heldFrom;
    }
    return least;
  }

  /** Rows that wait here. */
  get rows(): number {
    let rows = this.#open?.length ?? 0;
    for (const { batch } of this.#ready) rows += batch.length;
    return rows;
  }

  take(): OutletBatch | undefined {
    return this.#ready.shift();
  }

  /** Passes a batch on as it is. Its rows have been counted as delivered. */
  put(batch: Batch): void {
    this.#ready.push({ batch, delivered: this.#delivered.snapshot() });
  }

  /** Adds a row that was held or fetched. */
  row(from: Batch, row: number, heldFrom: bigint): void {
    this.#open ??= this.#pool.acquire();
    appendRows(from, row, row + 1, this.#open);
    this.#delivered.pass(from, row, row + 1);
    if (this.#open.length === this.#open.capacity) this.flush(heldFrom);
  }

  control(record: ControlRecord): void {
    this.#open ??= this.#pool.acquire();
    this.#open.controls.push({ row: this.#open.length, record });
  }

  /** Closes the batch that rows are added to. */
  flush(heldFrom: bigint): void {
    const batch = this.#open;
    this.#open = undefined;
    if (batch) this.#ready.push({ batch, delivered: this.#delivered.snapshot(), heldFrom });
  }

  release(): void {
    this.#open?.release();
    this.#open = undefined;
    for (const { batch } of this.#ready.splice(0)) batch.release();
  }
}
