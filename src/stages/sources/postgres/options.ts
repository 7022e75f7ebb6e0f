import { z } from 'zod';
import { PostgresConnectionOptions } from '../../../databases/postgres/connection-options.js';
import { problemOfName, tableNameOf } from '../../../databases/postgres/identifiers.js';

const columns = 'expected a list of 1 to 1000 columns';
const columnName = 'expected the name of a column';
const table = 'expected the name of a table: "ticks" or "market.ticks"';
const query = 'expected a SELECT';
const instant = 'expected a time with its zone and at most microseconds, such as 2024-01-02T09:30:00Z';
const chunkRows = 'expected 100 to 10000000 rows';
const reconnects = 'expected 0 to 1000000 attempts';
const flag = z.boolean('expected true or false');

const TYPES = ['timestamp', 'int64', 'float64', 'int32', 'string', 'enum', 'boolean'] as const;

const name = z
  .string(columnName)
  .min(1, columnName)
  .superRefine((text, context) => {
    const problem = problemOfName(text);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input: text });
  });

const ColumnOption = z
  .strictObject({
    name: z
      .string(columnName)
      .min(1, columnName)
      .max(200, columnName)
      .describe('Name of the column in the stream'),
    type: z.enum(TYPES, `expected one of ${TYPES.join(', ')}`).describe('What it holds'),
    from: name.optional().describe('Name of the column in the table or query. Default: `name`'),
    values: z
      .array(z.string('expected a text'), 'expected a list of texts')
      .min(1, 'expected at least one value')
      .max(256, 'expected at most 256 values')
      .optional()
      .describe('Of an `enum`: the values that it may have'),
    nullable: flag.optional().describe('Whether a row may have no value in it: of a `float64` or a `string`'),
    nanos: name
      .optional()
      .describe(
        'Of a `timestamp`: the column with its nanoseconds below the microsecond, an `int2` or `int4` of 0 to 999',
      ),
    rounds: flag
      .optional()
      .describe(
        'Of a `float64`: whether a `numeric` or `int8` is rounded that it cannot hold exactly. Default: such a row is bad',
      ),
    nanIsNull: flag
      .optional()
      .describe(
        'Of a nullable `float64`: whether NaN is read as no value, for which it stands. Default: such a row is bad',
      ),
  })
  .refine(({ type, values }) => (type === 'enum') === (values !== undefined), {
    error: 'expected "values" for an enum, and for nothing else',
    path: ['values'],
  })
  .refine(({ type, nullable }) => !nullable || type === 'float64' || type === 'string', {
    error: 'expected "nullable" for a float64 or a string alone',
    path: ['nullable'],
  })
  .refine(({ type, nanos }) => nanos === undefined || type === 'timestamp', {
    error: 'expected "nanos" for a timestamp alone',
    path: ['nanos'],
  });

const bound = z.iso
  .datetime({ offset: true, error: instant })
  .refine((text) => !/\.\d{7,}/.test(text), instant);

/** Options of the source `postgres`. */
export const PostgresSourceOptions = z
  .strictObject({
    connection: PostgresConnectionOptions.describe('How the server is reached'),
    table: z
      .string(table)
      .min(1, table)
      .superRefine((text, context) => {
        const { schema, table: own } = tableNameOf(text);
        const problem = problemOfName(own) ?? (schema === undefined ? undefined : problemOfName(schema));
        if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input: text });
      })
      .optional()
      .describe('Table or view, `schema.table` or `table`, in its own case'),
    query: z
      .string(query)
      .min(1, query)
      .max(100_000, query)
      .optional()
      .describe(
        'In place of `table`: a SELECT of yours. It is SQL, run as it stands, in a transaction that can only read. It must ' +
          'give the same rows whenever it is run, and is run anew for each chunk',
      ),
    kind: z
      .enum(['quote', 'trade', 'bar', 'book', 'custom'], 'expected quote, trade, bar, book or custom')
      .default('custom')
      .describe('What a row is'),
    columns: z
      .array(ColumnOption, columns)
      .min(1, columns)
      .max(1_000, columns)
      .describe('The columns of the rows. One is `time`, a `timestamp`, by which the rows are ordered'),
    key: z
      .array(name, 'expected a list of columns')
      .max(16, 'expected at most 16 columns')
      .default([])
      .describe(
        'Columns of the table or query that tell rows of one time apart, such as an id: of type `int2`, `int4`, `int8`, ' +
          '`text`, `varchar`, `uuid`, `date`, `timestamp` or `timestamptz`. An index on the time and these makes chunks fast',
      ),
    from: bound.optional().describe('Rows from this time on'),
    to: bound.optional().describe('Rows before this time'),
    chunkRows: z
      .int(chunkRows)
      .min(100, chunkRows)
      .max(10_000_000, chunkRows)
      .default(100_000)
      .describe('Rows that one statement reads. Each has a snapshot of its own'),
    reconnects: z
      .int(reconnects)
      .min(0, reconnects)
      .max(1_000_000, reconnects)
      .default(10)
      .describe(
        'How often in a row, without a row in between, a lost connection or a server that does not answer is tried again, after 1 to 30 seconds, before the job fails',
      ),
  })
  .refine((options) => (options.table === undefined) !== (options.query === undefined), {
    error: 'expected either "table" or "query"',
    path: ['table'],
  });
export type PostgresSourceOptions = z.output<typeof PostgresSourceOptions>;
