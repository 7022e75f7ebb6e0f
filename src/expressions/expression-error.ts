import { RuntimeError } from '../core/errors.js';
import { cutText } from '../core/shown-text.js';

/** A message shows at most this many characters of an expression. */
const SHOWN_MAX = 80;

/** A syntax or type error in an expression, with a caret under the place. */
export class ExpressionError extends RuntimeError {
  override readonly name = 'ExpressionError';
  override readonly code = 'EXPRESSION_INVALID';
  /** Characters before the mistake in the whole text. */
  readonly offset: number;

  /**
   * @param text - The whole expression.
   * @param offset - Characters before the mistake.
   * @param complaint - What was expected and what was found.
   */
  constructor(text: string, offset: number, complaint: string) {
    const lineStart = text.slice(0, offset).lastIndexOf('\n') + 1;
    const lineEnd = text.indexOf('\n', offset);
    const line = text.slice(lineStart, lineEnd < 0 ? text.length : lineEnd);
    const column = offset - lineStart;
    const lineNumber = text.slice(0, lineStart).split('\n').length;
    const where = text.includes('\n') ? `line ${lineNumber}, column ${column + 1}` : `column ${column + 1}`;
    super(`${complaint} (${where})\n${pointAt(line, column)}`);
    this.offset = offset;
  }
}

/** Shows the line (if it is long, only a window around the place) and a caret under the place. */
function pointAt(line: string, column: number): string {
  const from = line.length <= SHOWN_MAX ? 0 : Math.max(0, Math.min(column - 40, line.length - SHOWN_MAX));
  const to = Math.min(line.length, from + SHOWN_MAX);
  const before = from > 0 ? '…' : '';
  const after = to < line.length ? '…' : '';
  // A tab or another control character would misplace the caret.
  const shown = line.slice(from, to).replace(/\p{Cc}/gu, ' ');
  return `    ${before}${shown}${after}\n    ${' '.repeat(before.length + column - from)}^`;
}

/** Quotes an untrusted text, truncated and without control characters. */
export function quote(text: string): string {
  return `"${cutText(text).replace(/\p{Cc}/gu, ' ')}"`;
}
