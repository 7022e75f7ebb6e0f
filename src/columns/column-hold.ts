import type { ColumnData } from './schema.js';

/** What a batch has of its columns: all of them for itself, or a share of columns that others read too. */
export interface ColumnHold {
  readonly columns: ColumnData[];
  /** Array for the positions of selected rows; `undefined` until rows are first selected. Never shared. */
  selection: Int32Array | undefined;
  /** Whether another batch still has the same columns. */
  readonly isShared: boolean;
  /**
   * Memory of the same size for one batch alone, from where these columns come from; `undefined` if they
   * have no such place.
   *
   * @throws {PipelineError} `MEMORY_EXHAUSTED`
   */
  another(): ColumnHold | undefined;
  /** Ends this hold, and returns `count` others on the same columns. */
  share(count: number): ColumnHold[];
  /** Ends this hold. The list of columns is emptied, so that a holder of it cannot read later rows. */
  release(): void;
}
