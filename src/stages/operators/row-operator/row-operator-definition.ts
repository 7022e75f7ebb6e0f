import type { ControlRecord } from '../../../columns/control-record.js';
import type { Row, RowValue } from '../../../columns/row-view.js';
import type { Column, Schema } from '../../../columns/schema.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { PlanProblems } from '../../../engine/factories.js';
import type { StageContext } from '../../../engine/stage.js';

/** An operator of the user's that works row by row. */
export interface RowOperatorDefinition<Options, State> {
  /** Columns that the operator adds. In a row they are null, 0 or false until it sets them. */
  columns?: readonly Column[] | ((options: Options, input: Schema) => readonly Column[]);
  /**
   * Whether it sets the `time` of rows. Watermarks of its input then go no further: they say nothing of
   * the times that come out.
   */
  changesTime?: boolean;
  /** Says what is wrong with the options, or with the columns that come in. */
  check?(options: Options, input: Schema, problems: PlanProblems): void;
  /** State to begin with; one for each pipeline. Plain data, unless `snapshot` makes it so. */
  state?(options: Options): State;
  /**
   * Looks at a row, and changes it in place. `false` drops it. The object is the same for every
   * row: take values out of it, never keep it (`copyRow` makes a copy that may be kept).
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most operators return nothing.
  onRow(row: Row, context: RowContext<Options, State>): boolean | void;
  /** Looks at a control record, which goes on in any case. */
  onControl?(record: ControlRecord, context: RowContext<Options, State>): void;
  /** The state as plain data, for a checkpoint. Without it, the state is taken as it is. */
  snapshot?(state: State): PlainData;
  /** The state from what `snapshot` gave. */
  restore?(saved: PlainData, options: Options): State;
}

/** What `onRow` and `onControl` are given beside the row. One object serves all rows. */
export interface RowContext<Options, State> {
  readonly options: Options;
  /** What `state` made, or what was restored. Change its fields as you like, or replace it. */
  state: State;
  /**
   * Adds a row of its own, before the row or the control record at hand. Columns that are left out are null, and must be
   * nullable. To go on from the row at hand, spread it: `emit({ ...row, price: 1 })`.
   */
  emit(row: Readonly<Record<string, RowValue>>): void;
  readonly stage: StageContext;
}
