import type { Schema } from '../columns/schema.js';
import { ExpressionError } from './expression-error.js';
import { readExpression } from './read-expression.js';
import { Scope } from './scope.js';
import type { BooleanExpression } from './typed-expression.js';

/**
 * Reads an expression that holds or does not hold for a row.
 * @throws {ExpressionError} also if its value is of another type.
 */
export function readCondition(text: string, input: Schema): BooleanExpression {
  const typed = readExpression(text, new Scope(input));
  if (typed.type === 'boolean') return typed;
  const hint = typed.type === 'number' ? ', such as "bid > 0"' : '';
  throw new ExpressionError(
    text,
    0,
    `expected a condition${hint}, found ${typed.type === 'instant' ? 'an' : 'a'} ${typed.type}`,
  );
}
