import type { ColumnMemory, MemoryShare } from './column-memory.js';
import { RELEASED_COLUMN } from './released-batch.js';
import { allocateColumn, bytesPerRow, type ColumnData, type Schema } from './schema.js';

/** Where the memory of a released batch goes. */
export interface BatchHome {
  takeBack(memory: BatchMemory): void;
}

/** Of batches that were dropped without a release: what they held is given back once they are collected. */
const dropped = new FinalizationRegistry<MemoryShare>((share) => share.resize(0));

/**
 * What a batch stands on: its arrays, which are used again by one batch after the other. Each gets
 * a list of columns of its own, which is emptied at its release, so that nobody who kept it reads
 * the rows of the next.
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

  /** For places of selected rows, once there were some. */
  get selection(): Int32Array | undefined {
    return this.#selection;
  }

  set selection(selection: Int32Array | undefined) {
    this.#share.resize(this.#columnBytes + (selection?.byteLength ?? 0));
    this.#selection = selection;
  }

  /** Takes the columns away from the batch, and goes back to where it came from. */
  release(): void {
    const columns = this.columns;
    this.columns = columns.slice();
    columns.fill(RELEASED_COLUMN);
    if (this.#home) this.#home.takeBack(this);
    else this.drop();
  }

  /** Nobody will use it again. */
  drop(): void {
    this.columns = []; // at once, whatever still refers to this
    this.#selection = undefined;
    this.#share.resize(0);
  }
}
