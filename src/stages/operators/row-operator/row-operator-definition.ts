import type { ControlRecord } from '../../../columns/control-record.js';
import type { Row, RowValue } from '../../../columns/row-view.js';
import type { Column, Schema } from '../../../columns/schema.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { PlanProblems } from '../../../engine/factories.js';
import type { StageContext } from '../../../engine/stage.js';

/** A user's operator that works row by row. */
export interface RowOperatorDefinition<Options, State> {
  /** Columns that the operator adds. In a row they are null, 0 or false until it sets them. */
  columns?: readonly Column[] | ((options: Options, input: Schema) => readonly Column[]);
  /**
   * Whether it sets the `time` of rows. If so, watermarks of its input stop here, since they say nothing
   * about the new times.
   */
  changesTime?: boolean;
  /** Reports problems with the options, or with the input columns. */
  check?(options: Options, input: Schema, problems: PlanProblems): void;
  /** Initial state, one for each pipeline. Must be plain data, unless `snapshot` turns it into that. */
  state?(options: Options): State;
  /**
   * Processes a row, and may change it in place. Returning `false` drops it. The object is reused for
   * every row: copy values out of it but never keep it (`copyRow` makes a copy that may be kept).
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most operators return nothing.
  onRow(row: Row, context: RowContext<Options, State>): boolean | void;
  /** Sees a control record, which is passed on in any case. */
  onControl?(record: ControlRecord, context: RowContext<Options, State>): void;
  /** Returns the state as plain data, for a checkpoint. Without it, the state is saved as it is. */
  snapshot?(state: State): PlainData;
  /** Returns the state from the result of `snapshot`. */
  restore?(saved: PlainData, options: Options): State;
}

/** What `onRow` and `onControl` get besides the row. One object is used for all rows. */
export interface RowContext<Options, State> {
  readonly options: Options;
  /** The result of `state`, or the restored state. Change its fields as you like, or replace it. */
  state: State;
  /**
   * Adds a row before the current row or control record. Columns that are left out are null, and must be
   * nullable. To start from the current row, spread it: `emit({ ...row, price: 1 })`.
   */
  emit(row: Readonly<Record<string, RowValue>>): void;
  readonly stage: StageContext;
}
