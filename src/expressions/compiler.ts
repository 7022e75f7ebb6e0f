import type { Dictionary } from '../columns/dictionary.js';
import type { Column } from '../columns/schema.js';
import type { Mask } from './mask.js';
import type { BooleanExpression, NumberExpression, StringExpression } from './typed-expression.js';
import type { Slot, Workspace } from './workspace.js';

/** Runs a step and returns its values: the memory of the slot, or that of a column. */
export type FloatsStep = () => Float64Array;

/** Runs a step and writes the marks of its condition. */
export type MaskStep = () => void;

/** Runs a step and returns its ids: the memory of the slot, or that of a column. */
export type IdsStep = () => Int32Array;

/** Lets the compiler of one kind of expression compile parts of another kind. */
export interface Compiler {
  readonly workspace: Workspace;
  floats(expression: NumberExpression, out: Slot<Float64Array>): FloatsStep;
  mask(expression: BooleanExpression, out: Slot<Mask>): MaskStep;
  ids(expression: StringExpression, target: Dictionary, out: Slot<Int32Array>): IdsStep;
  dictionaryOf(column: Column): Dictionary;
  /** The value of a number expression without columns; `undefined` if it has any. */
  constantNumber(expression: NumberExpression): number | undefined;
  /** The value of a condition without columns; `undefined` if it has any. */
  constantBoolean(expression: BooleanExpression): boolean | undefined;
}
