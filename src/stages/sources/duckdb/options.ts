import { z } from 'zod';
import { DuckDbMemory, DuckDbPath, DuckDbTable } from '../../../databases/duckdb/database-options.js';

const query = 'expected a SELECT of at most 65536 characters';
const kind = 'expected one of quote, trade, bar, book, custom';
const type = 'expected one of float64, int32, int64, string, boolean, timestamp';
const from = 'expected the name of a column in the database';
const columnName =
  'expected column names of at most 63 letters, digits and "_" that do not begin with a digit';

const Name = z.string(from).min(1, from).max(255, from);

const Mapping = z.strictObject({
  from: Name.optional().describe('Name of the column in the table or query; its own name without it'),
  type: z
    .enum(['float64', 'int32', 'int64', 'string', 'boolean', 'timestamp'], type)
    .optional()
    .describe('Type of a column that the kind does not define; float64 without it'),
  nullable: z
    .boolean('expected true or false')
    .default(false)
    .describe('Numbers (float64) and texts: whether NULL is a value. If not, a row with it is a bad row'),
});
export type DuckDbMapping = z.output<typeof Mapping>;

/** Options of the source `duckdb`. */
export const DuckDbSourceOptions = z
  .strictObject({
    path: DuckDbPath.describe('File of the database, relative to the working directory. It is only read'),
    table: DuckDbTable.optional().describe(
      'Table or view to read, or schema and table. Either this or `query`',
    ),
    query: z
      .string(query)
      .min(1, query)
      .max(65_536, query)
      .optional()
      .describe('A SELECT to read, in place of a table. It cannot reach other files'),
    kind: z.enum(['quote', 'trade', 'bar', 'book', 'custom'], kind).describe('Kind of the rows'),
    columns: z
      .record(
        z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,62}$/, columnName),
        z
          .union([Name, Mapping], 'expected a column, or an object with from, type or nullable')
          .transform((found) => (typeof found === 'string' ? Mapping.parse({ from: found }) : found)),
      )
      .refine((columns) => Object.keys(columns).length <= 1_000, 'expected at most 1000 columns')
      .default({})
      .describe(
        'Columns by name: the column in the database, or an object with more settings. Those that the kind ' +
          'requires need not be listed if they have the same name there',
      ),
    memoryMb: DuckDbMemory.describe(
      'Memory that DuckDB may use, besides `maxMemoryMb`. What does not fit is sorted on the disk',
    ),
  })
  .superRefine(({ table: ofTable, query: ofQuery }, context) => {
    if ((ofTable === undefined) !== (ofQuery === undefined)) return;
    const found = ofTable === undefined ? 'none of them' : 'both';
    context.addIssue({ code: 'custom', message: `expected either "table" or "query", found ${found}` });
  });
export type DuckDbSourceOptions = z.output<typeof DuckDbSourceOptions>;
