import { z } from 'zod';
import { DuckDbMemory, DuckDbPath, DuckDbTable } from '../../../databases/duckdb/database-options.js';
import { checkKeyOfMode } from '../../../databases/upsert-key.js';

const create = 'expected "never" or "if-missing"';
const mode = 'expected "append" or "upsert"';
const key = 'expected a list of 1 to 32 columns';
const types = 'expected types of DuckDB by column, such as { price: "DECIMAL(18,4)" }';

/** Options of the sink `duckdb`. */
export const DuckDbSinkOptions = z
  .strictObject({
    path: DuckDbPath.describe(
      'File of the database, relative to the working directory. A file has one writer, of all jobs and processes',
    ),
    table: DuckDbTable.describe('Table that the rows go to, or schema and table: `ticks`, `market.ticks`'),
    create: z
      .enum(['never', 'if-missing'], create)
      .default('never')
      .describe(
        '`if-missing`: makes the file, the schema and the table where there are none, and the table `tickloom_commits` ' +
          'beside it, for checkpoints. A table that is there is never altered or emptied',
      ),
    mode: z
      .enum(['append', 'upsert'], mode)
      .default('append')
      .describe(
        '`append`: adds rows, in one transaction with the checkpoint. `upsert`: a row replaces the one with the same ' +
          '`key`, so that it may be written again',
      ),
    key: z
      .array(z.string(key).min(1, key), key)
      .min(1, key)
      .max(32, key)
      .optional()
      .describe(
        'For `upsert`: the columns that tell rows apart. The table must have a primary key of them, or a unique constraint and no NULL',
      ),
    types: z
      .record(z.string(), z.string(types).min(1, types).max(64, types), types)
      .optional()
      .describe(
        'Types of columns in DuckDB, where the usual ones are not meant: `TIMESTAMP`, `TIMESTAMPTZ`, `FLOAT`, ' +
          '`DECIMAL(18,4)`, `BIGINT`, … A table that is there must have them',
      ),
    rounds: z
      .boolean('expected true or false')
      .default(false)
      .describe(
        'Whether a number that `FLOAT` or `DECIMAL` cannot hold exactly is rounded. If not, its row is rejected, as are ' +
          'numbers that do not fit, and times below the microsecond in types that have none',
      ),
    memoryMb: DuckDbMemory.describe(
      'Memory that DuckDB may use, besides `maxMemoryMb`. Rows that do not fit wait in a folder beside the file',
    ),
  })
  .superRefine(checkKeyOfMode);
export type DuckDbSinkOptions = z.output<typeof DuckDbSinkOptions>;
