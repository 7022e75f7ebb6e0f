import type { ColumnHold } from './column-hold.js';
import { RELEASED_COLUMN } from './released-batch.js';
import type { ColumnData } from './schema.js';

/** Columns that several batches have, as their holds see them. */
export interface SharedColumns {
  columns: ColumnData[];
  another(): ColumnHold | undefined;
  /** Takes a selection array that an earlier hold gave back, if there is one. It stays in the account. */
  takeSelection(): Int32Array | undefined;
  giveSelection(selection: Int32Array): void;
  /** Accounts for one selection array in place of another. @throws {PipelineError} `MEMORY_EXHAUSTED` */
  exchangeSelection(old: Int32Array | undefined, next: Int32Array | undefined): void;
  release(): void;
}

/** How many holds there are. */
interface Holders {
  count: number;
}

/**
 * The hold of one of several batches on the same columns. The last one may write into them, and releases
 * them. If a batch is dropped without a release, the others never become the last one; the memory is
 * returned once all of them are garbage-collected.
 */
export class SharedHold implements ColumnHold {
  readonly columns: ColumnData[];
  readonly #shared: SharedColumns;
  readonly #holders: Holders;
  #selection: Int32Array | undefined;

  /** @param columns - Copied, since each batch has a list of its own. */
  constructor(shared: SharedColumns, columns: readonly ColumnData[], holders: Holders) {
    this.#shared = shared;
    this.columns = columns.slice();
    this.#holders = holders;
    this.#selection = shared.takeSelection();
  }

  get isShared(): boolean {
    return this.#holders.count > 1;
  }

  get selection(): Int32Array | undefined {
    return this.#selection;
  }

  set selection(selection: Int32Array | undefined) {
    this.#shared.exchangeSelection(this.#selection, selection);
    this.#selection = selection;
  }

  another(): ColumnHold | undefined {
    return this.#shared.another();
  }

  share(count: number): ColumnHold[] {
    this.#holders.count += count;
    const holds = Array.from({ length: count }, () => {
      return new SharedHold(this.#shared, this.columns, this.#holders);
    });
    this.release();
    return holds;
  }

  release(): void {
    if (this.#selection) this.#shared.giveSelection(this.#selection);
    this.#selection = undefined;
    this.#holders.count--;
    if (this.#holders.count === 0) {
      this.#shared.columns = this.columns.slice(); // the last one may have exchanged some
      this.#shared.release();
    }
    this.columns.fill(RELEASED_COLUMN);
  }
}
