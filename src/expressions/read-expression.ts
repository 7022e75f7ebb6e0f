import { checkExpression } from './checker.js';
import { parseExpression } from './parser.js';
import type { Scope } from './scope.js';
import type { TypedExpression } from './typed-expression.js';

/**
 * Parses and checks an expression. Nothing of it is ever evaluated as code.
 *
 * @throws {ExpressionError} with the place of the mistake.
 * @throws {BrokenColumnError} when it names a column whose own expression is at fault.
 */
export function readExpression(text: string, scope: Scope): TypedExpression {
  return checkExpression(text, parseExpression(text), scope);
}
