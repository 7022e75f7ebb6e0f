import { eventTimeIndex, type Schema } from '../../../columns/schema.js';
import type { PlanProblems } from '../../../engine/factories.js';
import { equalColumns, pathOfInput } from '../../../engine/inputs/equal-columns.js';

/**
 * The columns of the merged rows, `time` among them.
 *
 * @param inputs - By id; at least one.
 * @param problems - Receives what differs, and what is missing. Left out if the inputs are known to fit.
 */
export function mergedSchema(
  inputs: Readonly<Record<string, Schema>>,
  problems?: PlanProblems,
): Schema | undefined {
  const [[firstId, first] = []] = Object.entries(inputs);
  if (firstId !== undefined && first !== undefined && eventTimeIndex(first) < 0) {
    problems?.add(
      pathOfInput(firstId),
      'expected rows with a timestamp column "time", which they are merged by, found none: make one with ' +
        '"operators" of this source',
    );
  }
  return equalColumns(inputs, problems);
}
