import { z } from 'zod';
import { durationNs } from '../../../settings/duration.js';
import { inputOperators, inputSource } from '../../../settings/input-options.js';

const column = 'expected the name of a column';
const newName = 'expected the name of a column: letters, digits and "_", not a digit first';
const taken = 'expected a list of columns, or new names with the columns that they are for';
const many = 'expected at most 1000 columns';
const rows = 'expected 1 to 100000000 rows';

const Name = z.string(newName).regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, newName);

/** Options of the operator `asof`. */
export const AsOfOptions = z.strictObject({
  with: inputSource().describe('The second source, whose rows are joined with: `use` and its options'),
  operators: inputOperators()
    .optional()
    .describe('Operators for the rows of the second source, before they are joined with'),
  direction: z
    .enum(['backward', 'forward', 'nearest'], 'expected "backward", "forward" or "nearest"')
    .default('backward')
    .describe(
      '`backward`: the last row at or before each row, by symbol. `forward`: the first at or after it. ' +
        '`nearest`: the nearer of the two, the earlier one where both are equally near',
    ),
  tolerance: durationNs({ min: '0s', max: '400d' })
    .optional()
    .describe(
      'How far apart in time two rows may be to be joined. Without it, any distance. Required for later rows of a live ' +
        'second source, as rows wait for these',
    ),
  take: z
    .union(
      [
        z.array(z.string(column).min(1, column).max(200, column), taken).min(1, taken).max(1_000, many),
        z
          .record(Name, z.string(column).min(1, column).max(200, column))
          .refine((columns) => Object.keys(columns).length > 0, taken)
          .refine((columns) => Object.keys(columns).length <= 1_000, many),
      ],
      taken,
    )
    .optional()
    .describe(
      'Columns of the second source that are added: a list, or a mapping from new names to columns. ' +
        'Default: all that the rows do not have yet',
    ),
  unmatched: z
    .enum(['keep', 'drop'], 'expected "keep" or "drop"')
    .default('keep')
    .describe(
      'What happens to a row without a row to join it with: `keep` leaves the added columns null, `drop` ' +
        'filters the row out',
    ),
  age: Name.optional().describe(
    'Name of a float64 column with the ns from the joined row to the row: negative for a later one, null without one',
  ),
  late: z
    .enum(['stop', 'drop', 'keep'], 'expected "stop", "drop" or "keep"')
    .optional()
    .describe(
      'What happens to a row of the second source that comes after rows were joined without it: `stop` ends ' +
        'the job and names it, `drop` counts it and warns, `keep` also writes it to the dead letters. Default: ' +
        '`stop` if the data ends by itself, `drop` for a live source',
    ),
  idle: durationNs({ min: '0s', max: '1d' })
    .prefault('10s')
    .describe(
      'How long rows wait for a live second source whose time is not known: it has had no row yet, none at all or none ' +
        'after a restart; or operators change the time of its rows. Then they are joined with what there is. While the ' +
        'time of the rows to join is not known, rows of a live second source are kept for as long, and the last one of ' +
        'each symbol',
    ),
  rowsMax: z
    .int(rows)
    .min(1, rows)
    .max(100_000_000, rows)
    .default(1_000_000)
    .describe(
      'Rows that may wait for the other input, on either side. Above it, the job fails and names the input that lags',
    ),
});
export type AsOfOptions = z.output<typeof AsOfOptions>;
