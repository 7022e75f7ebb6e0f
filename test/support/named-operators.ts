import type { Operator } from '../../src/engine/operator.js';
import { type NamedOperator, OperatorRows } from '../../src/engine/operator-rows.js';

/** Operators as a pipeline has them. @param within - The path of what they are in, with a dot behind it. */
export const namedOperators = (stages: readonly Operator[], within = ''): readonly NamedOperator[] =>
  stages.map((stage, i) => ({
    id: `${within}operators[${i}]`,
    use: `operator-${i}`,
    stage,
    rows: new OperatorRows(stage),
  }));
