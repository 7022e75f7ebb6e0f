import type { Dictionary } from '../columns/dictionary.js';
import type { Column } from '../columns/schema.js';
import type { Mask } from './mask.js';
import type { BooleanExpression, NumberExpression, StringExpression } from './typed-expression.js';
import type { Slot, Workspace } from './workspace.js';

/** Runs a step and answers with its values: the slot's memory, or a column's own. */
export type FloatsStep = () => Float64Array;

/** Writes the marks of its condition. */
export type MaskStep = () => void;

/** Runs a step and answers with ids: the slot's memory, or a column's own. */
export type IdsStep = () => Int32Array;

/** What compiles one kind of expression asks of the whole for the parts that are of another kind. */
export interface Compiler {
  readonly workspace: Workspace;
  floats(expression: NumberExpression, out: Slot<Float64Array>): FloatsStep;
  mask(expression: BooleanExpression, out: Slot<Mask>): MaskStep;
  ids(expression: StringExpression, target: Dictionary, out: Slot<Int32Array>): IdsStep;
  dictionaryOf(column: Column): Dictionary;
  /** The value of a number without a column in it; `undefined` of any other. */
  constantNumber(expression: NumberExpression): number | undefined;
  /** The value of a condition without a column in it; `undefined` of any other. */
  constantBoolean(expression: BooleanExpression): boolean | undefined;
}
