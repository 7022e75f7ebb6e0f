import { z } from 'zod';

const columns = 'expected a list of column names, or new names with old ones: { price: close }';
const drop = 'expected a list of column names';
const name = 'expected a column name of 1 to 200 characters';
const many = 'expected at most 1000 columns';

const Name = z.string(name).min(1, name).max(200, name);

export const SelectOptions = z
  .strictObject({
    columns: z
      .union(
        [
          z.array(Name).min(1, columns).max(1_000, many),
          z
            .record(Name, Name)
            .refine((record) => Object.keys(record).length > 0, columns)
            .refine((record) => Object.keys(record).length <= 1_000, many),
        ],
        columns,
      )
      .optional()
      .describe(
        'Columns to keep, in this order; or new names with the old ones, which renames: `{ price: ' +
          'close }`',
      ),
    drop: z
      .array(Name, drop)
      .min(1, drop)
      .max(1_000, many)
      .optional()
      .describe('Columns to leave out; all others stay'),
  })
  .refine(
    (options) => (options.columns === undefined) !== (options.drop === undefined),
    'expected either "columns" or "drop"',
  );
export type SelectOptions = z.output<typeof SelectOptions>;
