import type { Schema } from '../../../columns/schema.js';
import { thinRows } from '../../../columns/selection.js';
import { invariant } from '../../../core/invariant.js';
import type { OperatorFactory } from '../../../engine/factories.js';
import type { Operator } from '../../../engine/operator.js';
import type { StageContext } from '../../../engine/stage.js';
import { BatchCompiler } from '../../../expressions/batch-compiler.js';
import { ExpressionError } from '../../../expressions/expression-error.js';
import { allMarked } from '../../../expressions/mask-kernels.js';
import { readCondition } from '../../../expressions/read-condition.js';
import type { BooleanExpression } from '../../../expressions/typed-expression.js';
import { Workspace } from '../../../expressions/workspace.js';
import type { FilterOptions } from './options.js';

/** Passes on rows that meet a condition, in the same batch. */
export const filterOperator: OperatorFactory<FilterOptions> = {
  plan({ where }, input, problems) {
    try {
      readCondition(where, input);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      problems.add(['where'], error.message);
    }
    return input;
  },

  create({ where }, input, context) {
    return createFilter(readCondition(where, input), input, context);
  },
};

function createFilter(
  condition: BooleanExpression,
  input: Schema,
  { dictionaries, batchRows, memory }: StageContext,
): Operator {
  const workspace = new Workspace(batchRows);
  const mask = workspace.takeMask();
  const mark = new BatchCompiler(workspace, dictionaries).mask(condition, mask);
  let filtered = 0;
  return {
    output: input,
    readsOnly: true,
    open: () => workspace.charge(memory.share('expressions')),
    close: () => workspace.close(),
    process(batch, emit) {
      const { length, columns } = batch;
      invariant(columns.length === input.columns.length, 'a filter gets batches of its input schema');
      if (length > 0) {
        workspace.begin(columns, length);
        mark();
        if (!allMarked(mask.data, length)) filtered += thinRows(batch, mask.data.bytes);
      }
      if (batch.isEmpty) batch.release();
      else emit(batch);
    },
    tally: () => ({ filtered }),
  };
}
