import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExpressionError } from '../../src/expressions/expression-error.js';
import { readExpression } from '../../src/expressions/read-expression.js';
import { Scope } from '../../src/expressions/scope.js';
import { MIXED } from '../stages/operators/operator-rig.js';

const scope = new Scope(MIXED);

function complaintOf(text: string): ExpressionError {
  try {
    readExpression(text, scope);
  } catch (error) {
    if (error instanceof ExpressionError) return error;
    throw error;
  }
  return expect.fail(`${text} was accepted`);
}

describe('a message about an expression', () => {
  it.each([
    ['', 'expected an expression, found an empty text', 1],
    ['bid > ', 'expected a number, a string, a column, a function or "(", found the end', 7],
    ['bid > )', 'expected a number, a string, a column, a function or "(", found ")"', 7],
    ['(bid > 1', 'expected an operator or ")", found the end', 9],
    ['bid > 1)', 'expected an operator or the end, found ")"', 8],
    ['bid ask', 'expected an operator or the end, found "ask"', 5],
    ["bid 'x'", 'expected an operator or the end, found the string "x"', 5],
    ['1 < bid < 2', 'comparisons do not chain; write "a < b and b < c"', 9],
    ['bid in 1', 'expected "(" and a list after "in", found "1"', 8],
    ['bid in ()', 'expected a number or a string in the list after "in", found ")"', 9],
    ['bid in (1, ask)', 'expected a number or a string in the list after "in", found "ask"', 12],
    ['bid between 1', 'expected "and" and the upper bound of "between", found the end', 14],
    ['bid is 1', 'expected "null" or "not null", found "1"', 8],
    ['min(bid, 1', 'expected an operator, "," or ")", found the end', 11],
    ["symbol == 'EUR", "expected a closing ' for this string, found the end", 11],
    ['`bid > 1', 'expected a closing ` for this column name, found the end', 1],
    ['bid # 1', 'expected a number, a string, a column or an operator, found "#"', 5],
    ['bid > 0 & ask > 0', 'found "&"; write "and" or "&&"', 9],
    ['a.b > 0', 'put a column name with a dot in backticks', 2],
    ['1.2.3 > bid', 'expected a number, found "1.2."', 1],
    ['5m > bid', 'expected a number, found "5m"', 1],
    ['bid > 1e999', 'expected a number below 1.8e308', 7],
    ['bid + or', 'found "or"', 7],
    ['bdi > 0', 'unknown column "bdi"; did you mean "bid"? (there are: time, received, symbol', 1],
    ['zzzzzz > 0', 'unknown column "zzzzzz"; there are: time, received', 1],
    ['Bid > 0', 'did you mean "bid"?', 1],
    ['absolute(bid) > 0', 'unknown function "absolute"', 1],
    ['mim(bid, ask) > 0', 'unknown function "mim"; did you mean "min"?', 1],
    ['abs(bid, ask) > 0', 'abs takes one number, found 2 arguments', 1],
    ['min(bid) > 0', 'min takes two numbers or more, found 1 arguments', 1],
    ['round(bid, ask) > 0', 'expected the decimals of round(…) as a whole number from 0 to 15', 12],
    ["bid > 'x'", 'cannot compare column "bid" (float64) with the string "x"', 5],
    ['symbol == 1', 'cannot compare column "symbol" (string) with the number 1', 8],
    ['flag == 1', 'cannot compare column "flag" (boolean) with the number 1', 6],
    ["symbol < 'M'", 'expected "==", "!=" or "in": strings have no order, found "<"', 8],
    ['flag >= true', 'conditions have no order', 6],
    ['symbol + 1 > 0', 'expected a number before "+", found column "symbol" (string)', 1],
    ["-'x' > 0", 'expected a number after "-", found the string "x"', 2],
    [
      'received - time > 0',
      'expected a number before "-", found column "received" (timestamp); instants can only be compared',
      1,
    ],
    ['bid and ask', 'expected a condition beside "and", found column "bid" (float64); compare it', 1],
    ['not bid', 'expected a condition after "not", found column "bid" (float64)', 5],
    ["side == 'buys'", 'column "side" never holds "buys"; did you mean "buy"?', 9],
    ["side in ('buy', 'sel')", 'column "side" never holds "sel"; did you mean "sell"?', 17],
    ['symbol in (1)', 'expected a string, to compare with column "symbol" (string), found a number', 12],
    ["bid in ('x')", 'expected a number, to compare with column "bid" (float64), found a string', 9],
    ['bid == null', 'nothing equals null; write "is null" or "is not null"', 5],
    ["time > '2024-03-01'", 'expected an instant with a time and an offset ("Z" for UTC)', 8],
    ["time > '2024-03-01T10:00:00'", 'expected an instant with a time and an offset ("Z" for UTC)', 8],
    ["time > '2024-02-30T10:00:00Z'", 'expected an instant that the calendar has', 8],
    ["time > '2024-02-20T24:00:00Z'", 'expected an instant that the calendar has', 8],
    ["time > '2024-02-20T10:00:00+99:00'", 'expected an offset from -18:00 to +18:00', 8],
    ["time > '1500-01-01T00:00:00Z'", 'expected an instant between the years 1678 and 2261', 8],
    ["time > 'yesterday'", 'expected an instant such as "2024-03-01T09:30:00.000Z", found "yesterday"', 8],
    ['time > 5', "cannot compare an instant with the number 5; write it as '2024-03-01T09:30:00Z'", 8],
    ['id > 9223372036854775808', 'expected a whole number that fits 64 bits', 6],
    ['if(bid > 0, 1, symbol) > 0', 'expected two numbers, two strings or two conditions to choose from', 16],
    ['if(bid, 1, 2) > 0', 'expected a condition as the first argument of if(…)', 4],
    ['null', 'expected a value of a known type, found null', 1],
    ['constructor > 0', 'unknown column "constructor"', 1],
    ['__proto__ > 0', 'unknown column "__proto__"', 1],
    ['constructor(1) > 0', 'unknown function "constructor"', 1],
    ['toString() == 1', 'unknown function "toString"', 1],
  ])('of %j says %j', (text, complaint, column) => {
    const error = complaintOf(text);
    expect(error.message).toContain(complaint);
    expect(error.offset).toBe(column - 1);
    expect(error.code).toBe('EXPRESSION_INVALID');
  });

  it('shows the text with a caret under the place', () => {
    expect(complaintOf("bid > 0 and ask >= 'x'").message).toBe(
      [
        'cannot compare column "ask" (float64) with the string "x" (column 17)',
        "    bid > 0 and ask >= 'x'",
        '                    ^',
      ].join('\n'),
    );
  });

  it('shows the line at fault alone when the text has several', () => {
    expect(complaintOf('bid > 0\nand asq > 0\nand ask > 0').message).toMatch(
      /\(line 2, column 5\)\n {4}and asq > 0\n {8}\^$/,
    );
  });

  it('shows a window of a long line', () => {
    const text = `${'bid > 0 and '.repeat(100)}asq > 0${' and bid > 0'.repeat(100)}`;
    const [, line, caret] = complaintOf(text).message.split('\n');
    expect(line!.length).toBeLessThan(100);
    expect(line!.slice(caret!.indexOf('^')).startsWith('asq')).toBe(true);
  });
});

describe('the bounds of an expression', () => {
  it('refuse a text that is too long', () => {
    expect(complaintOf(`bid > 0${' '.repeat(9_994)}`).message).toContain('expected at most 10000 characters');
  });

  it.each([
    ['parentheses', `${'('.repeat(4_000)}1${')'.repeat(4_000)}`],
    ['minus signs', '-'.repeat(9_000)],
    ['negations', 'not '.repeat(2_400)],
    ['functions', 'abs('.repeat(2_400)],
    ['sums', `1${'+1'.repeat(4_000)}`],
  ])('refuse a tower of %s', (_, text) => {
    expect(complaintOf(text).message).toContain('expected at most 100 levels of nesting');
  });

  it('let a long list of alternatives pass', () => {
    expect(readExpression(Array(700).fill('bid == 1').join(' or '), scope).type).toBe('boolean');
  });
});

describe('a hostile text', () => {
  const pieces = fc.constantFrom(
    ...[
      'bid',
      'symbol',
      'time',
      'side',
      'flag',
      'id',
      '(',
      ')',
      ',',
      '+',
      '-',
      '*',
      '<',
      '==',
      'and',
      'or',
      'not',
    ],
    ...[
      'in',
      'between',
      'is',
      'null',
      "'x'",
      '"',
      '`',
      '1',
      '.5',
      '1e9',
      'if(',
      'min(',
      'coalesce(',
      'round(',
    ],
    ...[
      'constructor',
      '__proto__',
      'prototype',
      'toString',
      'hasOwnProperty',
      '\u0000',
      '\n',
      '💥',
      '\ud800',
      '$',
    ],
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(pieces, { maxLength: 25 }).map((words) => words.join(' ')),
    fc.array(pieces, { maxLength: 25 }).map((words) => words.join('')),
  );

  it('is read or refused with a place in it, and nothing else', () => {
    fc.assert(
      fc.property(text, (hostile) => {
        try {
          readExpression(hostile, scope);
        } catch (error) {
          expect(error).toBeInstanceOf(ExpressionError);
          expect((error as ExpressionError).offset).toBeLessThanOrEqual(hostile.length);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
});
