import type { Batch } from '../../../columns/batch.js';
import { kindOfColumns } from '../../../columns/kind-of-columns.js';
import { moveColumn } from '../../../columns/move-column.js';
import { type Column, type ColumnData, columnIndex, type Schema } from '../../../columns/schema.js';
import { extentOf } from '../../../columns/selection.js';
import { invariant } from '../../../core/invariant.js';
import type { OperatorFactory, PlanProblems } from '../../../engine/factories.js';
import type { Operator } from '../../../engine/operator.js';
import { handOver, OutputBatches } from '../../../engine/output-batches.js';
import type { StageContext } from '../../../engine/stage.js';
import { BatchCompiler } from '../../../expressions/batch-compiler.js';
import { BrokenColumnError } from '../../../expressions/checker.js';
import { ExpressionError } from '../../../expressions/expression-error.js';
import { readExpression } from '../../../expressions/read-expression.js';
import { Scope } from '../../../expressions/scope.js';
import type { TypedExpression } from '../../../expressions/typed-expression.js';
import { Workspace } from '../../../expressions/workspace.js';
import type { DeriveOptions } from './options.js';
import { compileStore } from './store-column.js';

/**
 * Adds or replaces columns by expressions. The other columns are passed on without a copy.
 *
 * A bare column keeps its type. Numbers become float64 (NaN is null), conditions boolean, strings string.
 */
export const deriveOperator: OperatorFactory<DeriveOptions> = {
  plan(options, input, problems) {
    return planColumns(options, input, problems).output;
  },

  create(options, input, context) {
    return createDerive(planColumns(options, input, undefined), input, context);
  },
};

/** A derived column and the expression for its values. */
interface Derived {
  readonly column: Column;
  readonly expression: TypedExpression;
}

interface DerivePlan {
  readonly output: Schema;
  readonly derived: readonly Derived[];
}

/** @throws {ExpressionError} if there is no `problems` to add to. */
function planColumns(
  { columns }: DeriveOptions,
  input: Schema,
  problems: PlanProblems | undefined,
): DerivePlan {
  const scope = new Scope(input);
  const derived: Derived[] = [];
  const output = [...input.columns];
  for (const [name, given] of Object.entries(columns)) {
    const { value, type } = typeof given === 'string' ? { value: given, type: undefined } : given;
    let column: Column = { name, type: type ?? 'float64', nullable: true };
    try {
      const expression = readExpression(value, scope);
      column = columnOf(name, expression, type, value);
      scope.add(column, input.columns.length + derived.length);
      derived.push({ column, expression });
    } catch (error) {
      if (!(error instanceof ExpressionError || error instanceof BrokenColumnError) || !problems) throw error;
      if (error instanceof ExpressionError) {
        problems.add(
          typeof given === 'string' ? ['columns', name] : ['columns', name, 'value'],
          error.message,
        );
      }
      scope.addBroken(name);
    }
    const at = output.findIndex((known) => known.name === name);
    if (at < 0) output.push(column);
    else output[at] = column;
  }
  return { output: { kind: kindOfColumns(input.kind, output), columns: output }, derived };
}

/**
 * The column that holds an expression's values.
 *
 * @throws {ExpressionError} if `type` cannot hold them.
 */
function columnOf(
  name: string,
  expression: TypedExpression,
  type: 'float64' | 'boolean' | 'string' | undefined,
  text: string,
): Column {
  if (expression.kind === 'column' && (type === undefined || type === expression.column.type)) {
    const { column } = expression;
    // The copy shares its ids with the original.
    return column.type === 'string'
      ? { ...column, name, dictionary: column.dictionary ?? column.name }
      : { ...column, name };
  }
  const natural = { number: 'float64', boolean: 'boolean', string: 'string', instant: 'timestamp' } as const;
  const found = natural[expression.type];
  if (found === 'timestamp' || (type !== undefined && type !== found)) {
    throw new ExpressionError(text, 0, `expected an expression of type ${type}, found one of type ${found}`);
  }
  if (found === 'boolean') return { name, type: found };
  const isNever = expression.kind === 'literal' && expression.value !== null;
  return isNever ? { name, type: found } : { name, type: found, nullable: true };
}

/** Where a column of the output comes from. */
interface Move {
  readonly from: number;
  readonly to: number;
}

function createDerive(
  { output, derived }: DerivePlan,
  input: Schema,
  { dictionaries, batchRows, memory }: StageContext,
): Operator {
  const workspace = new Workspace(batchRows);
  const compiler = new BatchCompiler(workspace, dictionaries);
  const batches = new OutputBatches(output, batchRows, dictionaries);
  const stores = derived.map(({ column, expression }) => ({
    store: compileStore(compiler, expression, column),
    at: columnIndex(output, column.name),
  }));
  const targets = new Set(derived.map(({ column }) => column.name));
  const moves: Move[] = [];
  input.columns.forEach(({ name }, from) => {
    if (!targets.has(name)) moves.push({ from, to: columnIndex(output, name) });
  });
  // The input's columns, then the derived ones, as numbered by the scope.
  const columns: ColumnData[] = [];

  return {
    output,
    takesSelections: true,
    readsOnly: true,
    changesTime: targets.has('time'),
    open: () => workspace.charge(memory.share('expressions')),
    close: () => workspace.close(),
    process(batch, emit) {
      invariant(batch.columns.length === input.columns.length, 'derive gets batches of its input schema');
      const target = batches.acquire(batch.capacity);
      compute(batch, target);
      for (const { from, to } of moves) moveColumn(batch, from, target, to);
      handOver(batch, target);
      emit(target);
    },
    tally: () => ({}),
  };

  function compute(batch: Batch, target: Batch): void {
    columns.length = 0;
    for (const column of batch.columns) columns.push(column);
    for (const { at } of stores) columns.push(target.columns[at]!);
    // Computes rows that are not selected, too: they are between the others, and no value can fail.
    workspace.begin(columns, extentOf(batch));
    for (const { store, at } of stores) store(target.columns[at]!);
    columns.length = 0;
  }
}
