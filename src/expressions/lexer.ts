import { ExpressionError, quote } from './expression-error.js';

/** Maximum length of an expression, in characters. */
export const TEXT_LENGTH_MAX = 10_000;

export interface Token {
  /** `word`: a name or keyword as written; `name`: a name in backticks, never a keyword. */
  readonly kind: 'number' | 'string' | 'word' | 'name' | 'operator' | 'end';
  /** The text as written; for a string or a name in backticks, without its quotes. */
  readonly text: string;
  readonly at: number;
}

const SPACE = /\s+/y;
const NUMBER = /(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const WORD = /[\p{L}_][\p{L}\p{N}_]*/uy;
const OPERATOR = /<=|>=|<>|==|!=|&&|\|\||[-+*/%<>=!(),]/y;

/** @throws {ExpressionError} at the first character that cannot start a token. */
export function tokenize(text: string): Token[] {
  if (text.length > TEXT_LENGTH_MAX) {
    throw new ExpressionError(
      text,
      TEXT_LENGTH_MAX,
      `expected at most ${TEXT_LENGTH_MAX} characters, found ${text.length}`,
    );
  }
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };
  for (;;) {
    at += match(SPACE)?.length ?? 0;
    if (at >= text.length) break;
    const start = at;
    const first = text[at]!;
    if (first === "'" || first === '"' || first === '`') {
      const inside = readQuoted(text, at, first);
      tokens.push({ kind: first === '`' ? 'name' : 'string', text: inside.value, at });
      at = inside.end;
      continue;
    }
    const number = match(NUMBER);
    if (number !== undefined) {
      at += number.length;
      const glued = match(WORD) ?? (text[at] === '.' ? '.' : undefined);
      if (glued !== undefined) {
        throw new ExpressionError(
          text,
          start,
          `expected a number, found ${quote(number + glued)}; put a name that begins with a digit in backticks`,
        );
      }
      tokens.push({ kind: 'number', text: number, at: start });
      continue;
    }
    const word = match(WORD);
    const found = word ?? match(OPERATOR);
    if (found === undefined) {
      const character = String.fromCodePoint(text.codePointAt(at)!);
      throw new ExpressionError(
        text,
        at,
        `expected a number, a string, a column or an operator, found ${quote(character)}${hintFor(character)}`,
      );
    }
    tokens.push({ kind: word === undefined ? 'operator' : 'word', text: found, at });
    at += found.length;
  }
  tokens.push({ kind: 'end', text: '', at: text.length });
  return tokens;
}

/** Reads a quoted text. As in SQL, a doubled quote stands for one, and a backslash is an ordinary character. */
function readQuoted(text: string, at: number, mark: string): { value: string; end: number } {
  let value = '';
  for (let from = at + 1; ; ) {
    const close = text.indexOf(mark, from);
    if (close < 0) {
      const what = mark === '`' ? 'column name' : 'string';
      throw new ExpressionError(text, at, `expected a closing ${mark} for this ${what}, found the end`);
    }
    value += text.slice(from, close);
    if (text[close + 1] !== mark) return { value, end: close + 1 };
    value += mark;
    from = close + 2;
  }
}

function hintFor(character: string): string {
  if (character === '&') return '; write "and" or "&&"';
  if (character === '|') return '; write "or" or "||"';
  if (character === '.') return '; put a column name with a dot in backticks: `a.b`';
  return '';
}
