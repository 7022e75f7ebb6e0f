import type { Column, ColumnData } from '../../../columns/schema.js';
import { unreachable } from '../../../core/invariant.js';
import type { Compiler } from '../../../expressions/compiler.js';
import type { TypedExpression } from '../../../expressions/typed-expression.js';
import type { Slot } from '../../../expressions/workspace.js';

/** Writes an expression's values for the current rows into a column of the planned type. */
export type StoreStep = (target: ColumnData) => void;

export function compileStore(compiler: Compiler, expression: TypedExpression, column: Column): StoreStep {
  const { workspace } = compiler;
  if (expression.kind === 'column' && expression.column.type === column.type) {
    const { slot } = expression;
    return (target) => copy(workspace.columns[slot]!, target);
  }
  switch (expression.type) {
    case 'number': {
      const out: Slot<Float64Array> = { data: new Float64Array(0) };
      const step = compiler.floats(expression, out);
      return (target) => {
        // The cast holds: numbers are planned as float64.
        out.data = target as Float64Array;
        const values = step();
        if (values !== target) copy(values, target);
      };
    }
    case 'string': {
      const out: Slot<Int32Array> = { data: new Int32Array(0) };
      const step = compiler.ids(expression, compiler.dictionaryOf(column), out);
      return (target) => {
        out.data = target as Int32Array;
        const values = step();
        if (values !== target) copy(values, target);
      };
    }
    case 'boolean': {
      const mask = workspace.takeMask();
      const step = compiler.mask(expression, mask);
      workspace.giveMask(mask);
      return (target) => {
        step();
        // Masks are written word by word, and a column need not be aligned to words.
        (target as Uint8Array).set(mask.data.bytes.subarray(0, workspace.rows));
      };
    }
    case 'instant':
      // An instant can only be a bare column.
      throw new TypeError('an instant is copied');
    default:
      return unreachable(expression);
  }
}

function copy(from: ColumnData, to: ColumnData): void {
  to.set(from);
}
