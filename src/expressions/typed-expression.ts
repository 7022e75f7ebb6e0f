import type { Column } from '../columns/schema.js';
import type { ArithmeticOp, ComparisonOp } from './syntax.js';
import type { Slot } from './workspace.js';

/**
 * A checked expression: names are resolved to columns, and types fit. `constant` means that it contains
 * no column, so that one evaluation is enough.
 */
export type TypedExpression = NumberExpression | BooleanExpression | StringExpression | InstantExpression;

/** A column of the batch; `slot` is its index into `Workspace.columns`. */
interface ColumnNode {
  readonly kind: 'column';
  readonly slot: number;
  readonly column: Column;
  readonly constant: false;
}

export type NumberColumn = ColumnNode & { readonly type: 'number' };

/** Doubles; null is NaN. Columns of whole numbers are widened. */
export type NumberExpression = { readonly type: 'number'; readonly constant: boolean } & (
  | { readonly kind: 'literal'; readonly value: number; readonly integer: bigint | undefined }
  | NumberColumn
  /** A value that was already computed. Only the compiler makes these nodes. */
  | { readonly kind: 'given'; readonly values: Slot<Float64Array> }
  | { readonly kind: 'negate'; readonly of: NumberExpression }
  | {
      readonly kind: 'arithmetic';
      readonly op: ArithmeticOp;
      readonly left: NumberExpression;
      readonly right: NumberExpression;
    }
  | { readonly kind: 'call'; readonly name: NumberFunction; readonly args: readonly NumberExpression[] }
  | Choice<NumberExpression>
);

export type NumberFunction =
  | 'abs'
  | 'min'
  | 'max'
  | 'round'
  | 'floor'
  | 'ceil'
  | 'sqrt'
  | 'log'
  | 'log10'
  | 'exp'
  | 'sign'
  | 'coalesce';

/** 64-bit integers, compared exactly, without conversion to doubles. */
export type WordsExpression =
  | ColumnNode
  | { readonly kind: 'literal'; readonly value: bigint; readonly constant: true };

/** An instant, in ns since 1970 UTC. */
export type InstantExpression = WordsExpression & { readonly type: 'instant' };

/** Ids in a dictionary; null is −1. Enum columns count as strings. */
export type StringExpression = { readonly type: 'string'; readonly constant: boolean } & (
  | { readonly kind: 'literal'; readonly value: string | null }
  | ColumnNode
  | Choice<StringExpression>
);

/** True or false, never null. */
export type BooleanExpression = { readonly type: 'boolean'; readonly constant: boolean } & (
  | { readonly kind: 'literal'; readonly value: boolean }
  | ColumnNode
  | { readonly kind: 'not'; readonly of: BooleanExpression }
  | { readonly kind: 'and'; readonly parts: readonly BooleanExpression[] }
  | { readonly kind: 'or'; readonly parts: readonly BooleanExpression[] }
  | ({ readonly kind: 'compareNumbers'; readonly op: ComparisonOp } & Pair<NumberExpression>)
  | ({ readonly kind: 'compareWords'; readonly op: ComparisonOp } & Pair<WordsExpression>)
  | ({ readonly kind: 'compareStrings'; readonly equal: boolean } & Pair<StringExpression>)
  | ({ readonly kind: 'compareBooleans'; readonly equal: boolean } & Pair<BooleanExpression>)
  | {
      readonly kind: 'between';
      readonly negated: boolean;
      readonly of: NumberExpression;
      readonly low: NumberExpression;
      readonly high: NumberExpression;
    }
  | {
      readonly kind: 'inNumbers';
      readonly negated: boolean;
      readonly of: NumberExpression;
      readonly items: readonly number[];
    }
  | {
      readonly kind: 'inStrings';
      readonly negated: boolean;
      readonly of: StringExpression;
      readonly items: readonly string[];
    }
  | { readonly kind: 'isNullNumber'; readonly of: NumberExpression }
  | { readonly kind: 'isNullString'; readonly of: StringExpression }
  | Choice<BooleanExpression>
);

interface Pair<Side> {
  readonly left: Side;
  readonly right: Side;
}

interface Choice<Branch> {
  readonly kind: 'choice';
  readonly condition: BooleanExpression;
  readonly yes: Branch;
  readonly no: Branch;
}
