import { checkExpression } from './checker.js';
import { parseExpression } from './parser.js';
import type { Scope } from './scope.js';
import type { TypedExpression } from './typed-expression.js';

/**
 * Parses and checks an expression. It is never evaluated as code.
 *
 * @throws {ExpressionError} with the place of the mistake.
 * @throws {BrokenColumnError} if it uses a column whose own expression has an error.
 */
export function readExpression(text: string, scope: Scope): TypedExpression {
  return checkExpression(text, parseExpression(text), scope);
}
