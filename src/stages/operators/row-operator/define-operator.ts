import { kindOfColumns } from '../../../columns/kind-of-columns.js';
import type { Schema } from '../../../columns/schema.js';
import { assertMapping, lackingMethods } from '../../../core/assert-argument.js';
import { InvalidOptionsError } from '../../../core/errors.js';
import type { OperatorFactory, PlanProblems } from '../../../engine/factories.js';
import type { Operator } from '../../../engine/operator.js';
import type { StageContext } from '../../../engine/stage.js';
import { createRowOperator } from './row-operator.js';
import type { RowOperatorDefinition } from './row-operator-definition.js';

/** A user's operator that works on columns. */
export interface OperatorDefinition<Options> {
  /**
   * Whether its rows leave with a different `time`. Used if the operator itself does not say
   * (`Operator.changesTime`).
   */
  changesTime?: boolean;
  /**
   * Returns the output schema, or reports problems with the options. Without it, the output schema is the
   * input schema. Must open nothing, since it may run in a different thread from the operator itself.
   */
  plan?(options: Options, input: Schema, problems: PlanProblems): Schema;
  /**
   * Creates the operator, in the thread that runs the pipeline. The operator owns each batch that it
   * receives: it must either emit it, changed or not, or release it.
   */
  create(options: Options, input: Schema, context: StageContext): Operator;
}

/**
 * Defines an operator that works on columns, in the shape that the `module` operator loads.
 *
 * ```js
 * export default defineOperator({
 *   create: (options, input) => ({
 *     output: input,
 *     process(batch, emit) {
 *       const bid = batch.float64('bid');
 *       for (let row = 0; row < batch.length; row++) bid[row] *= options.factor;
 *       emit(batch);
 *     },
 *   }),
 * });
 * ```
 */
export function defineOperator<Options = unknown>(
  definition: OperatorDefinition<Options>,
): OperatorFactory<Options> {
  assertDefinition('defineOperator', 'create', definition);
  return {
    plan: (options, input, problems) => definition.plan?.(options, input, problems) ?? input,
    create(options, input, context) {
      const operator = definition.create(options, input, context);
      // Set on the object itself, which may be an instance of a user's class with fields of its own.
      if (definition.changesTime && operator?.changesTime === undefined) {
        Object.defineProperty(operator, 'changesTime', { value: true });
      }
      return operator;
    },
  };
}

/**
 * Defines an operator that works row by row. Costs about ten times as much as a loop over columns.
 *
 * ```js
 * export default defineRowOperator({
 *   columns: [{ name: 'change', type: 'float64', nullable: true }],
 *   state: () => ({ last: {} }),
 *   onRow(row, { state }) {
 *     row.change = row.price - (state.last[row.symbol] ?? row.price);
 *     state.last[row.symbol] = row.price;
 *     return row.change !== 0; // false drops the row
 *   },
 * });
 * ```
 */
export function defineRowOperator<Options = unknown, State = undefined>(
  definition: RowOperatorDefinition<Options, State>,
): OperatorFactory<Options> {
  assertDefinition('defineRowOperator', 'onRow', definition);
  const outputOf = (options: Options, input: Schema): Schema => {
    const { columns = [] } = definition;
    const added = typeof columns === 'function' ? columns(options, input) : columns;
    const all = [...input.columns, ...added];
    return { kind: kindOfColumns(input.kind, all), columns: all };
  };
  return {
    plan(options, input, problems) {
      const output = outputOf(options, input);
      for (const { name } of output.columns.slice(input.columns.length)) {
        if (output.columns.filter((column) => column.name === name).length > 1) {
          problems.add([], `the operator adds a column "${name}", which already exists`);
        }
      }
      definition.check?.(options, input, problems);
      return output;
    },
    create: (options, input, context) =>
      createRowOperator(definition, { options, input, output: outputOf(options, input), stage: context }),
  };
}

function assertDefinition(call: string, method: string, definition: object): void {
  assertMapping(call, definition);
  const problems = lackingMethods({ key: method, what: 'an operator', methods: [method] }, definition);
  if (problems.length > 0) throw new InvalidOptionsError(call, problems);
}
