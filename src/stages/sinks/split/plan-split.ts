import type { Schema } from '../../../columns/schema.js';
import type { PlanProblems } from '../../../engine/factories.js';
import { ExpressionError } from '../../../expressions/expression-error.js';
import { readCondition } from '../../../expressions/read-condition.js';
import type { SplitSinkOptions } from './options.js';

/**
 * Checks the conditions of the routes for these columns.
 *
 * @param problems - Receives what is wrong, with paths within the options.
 */
export function planSplit({ routes }: SplitSinkOptions, input: Schema, problems: PlanProblems): void {
  for (const [name, { when }] of Object.entries(routes)) {
    try {
      readCondition(when, input);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      problems.add(['routes', name, 'when'], error.message);
    }
  }
}
