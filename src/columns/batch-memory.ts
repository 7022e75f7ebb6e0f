import type { ColumnHold } from './column-hold.js';
import type { ColumnMemory, MemoryShare } from './column-memory.js';
import { RELEASED_COLUMN } from './released-batch.js';
import { allocateColumn, bytesPerRow, type ColumnData, type Schema } from './schema.js';
import { type SharedColumns, SharedHold } from './shared-hold.js';

/** Receives the memory of released batches, and lends it to others. */
export interface BatchHome {
  takeBack(memory: BatchMemory): void;
  /** @throws {PipelineError} `MEMORY_EXHAUSTED` */
  lend(): BatchMemory;
}

/** Returns the bytes of batches that were dropped without a release, once they are garbage-collected. */
const dropped = new FinalizationRegistry<MemoryShare>((share) => share.resize(0));

/**
 * The arrays of a batch, reused by one batch after another. Each batch gets its own list of columns.
 * The release empties that list, so that a holder of a stale list cannot read the rows of the next batch.
 */
export class BatchMemory implements ColumnHold, SharedColumns {
  columns: ColumnData[];
  readonly isShared = false;
  #selection: Int32Array | undefined;
  /** Selection arrays of batches that shared the columns, for the next ones: at most one for each of them. */
  readonly #spareSelections: Int32Array[] = [];
  /** Bytes of all selection arrays, those of batches that share the columns included. */
  #selectionBytes = 0;
  readonly #columnBytes: number;
  readonly #share: MemoryShare;
  readonly #home: BatchHome | undefined;

  /** @throws {PipelineError} `MEMORY_EXHAUSTED` */
  constructor(schema: Schema, capacity: number, account: ColumnMemory, home?: BatchHome) {
    this.#columnBytes = capacity * bytesPerRow(schema);
    this.#share = account.share('batches');
    this.#share.resize(this.#columnBytes);
    this.#home = home;
    this.columns = schema.columns.map(({ type }) => allocateColumn(type, capacity));
    dropped.register(this, this.#share);
  }

  get selection(): Int32Array | undefined {
    return this.#selection;
  }

  set selection(selection: Int32Array | undefined) {
    this.exchangeSelection(this.#selection, selection);
    this.#selection = selection;
  }

  another(): BatchMemory | undefined {
    return this.#home?.lend();
  }

  share(count: number): ColumnHold[] {
    this.#replaceList();
    if (this.#selection) this.#spareSelections.push(this.#selection);
    this.#selection = undefined;
    const holders = { count };
    return Array.from({ length: count }, () => new SharedHold(this, this.columns, holders));
  }

  takeSelection(): Int32Array | undefined {
    return this.#spareSelections.pop();
  }

  giveSelection(selection: Int32Array): void {
    this.#spareSelections.push(selection);
  }

  exchangeSelection(old: Int32Array | undefined, next: Int32Array | undefined): void {
    const bytes = this.#selectionBytes + (next?.byteLength ?? 0) - (old?.byteLength ?? 0);
    this.#share.resize(this.#columnBytes + bytes);
    this.#selectionBytes = bytes;
  }

  /** Empties the list of columns that the batch has, and returns this memory to its home. */
  release(): void {
    this.#replaceList();
    this.#selection ??= this.#spareSelections.pop();
    if (this.#home) this.#home.takeBack(this);
    else this.drop();
  }

  /** Frees the memory, when no batch will use it again. */
  drop(): void {
    this.columns = []; // frees the arrays now, even if something still refers to this object
    this.#selection = undefined;
    this.#spareSelections.length = 0;
    this.#selectionBytes = 0;
    this.#share.resize(0);
  }

  #replaceList(): void {
    const { columns } = this;
    this.columns = columns.slice();
    columns.fill(RELEASED_COLUMN);
  }
}
