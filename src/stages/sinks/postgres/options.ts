import { z } from 'zod';
import { PostgresConnectionOptions } from '../../../databases/postgres/connection-options.js';
import { problemOfName, tableNameOf } from '../../../databases/postgres/identifiers.js';
import { checkKeyOfMode } from '../../../databases/upsert-key.js';
import { durationNs } from '../../../settings/duration.js';
import { parsePgType } from './parse-pg-type.js';

const create = 'expected never or if-missing';
const mode = 'expected append or upsert';
const column = 'expected the name of a column';
const columns = 'expected a list of 1 to 32 names of columns';
const type =
  'expected a type that rows are written to: timestamptz, timestamp, date, int2, int4, int8, float4, float8, ' +
  'numeric, numeric(p,s), text, varchar, varchar(n) or bool';

const tableName = z.string('expected the name of a table').superRefine((text, context) => {
  const { schema, table } = tableNameOf(text);
  for (const part of schema === undefined ? [table] : [schema, table]) {
    const problem = problemOfName(part);
    if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
  }
});

/** Options of the sink `postgres`. */
export const PostgresSinkOptions = z
  .strictObject({
    connection: PostgresConnectionOptions.describe('The server, the database and the user'),
    table: tableName.describe(
      'The table, `schema.table` or `table`: names as they are, without quotes. Nothing in them is read as SQL',
    ),
    create: z
      .enum(['never', 'if-missing'], create)
      .default('never')
      .describe(
        '`if-missing`: makes the table if there is none, and the table `tickloom_commits` beside it. A table that is ' +
          'there is never altered or emptied',
      ),
    mode: z
      .enum(['append', 'upsert'], mode)
      .default('append')
      .describe(
        '`append`: adds rows, in one transaction with the checkpoint. `upsert`: a row replaces the one with the same `key`, ' +
          'so that it may be written again',
      ),
    key: z
      .array(z.string(column).min(1, column), columns)
      .min(1, columns)
      .max(32, columns)
      .optional()
      .describe(
        'For `upsert`: the columns that tell rows apart. The table must have a unique index of them, and they must be NOT NULL',
      ),
    types: z
      .record(
        z.string(),
        z.string(type).refine((text) => parsePgType(text) !== undefined, type),
      )
      .default({})
      .describe(
        'Types of columns in the table where they are not the usual ones, such as `price: numeric(18,6)`. A table that is ' +
          'there must have them',
      ),
    belowMicros: z
      .enum(['refuse', 'drop', 'keep'], 'expected refuse, drop or keep')
      .default('refuse')
      .describe(
        'What becomes of nanoseconds below the microsecond, which PostgreSQL does not keep: `refuse` rejects the row, `drop` ' +
          'leaves them out, `keep` writes them (0 to 999) into a column of type int2 with the name of the time and `_ns`',
      ),
    rounds: z
      .boolean('expected true or false')
      .default(false)
      .describe(
        'Whether a number that its column cannot hold exactly is rounded. If not, its row is rejected',
      ),
    hypertable: z
      .strictObject({
        by: z.string(column).min(1, column).describe('The column of time that it is divided by'),
        chunk: durationNs({ min: '1m', max: '36500d' })
          .optional()
          .describe('The time that a chunk covers. Default: that of TimescaleDB'),
      })
      .optional()
      .describe(
        'The table is a hypertable of TimescaleDB. One that is created becomes it; one that is there must be it',
      ),
    reconnectFor: durationNs({ min: '0s', max: '1h' })
      .prefault('1m')
      .describe(
        'How long a lost connection is opened again, with growing pauses, before the run fails. A refused login is not ' +
          'tried again',
      ),
  })
  .superRefine(checkKeyOfMode);
export type PostgresSinkOptions = z.output<typeof PostgresSinkOptions>;
