import { z } from 'zod';

const columns = 'expected new columns by name, such as { mid: "(bid + ask) / 2" }';
const value = 'expected an expression as text, such as "(bid + ask) / 2"';
const column = 'expected an expression as text, or { value: expression, type: float64 | boolean | string }';
const name = 'expected a column name of 1 to 200 characters';
const type = 'expected one of float64, boolean, string';

const Expression = z.string(value).min(1, value);

export const DeriveOptions = z.strictObject({
  /** New columns by name, in order: each may use those before it. One that exists is replaced. */
  columns: z
    .record(
      z.string(name).min(1, name).max(200, name),
      z.union(
        [
          Expression,
          z.strictObject({
            /** What the column holds. */
            value: Expression.describe('What the column holds, as an expression.'),
            /** What it is to be stored as, when that is not what the expression gives. */
            type: z
              .enum(['float64', 'boolean', 'string'], type)
              .optional()
              .describe('Type to store: float64 widens whole numbers, string spells out an enum.'),
          }),
        ],
        column,
      ),
      columns,
    )
    .refine((record) => Object.keys(record).length > 0, columns)
    .refine((record) => Object.keys(record).length <= 1_000, 'expected at most 1000 columns')
    .describe('New columns by name, each an expression that may use the columns before it.'),
});
export type DeriveOptions = z.output<typeof DeriveOptions>;
