import { z } from 'zod';

const columns = 'expected new columns by name, such as { mid: "(bid + ask) / 2" }';
const value = 'expected an expression as text, such as "(bid + ask) / 2"';
const column = 'expected an expression as text, or { value: expression, type: float64 | boolean | string }';
const name = 'expected a column name of 1 to 200 characters';
const type = 'expected one of float64, boolean, string';

const Expression = z.string(value).min(1, value);

export const DeriveOptions = z.strictObject({
  columns: z
    .record(
      z.string(name).min(1, name).max(200, name),
      z.union(
        [
          Expression,
          z.strictObject({
            value: Expression.describe('What the column holds, as an expression'),
            type: z
              .enum(['float64', 'boolean', 'string'], type)
              .optional()
              .describe(
                'Type to store where it is not that of the expression: `float64` widens whole numbers, ' +
                  '`string` spells out an enum',
              ),
          }),
        ],
        column,
      ),
      columns,
    )
    .refine((record) => Object.keys(record).length > 0, columns)
    .refine((record) => Object.keys(record).length <= 1_000, 'expected at most 1000 columns')
    .describe(
      'New columns by name, each an expression or `{ value, type }`. Made in order: each may use ' +
        'those before it. A column that exists is replaced',
    ),
});
export type DeriveOptions = z.output<typeof DeriveOptions>;
