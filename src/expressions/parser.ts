import { ExpressionError, quote } from './expression-error.js';
import { type Token, tokenize } from './lexer.js';
import type { ArithmeticOp, ComparisonOp, Syntax } from './syntax.js';

/** Maximum nesting of an expression. */
export const DEPTH_MAX = 100;

const KEYWORDS = new Set(['and', 'or', 'not', 'in', 'between', 'is', 'null', 'true', 'false']);

const COMPARISONS: ReadonlyMap<string, ComparisonOp> = new Map([
  ['<', '<'],
  ['<=', '<='],
  ['>', '>'],
  ['>=', '>='],
  ['=', '=='],
  ['==', '=='],
  ['!=', '!='],
  ['<>', '!='],
]);

/**
 * Parses an expression. From the loosest binding to the tightest: or, and, not, comparison (with in,
 * between, is null), + −, * / %, unary −.
 *
 * @throws {ExpressionError} at the first syntax error.
 */
export function parseExpression(text: string): Syntax {
  return new Parser(text).parse();
}

/** Distributes over the union, so that the fields of each kind are still checked. */
type WithoutDepth<T> = T extends unknown ? Omit<T, 'depth'> : never;

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #next = 0;
  #nesting = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  parse(): Syntax {
    if (this.#peek().kind === 'end') throw this.#error(0, 'expected an expression, found an empty text');
    const syntax = this.#or();
    if (this.#peek().kind !== 'end') throw this.#unexpected('an operator or the end');
    return syntax;
  }

  #or(): Syntax {
    return this.#list('or', ['or', '||'], () => this.#and());
  }

  #and(): Syntax {
    return this.#list('and', ['and', '&&'], () => this.#not());
  }

  /** Parses a chain of `and` or `or` as one flat node, so that a long chain does not count as deep. */
  #list(kind: 'and' | 'or', names: readonly string[], part: () => Syntax): Syntax {
    const first = part();
    const at = this.#peek().at;
    if (!this.#takeAny(names)) return first;
    const parts = [first, part()];
    while (this.#takeAny(names)) parts.push(part());
    return this.#node({ kind, at, parts }, parts);
  }

  #not(): Syntax {
    const { at } = this.#peek();
    if (!this.#takeAny(['not', '!'])) return this.#comparison();
    const of = this.#nested(at, () => this.#not());
    return this.#node({ kind: 'not', at, of }, [of]);
  }

  #comparison(): Syntax {
    const left = this.#sum();
    const compared = this.#comparisonAfter(left);
    if (compared === left) return left;
    const { at } = this.#peek();
    if (this.#comparisonAfter(compared, true) !== compared) {
      throw this.#error(
        at,
        'expected "and", "or" or the end: comparisons do not chain; write "a < b and b < c"',
      );
    }
    return compared;
  }

  /**
   * Parses a comparison after `left`; returns `left` itself if none follows. With `probe`, it only checks
   * whether one follows, and consumes nothing.
   */
  #comparisonAfter(left: Syntax, probe = false): Syntax {
    const { at } = this.#peek();
    const token = this.#peek();
    const op = token.kind === 'operator' ? COMPARISONS.get(token.text) : undefined;
    const starts =
      op !== undefined ||
      this.#isAny(['in', 'between', 'is']) ||
      (this.#isAny(['not']) && this.#isAny(['in', 'between'], 1));
    if (!starts) return left;
    if (probe) return { kind: 'null', at, depth: 1 };
    if (op !== undefined) {
      this.#next++;
      const right = this.#sum();
      return this.#node({ kind: 'comparison', at, op, left, right }, [left, right]);
    }
    if (this.#takeAny(['is'])) {
      const negated = this.#takeAny(['not']);
      if (!this.#takeAny(['null'])) throw this.#unexpected(negated ? '"null"' : '"null" or "not null"');
      return this.#node({ kind: 'isNull', at, negated, of: left }, [left]);
    }
    const negated = this.#takeAny(['not']);
    if (this.#takeAny(['in'])) {
      const items = this.#items();
      return this.#node({ kind: 'in', at, negated, of: left, items }, [left, ...items]);
    }
    this.#next++; // between
    const low = this.#sum();
    if (!this.#takeAny(['and', '&&'])) throw this.#unexpected('"and" and the upper bound of "between"');
    const high = this.#sum();
    return this.#node({ kind: 'between', at, negated, of: left, low, high }, [left, low, high]);
  }

  #items(): Syntax[] {
    this.#expect('(', '"(" and a list after "in"');
    const items = [this.#item()];
    while (this.#takeAny([','])) items.push(this.#item());
    this.#expect(')', '"," or ")"');
    return items;
  }

  #item(): Syntax {
    const token = this.#peek();
    const negative = this.#takeAny(['-']);
    const { kind } = this.#peek();
    if (kind === 'number' || (kind === 'string' && !negative)) {
      const literal = this.#primary();
      return negative && literal.kind === 'number' ? negated(literal, token.at) : literal;
    }
    throw this.#unexpected('a number or a string in the list after "in"');
  }

  #sum(): Syntax {
    return this.#chain(['+', '-'], () => this.#product());
  }

  #product(): Syntax {
    return this.#chain(['*', '/', '%'], () => this.#unary());
  }

  #chain(ops: readonly ArithmeticOp[], operand: () => Syntax): Syntax {
    let left = operand();
    for (;;) {
      const { at, text } = this.#peek();
      if (!this.#takeAny(ops)) return left;
      const right = operand();
      left = this.#node({ kind: 'arithmetic', at, op: text as ArithmeticOp, left, right }, [left, right]);
    }
  }

  #unary(): Syntax {
    const { at } = this.#peek();
    if (!this.#takeAny(['-'])) return this.#primary();
    const of = this.#nested(at, () => this.#unary());
    return of.kind === 'number' ? negated(of, at) : this.#node({ kind: 'negate', at, of }, [of]);
  }

  #primary(): Syntax {
    const token = this.#peek();
    const { at } = token;
    switch (token.kind) {
      case 'number': {
        this.#next++;
        const value = Number(token.text);
        if (!Number.isFinite(value)) throw this.#error(at, 'expected a number below 1.8e308');
        const integer = /^\d+$/.test(token.text) ? BigInt(token.text) : exactInteger(value);
        return { kind: 'number', at, depth: 1, value, integer };
      }
      case 'string':
        this.#next++;
        return { kind: 'string', at, depth: 1, value: token.text };
      case 'name':
        this.#next++;
        return { kind: 'name', at, depth: 1, name: token.text };
      case 'word':
        return this.#word(token);
      case 'operator':
        if (token.text === '(') {
          this.#next++;
          const inside = this.#nested(at, () => this.#or());
          this.#expect(')', 'an operator or ")"');
          return inside;
        }
        throw this.#unexpected(OPERAND);
      case 'end':
        throw this.#unexpected(OPERAND);
    }
  }

  #word({ text, at }: Token): Syntax {
    const keyword = text.toLowerCase();
    if (this.#isAny(['('], 1) && !KEYWORDS.has(keyword)) {
      this.#next += 2;
      const args: Syntax[] = [];
      if (!this.#takeAny([')'])) {
        do args.push(this.#nested(at, () => this.#or()));
        while (this.#takeAny([',']));
        this.#expect(')', 'an operator, "," or ")"');
      }
      return this.#node({ kind: 'call', at, name: text, args }, args);
    }
    if (keyword === 'true' || keyword === 'false') {
      this.#next++;
      return { kind: 'boolean', at, depth: 1, value: keyword === 'true' };
    }
    if (keyword === 'null') {
      this.#next++;
      return { kind: 'null', at, depth: 1 };
    }
    if (KEYWORDS.has(keyword)) throw this.#unexpected(`${OPERAND} (a column of that name goes in backticks)`);
    this.#next++;
    return { kind: 'name', at, depth: 1, name: text };
  }

  /** Bounds the recursion of the parser itself. */
  #nested(at: number, read: () => Syntax): Syntax {
    if (++this.#nesting > DEPTH_MAX) throw this.#tooDeep(at);
    const syntax = read();
    this.#nesting--;
    return syntax;
  }

  /** Bounds the recursion of everything that walks the tree later. */
  #node(syntax: WithoutDepth<Syntax>, children: readonly Syntax[]): Syntax {
    let depth = 0;
    for (const child of children) depth = Math.max(depth, child.depth);
    if (depth + 1 > DEPTH_MAX) throw this.#tooDeep(syntax.at);
    return { ...syntax, depth: depth + 1 } as Syntax;
  }

  #tooDeep(at: number): ExpressionError {
    return this.#error(
      at,
      `expected at most ${DEPTH_MAX} levels of nesting; split it into several derived columns`,
    );
  }

  #peek(): Token {
    // The last token is "end", and nothing steps past it.
    return this.#tokens[this.#next]!;
  }

  #isAny(names: readonly string[], ahead = 0): boolean {
    const token = this.#tokens[this.#next + ahead];
    if (token?.kind === 'operator') return names.includes(token.text);
    return token?.kind === 'word' && names.includes(token.text.toLowerCase());
  }

  #takeAny(names: readonly string[]): boolean {
    const found = this.#isAny(names);
    if (found) this.#next++;
    return found;
  }

  #expect(operator: string, expected: string): void {
    if (!this.#takeAny([operator])) throw this.#unexpected(expected);
  }

  #unexpected(expected: string): ExpressionError {
    const { kind, text, at } = this.#peek();
    let found = quote(text);
    if (kind === 'end') found = 'the end';
    else if (kind === 'string') found = `the string ${quote(text)}`;
    else if (kind === 'name') found = `the column ${quote(text)}`;
    return this.#error(at, `expected ${expected}, found ${found}`);
  }

  #error(at: number, complaint: string): ExpressionError {
    return new ExpressionError(this.#text, at, complaint);
  }
}

const OPERAND = 'a number, a string, a column, a function or "("';

function negated(literal: Syntax & { kind: 'number' }, at: number): Syntax {
  const integer = literal.integer === undefined ? undefined : -literal.integer;
  return { ...literal, at, value: -literal.value, integer };
}

function exactInteger(value: number): bigint | undefined {
  return Number.isSafeInteger(value) ? BigInt(value) : undefined;
}
