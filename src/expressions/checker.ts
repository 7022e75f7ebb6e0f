import { suggestName } from '../core/nearest-name.js';
import { ExpressionError, quote } from './expression-error.js';
import { parseInstant } from './instant.js';
import type { Scope } from './scope.js';
import type { ComparisonOp, Syntax } from './syntax.js';
import type {
  BooleanExpression,
  InstantExpression,
  NumberExpression,
  NumberFunction,
  StringExpression,
  TypedExpression,
  WordsExpression,
} from './typed-expression.js';

/** The functions, with how many arguments each takes. */
const FUNCTIONS: ReadonlyMap<string, { readonly min: number; readonly max: number; readonly takes: string }> =
  new Map(
    Object.entries({
      abs: { min: 1, max: 1, takes: 'one number' },
      min: { min: 2, max: 100, takes: 'two numbers or more' },
      max: { min: 2, max: 100, takes: 'two numbers or more' },
      round: { min: 1, max: 2, takes: 'a number and optionally the number of decimals (0 to 15)' },
      floor: { min: 1, max: 1, takes: 'one number' },
      ceil: { min: 1, max: 1, takes: 'one number' },
      sqrt: { min: 1, max: 1, takes: 'one number' },
      log: { min: 1, max: 1, takes: 'one number' },
      log10: { min: 1, max: 1, takes: 'one number' },
      exp: { min: 1, max: 1, takes: 'one number' },
      sign: { min: 1, max: 1, takes: 'one number' },
      coalesce: { min: 2, max: 100, takes: 'two numbers or more' },
      if: { min: 3, max: 3, takes: 'a condition and two values' },
    }),
  );

const INT64_MAX = 2n ** 63n - 1n;

/** Thrown in place of an error that would only repeat one already reported. */
export class BrokenColumnError extends Error {
  override readonly name = 'BrokenColumnError';
}

/**
 * Resolves names and checks types.
 *
 * @param text - The source of the expression, for messages.
 * @throws {ExpressionError} at the first type error.
 * @throws {BrokenColumnError} if it uses a column that the scope has marked as broken.
 */
export function checkExpression(text: string, syntax: Syntax, scope: Scope): TypedExpression {
  const checker = new Checker(text, scope);
  const typed = checker.check(syntax);
  if (typed.type === 'null')
    throw new ExpressionError(text, syntax.at, 'expected a value of a known type, found null');
  return typed;
}

/** The `null` literal, until the other branch of an `if` determines its type. */
interface NullExpression {
  readonly type: 'null';
  readonly constant: true;
}

type Checked = TypedExpression | NullExpression;

class Checker {
  readonly #text: string;
  readonly #scope: Scope;

  constructor(text: string, scope: Scope) {
    this.#text = text;
    this.#scope = scope;
  }

  check(syntax: Syntax): Checked {
    switch (syntax.kind) {
      case 'number':
        return {
          type: 'number',
          kind: 'literal',
          value: syntax.value,
          integer: syntax.integer,
          constant: true,
        };
      case 'string':
        return { type: 'string', kind: 'literal', value: syntax.value, constant: true };
      case 'boolean':
        return { type: 'boolean', kind: 'literal', value: syntax.value, constant: true };
      case 'null':
        return { type: 'null', constant: true };
      case 'name':
        return this.#column(syntax.name, syntax.at);
      case 'negate': {
        const of = this.#number(syntax.of, 'after "-"');
        return { type: 'number', kind: 'negate', of, constant: of.constant };
      }
      case 'arithmetic': {
        const left = this.#number(syntax.left, `before "${syntax.op}"`);
        const right = this.#number(syntax.right, `after "${syntax.op}"`);
        const constant = left.constant && right.constant;
        return { type: 'number', kind: 'arithmetic', op: syntax.op, left, right, constant };
      }
      case 'not': {
        const of = this.#condition(syntax.of, 'after "not"');
        return { type: 'boolean', kind: 'not', of, constant: of.constant };
      }
      case 'and':
      case 'or': {
        const parts = syntax.parts.map((part) => this.#condition(part, `beside "${syntax.kind}"`));
        const constant = parts.every((part) => part.constant);
        return { type: 'boolean', kind: syntax.kind, parts, constant };
      }
      case 'comparison':
        return this.#compare(syntax.op, syntax.left, syntax.right, syntax.at);
      case 'between':
        return this.#between(syntax);
      case 'in':
        return this.#in(syntax);
      case 'isNull':
        return this.#isNull(syntax);
      case 'call':
        return this.#call(syntax);
    }
  }

  #column(name: string, at: number): TypedExpression {
    if (this.#scope.isBroken(name)) throw new BrokenColumnError(name);
    const found = this.#scope.find(name);
    if (!found) {
      throw this.#error(at, `unknown column ${quote(name)}${suggestName(name, this.#scope.names)}`);
    }
    const node = { kind: 'column', slot: found.slot, column: found.column, constant: false } as const;
    switch (found.column.type) {
      case 'float64':
      case 'int32':
      case 'int64':
        return { type: 'number', ...node };
      case 'string':
      case 'enum':
        return { type: 'string', ...node };
      case 'boolean':
        return { type: 'boolean', ...node };
      case 'timestamp':
        return { type: 'instant', ...node };
    }
  }

  #number(syntax: Syntax, where: string): NumberExpression {
    const typed = this.check(syntax);
    if (typed.type === 'number') return typed;
    const why =
      typed.type === 'instant'
        ? '; instants can only be compared: their nanoseconds do not fit a double'
        : '';
    throw this.#error(syntax.at, `expected a number ${where}, found ${describe(typed)}${why}`);
  }

  #condition(syntax: Syntax, where: string): BooleanExpression {
    const typed = this.check(syntax);
    if (typed.type === 'boolean') return typed;
    const hint = typed.type === 'number' ? '; compare it with something, such as "> 0"' : '';
    throw this.#error(syntax.at, `expected a condition ${where}, found ${describe(typed)}${hint}`);
  }

  #compare(op: ComparisonOp, leftSyntax: Syntax, rightSyntax: Syntax, at: number): BooleanExpression {
    let left = this.check(leftSyntax);
    let right = this.check(rightSyntax);
    if (left.type === 'null' || right.type === 'null') {
      throw this.#error(at, 'nothing equals null; write "is null" or "is not null"');
    }
    if (left.type === 'instant') right = this.#asInstant(right, rightSyntax);
    else if (right.type === 'instant') left = this.#asInstant(left, leftSyntax);

    const constant = left.constant && right.constant;
    if (left.type === 'number' && right.type === 'number') {
      const words = this.#asWords(left, right, leftSyntax, rightSyntax);
      if (words) return { type: 'boolean', kind: 'compareWords', op, ...words, constant };
      return { type: 'boolean', kind: 'compareNumbers', op, left, right, constant };
    }
    if (left.type === 'instant' && right.type === 'instant') {
      return { type: 'boolean', kind: 'compareWords', op, left, right, constant };
    }
    if (left.type === 'string' && right.type === 'string') {
      this.#refuseOrder(op, 'strings', at);
      this.#checkEnumValue(left, right, rightSyntax);
      this.#checkEnumValue(right, left, leftSyntax);
      return { type: 'boolean', kind: 'compareStrings', equal: op === '==', left, right, constant };
    }
    if (left.type === 'boolean' && right.type === 'boolean') {
      this.#refuseOrder(op, 'conditions', at);
      return { type: 'boolean', kind: 'compareBooleans', equal: op === '==', left, right, constant };
    }
    throw this.#error(at, `cannot compare ${describe(left)} with ${describe(right)}`);
  }

  #refuseOrder(op: ComparisonOp, what: string, at: number): void {
    if (op === '==' || op === '!=') return;
    throw this.#error(at, `expected "==", "!=" or "in": ${what} have no order, found "${op}"`);
  }

  /** An int64 column is compared word by word with another int64 column or a whole number. */
  #asWords(
    left: NumberExpression,
    right: NumberExpression,
    leftSyntax: Syntax,
    rightSyntax: Syntax,
  ): { left: WordsExpression; right: WordsExpression } | undefined {
    if (!isInt64(left) && !isInt64(right)) return undefined;
    const l = this.#wordsOf(left, leftSyntax);
    const r = this.#wordsOf(right, rightSyntax);
    return l && r ? { left: l, right: r } : undefined;
  }

  #wordsOf(expression: NumberExpression, syntax: Syntax): WordsExpression | undefined {
    if (expression.kind === 'column') return isInt64(expression) ? expression : undefined;
    if (expression.kind !== 'literal' || expression.integer === undefined) return undefined;
    const { integer } = expression;
    if (integer > INT64_MAX || integer < -INT64_MAX - 1n) {
      throw this.#error(
        syntax.at,
        'expected a whole number that fits 64 bits, to compare with an int64 column',
      );
    }
    return { kind: 'literal', value: integer, constant: true };
  }

  #asInstant(typed: TypedExpression, syntax: Syntax): TypedExpression {
    if (typed.type === 'instant') return typed;
    if (typed.type !== 'string' || typed.kind !== 'literal' || typed.value === null) {
      throw this.#error(
        syntax.at,
        `cannot compare an instant with ${describe(typed)}; write it as '2024-03-01T09:30:00Z'`,
      );
    }
    const value = parseInstant(typed.value);
    if (typeof value === 'string') {
      throw this.#error(syntax.at, `expected ${value}, found ${quote(typed.value)}`);
    }
    return { type: 'instant', kind: 'literal', value, constant: true };
  }

  /** Refuses a value that an enum does not have: it is a typing mistake, since no row can ever have it. */
  #checkEnumValue(side: StringExpression, other: StringExpression, otherSyntax: Syntax): void {
    if (other.kind === 'literal' && other.value !== null)
      this.#checkIsEnumValue(side, other.value, otherSyntax.at);
  }

  #checkIsEnumValue(side: StringExpression, value: string, at: number): void {
    if (side.kind !== 'column' || side.column.type !== 'enum') return;
    const values = side.column.values ?? [];
    if (!values.includes(value)) {
      const known = suggestName(value, values);
      throw this.#error(at, `column "${side.column.name}" never holds ${quote(value)}${known}`);
    }
  }

  #between(syntax: Syntax & { kind: 'between' }): BooleanExpression {
    const of = this.check(syntax.of);
    if (of.type === 'instant' || (of.type === 'number' && isInt64(of))) {
      // A column or a literal: using it twice costs nothing.
      const parts = [
        this.#compare(syntax.negated ? '<' : '>=', syntax.of, syntax.low, syntax.at),
        this.#compare(syntax.negated ? '>' : '<=', syntax.of, syntax.high, syntax.at),
      ];
      const constant = parts.every((part) => part.constant);
      return { type: 'boolean', kind: syntax.negated ? 'or' : 'and', parts, constant };
    }
    if (of.type !== 'number') {
      throw this.#error(
        syntax.of.at,
        `expected a number or an instant before "between", found ${describe(of)}`,
      );
    }
    const low = this.#number(syntax.low, 'after "between"');
    const high = this.#number(syntax.high, 'after "and" of "between"');
    const constant = of.constant && low.constant && high.constant;
    return { type: 'boolean', kind: 'between', negated: syntax.negated, of, low, high, constant };
  }

  #in({ of: ofSyntax, items, negated, at }: Syntax & { kind: 'in' }): BooleanExpression {
    const of = this.check(ofSyntax);
    if (of.type === 'instant' || (of.type === 'number' && isInt64(of))) {
      const parts = items.map((item) => this.#compare(negated ? '!=' : '==', ofSyntax, item, item.at));
      return { type: 'boolean', kind: negated ? 'and' : 'or', parts, constant: of.constant };
    }
    if (of.type === 'number') {
      const values = items.map((item) => {
        if (item.kind === 'number') return item.value;
        throw this.#error(item.at, `expected a number, to compare with ${describe(of)}, found a string`);
      });
      return { type: 'boolean', kind: 'inNumbers', negated, of, items: values, constant: of.constant };
    }
    if (of.type === 'string') {
      const values = items.map((item) => {
        if (item.kind !== 'string') {
          throw this.#error(item.at, `expected a string, to compare with ${describe(of)}, found a number`);
        }
        this.#checkIsEnumValue(of, item.value, item.at);
        return item.value;
      });
      return { type: 'boolean', kind: 'inStrings', negated, of, items: values, constant: of.constant };
    }
    throw this.#error(at, `expected a number, a string or an instant before "in", found ${describe(of)}`);
  }

  #isNull({ of: ofSyntax, negated }: Syntax & { kind: 'isNull' }): BooleanExpression {
    const of = this.check(ofSyntax);
    const { constant } = of;
    let isNull: BooleanExpression;
    if (of.type === 'number') isNull = { type: 'boolean', kind: 'isNullNumber', of, constant };
    else if (of.type === 'string') isNull = { type: 'boolean', kind: 'isNullString', of, constant };
    else isNull = { type: 'boolean', kind: 'literal', value: of.type === 'null', constant: true };
    return negated ? { type: 'boolean', kind: 'not', of: isNull, constant: isNull.constant } : isNull;
  }

  #call({ name, args, at }: Syntax & { kind: 'call' }): Checked {
    const lower = name.toLowerCase();
    const signature = FUNCTIONS.get(lower);
    if (!signature) {
      throw this.#error(at, `unknown function ${quote(name)}${suggestName(name, [...FUNCTIONS.keys()])}`);
    }
    if (args.length < signature.min || args.length > signature.max) {
      throw this.#error(at, `${lower} takes ${signature.takes}, found ${args.length} arguments`);
    }
    if (lower === 'if') return this.#if(args);
    const numbers = args.map((arg) => this.#number(arg, `in ${lower}(…)`));
    const digits = lower === 'round' ? numbers[1] : undefined;
    if (digits) {
      const isDigits =
        digits.kind === 'literal' &&
        Number.isInteger(digits.value) &&
        digits.value >= 0 &&
        digits.value <= 15;
      if (!isDigits)
        throw this.#error(args[1]!.at, 'expected the decimals of round(…) as a whole number from 0 to 15');
    }
    const constant = numbers.every((number) => number.constant);
    // The name is a key of FUNCTIONS and not `if`.
    return { type: 'number', kind: 'call', name: lower as NumberFunction, args: numbers, constant };
  }

  #if(args: readonly Syntax[]): Checked {
    const condition = this.#condition(args[0]!, 'as the first argument of if(…)');
    let yes = this.check(args[1]!);
    let no = this.check(args[2]!);
    if (yes.type === 'null') yes = nullLike(no) ?? yes;
    else if (no.type === 'null') no = nullLike(yes) ?? no;
    const constant = condition.constant && yes.constant && no.constant;
    if (yes.type === 'number' && no.type === 'number') {
      return { type: 'number', kind: 'choice', condition, yes, no, constant };
    }
    if (yes.type === 'string' && no.type === 'string') {
      return { type: 'string', kind: 'choice', condition, yes, no, constant };
    }
    if (yes.type === 'boolean' && no.type === 'boolean') {
      return { type: 'boolean', kind: 'choice', condition, yes, no, constant };
    }
    throw this.#error(
      args[2]!.at,
      `expected two numbers, two strings or two conditions to choose from, found ${describe(yes)} and ${describe(no)}`,
    );
  }

  #error(at: number, complaint: string): ExpressionError {
    return new ExpressionError(this.#text, at, complaint);
  }
}

function isInt64(expression: NumberExpression): boolean {
  return expression.kind === 'column' && expression.column.type === 'int64';
}

function nullLike(other: Checked): NumberExpression | StringExpression | undefined {
  if (other.type === 'number') {
    return { type: 'number', kind: 'literal', value: Number.NaN, integer: undefined, constant: true };
  }
  if (other.type === 'string') return { type: 'string', kind: 'literal', value: null, constant: true };
  return undefined;
}

function describe(typed: Checked | InstantExpression): string {
  if (typed.type === 'null') return 'null';
  if (typed.kind === 'column') return `column "${typed.column.name}" (${typed.column.type})`;
  switch (typed.type) {
    case 'number':
      return typed.kind === 'literal' ? `the number ${typed.value}` : 'a number';
    case 'string':
      return typed.kind === 'literal' && typed.value !== null
        ? `the string ${quote(typed.value)}`
        : 'a string';
    case 'boolean':
      return typed.kind === 'literal' ? String(typed.value) : 'a condition';
    case 'instant':
      return 'an instant';
  }
}
