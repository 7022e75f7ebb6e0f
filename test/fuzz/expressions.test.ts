import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Schema } from '../../src/columns/schema.js';
import { readExpression } from '../../src/expressions/read-expression.js';
import { Scope } from '../../src/expressions/scope.js';
import { bounded, FUZZ_MS_MAX, fuzz } from './bounded.js';
import { hostileText } from './hostile-values.js';

const SCHEMA: Schema = {
  kind: 'quote',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'bid', type: 'float64' },
    { name: 'a', type: 'int64' },
    { name: 'side', type: 'enum', values: ['buy', 'sell'] },
  ],
};

const word = fc.constantFrom(
  ...[
    'bid',
    'a',
    'symbol',
    'side',
    'time',
    '`a`',
    "'buy'",
    "''",
    '1',
    '0.5',
    '1e9',
    '9'.repeat(400),
    'null',
    'true',
  ],
  ...[
    '+',
    '-',
    '*',
    '/',
    '%',
    '<',
    '<=',
    '=',
    '<>',
    '!',
    '(',
    ')',
    ',',
    'and',
    'or',
    'not',
    'in',
    'between',
    'is',
  ],
  ...['if(', 'abs(', 'min(', 'round(', 'coalesce(', 'nothing('],
);

/** Mostly good for some words, so that the checker is reached. */
const sentence = fc.array(word, { minLength: 1, maxLength: 30 }).map((words) => words.join(' '));
const long = fc.tuple(sentence, fc.nat(20_000)).map(([text, size]) => text.repeat(1 + size / text.length));

describe('any text of an expression', () => {
  it(
    'is read or refused at once, with a short message',
    async () => {
      const text = fc.oneof(sentence, long, hostileText(1_048_576));
      await fuzz(text, 500, async (expression) => {
        const typed = await bounded(() => readExpression(expression, new Scope(SCHEMA)));
        if (typed) expect(expression.length).toBeLessThanOrEqual(10_000);
      });
    },
    FUZZ_MS_MAX,
  );
});
