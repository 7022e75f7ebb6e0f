import type { ColumnMemory, MemoryShare } from './column-memory.js';
import { RELEASED_COLUMN } from './released-batch.js';
import { allocateColumn, bytesPerRow, type ColumnData, type Schema } from './schema.js';

/** Receives the memory of released batches. */
export interface BatchHome {
  takeBack(memory: BatchMemory): void;
}

/** Returns the bytes of batches that were dropped without a release, once they are garbage-collected. */
const dropped = new FinalizationRegistry<MemoryShare>((share) => share.resize(0));

/**
 * The arrays of a batch, reused by one batch after another. Each batch gets its own list of columns.
 * The release empties that list, so that a holder of a stale list cannot read the rows of the next batch.
 */
export class BatchMemory {
  columns: ColumnData[];
  #selection: Int32Array | undefined;
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

  /** Array for the positions of selected rows; `undefined` until rows are first selected. */
  get selection(): Int32Array | undefined {
    return this.#selection;
  }

  set selection(selection: Int32Array | undefined) {
    this.#share.resize(this.#columnBytes + (selection?.byteLength ?? 0));
    this.#selection = selection;
  }

  /** Empties the list of columns that the batch has, and returns this memory to its home. */
  release(): void {
    const columns = this.columns;
    this.columns = columns.slice();
    columns.fill(RELEASED_COLUMN);
    if (this.#home) this.#home.takeBack(this);
    else this.drop();
  }

  /** Frees the memory, when no batch will use it again. */
  drop(): void {
    this.columns = []; // frees the arrays now, even if something still refers to this object
    this.#selection = undefined;
    this.#share.resize(0);
  }
}
