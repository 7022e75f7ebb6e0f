import type { Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import type { PostgresConnection } from '../../../databases/postgres/connect.js';
import { quoteName, quoteTable, quoteText, type TableName } from '../../../databases/postgres/identifiers.js';
import { type PgField, problemOfField } from '../../../formats/pg-copy/pg-field.js';
import {
  DEFAULT_PG_TYPE,
  type PgType,
  pgTypeOfColumn,
  pgTypeText,
} from '../../../formats/pg-copy/pg-types.js';
import type { PostgresSinkOptions } from './options.js';
import { parsePgType } from './parse-pg-type.js';

/** A column as the catalogue has it. */
interface TableColumn {
  readonly name: string;
  /** `undefined`: of a type that is not written. */
  readonly type: PgType | undefined;
  /** As the server writes it. */
  readonly typeText: string;
  readonly notNull: boolean;
  /** Whether the server fills it in if nothing is given. */
  readonly hasDefault: boolean;
  readonly isGenerated: boolean;
}

type FieldOptions = Pick<PostgresSinkOptions, 'types' | 'belowMicros' | 'rounds'>;

/** The columns that a table is to have, by the columns of the rows. */
export function wantedFields({ columns }: Schema, { types, belowMicros, rounds }: FieldOptions): PgField[] {
  return columns.flatMap((column): PgField[] => {
    const asked = types[column.name];
    const field: PgField = {
      name: column.name,
      column,
      // Options were checked.
      type: (asked === undefined ? undefined : parsePgType(asked)) ?? { name: DEFAULT_PG_TYPE[column.type] },
      notNull: column.nullable !== true,
      belowMicros: belowMicros === 'refuse' ? 'refuse' : 'drop',
      rounds,
    };
    if (belowMicros !== 'keep' || !isTimeBelowMicros(field)) return [field];
    return [field, { ...field, name: `${column.name}_ns`, type: { name: 'int2' }, part: 'nanos' }];
  });
}

const isTimeBelowMicros = ({ column, type }: PgField): boolean =>
  column.type === 'timestamp' && (type.name === 'timestamptz' || type.name === 'timestamp');

/** The statement that makes the table. */
export function createTable(
  table: TableName,
  fields: readonly PgField[],
  key: readonly string[] | undefined,
): string {
  const columns = fields.map(
    ({ name, type, notNull }) => `${quoteName(name)} ${pgTypeText(type)}${notNull ? ' NOT NULL' : ''}`,
  );
  const primary = key ? [`PRIMARY KEY (${key.map(quoteName).join(', ')})`] : [];
  return `CREATE TABLE ${quoteTable(table)} (${[...columns, ...primary].join(', ')})`;
}

/** The query that tells what columns a table has. It has no rows if there is no such table. */
export const columnsOf = (table: TableName): string =>
  'SELECT a.attname, a.atttypid::text, a.atttypmod::text, format_type(a.atttypid, a.atttypmod), a.attnotnull::text, ' +
  "(a.atthasdef OR a.attidentity <> '')::text, (a.attgenerated <> '' OR a.attidentity = 'a')::text " +
  `FROM pg_attribute a WHERE a.attrelid = to_regclass(${quoteText(quoteTable(table))}) ` +
  'AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum';

export type ColumnRows = readonly (readonly (string | null)[])[];

/**
 * Returns the fields as the table has them.
 *
 * @param rows - Of `columnsOf`.
 * @throws {PipelineError} `SINK_FAILED` naming each column that differs.
 */
export function fittingFields(
  title: string,
  wanted: readonly PgField[],
  rows: ColumnRows,
  { types }: Pick<PostgresSinkOptions, 'types'>,
): readonly PgField[] {
  const columns = new Map(rows.map(columnFrom).map((column) => [column.name, column]));
  const problems: string[] = [];
  const fields = wanted.flatMap((field) => {
    const found = columns.get(field.name);
    columns.delete(field.name);
    const expected = `column "${field.name}": expected ${pgTypeText(field.type)}`;
    if (!found) {
      problems.push(`${expected}, found no such column`);
      return [];
    }
    if (found.isGenerated) {
      problems.push(`${expected}, found one whose values the server generates`);
      return [];
    }
    if (!found.type) {
      problems.push(`${expected}, found ${found.typeText}`);
      return [];
    }
    const asked = types[field.column.name];
    if (
      field.part === undefined &&
      asked !== undefined &&
      pgTypeText(found.type) !== pgTypeText(field.type)
    ) {
      problems.push(`${expected}, as "types" says, found ${found.typeText}`);
    }
    const own = { ...field, type: found.type, notNull: found.notNull };
    const problem = problemOfField(own);
    if (problem !== undefined) problems.push(`column ${problem}`);
    return [own];
  });
  for (const { name, notNull, hasDefault, isGenerated } of columns.values()) {
    if (notNull && !hasDefault && !isGenerated) {
      problems.push(
        `column "${name}": expected one of the rows, a default or no NOT NULL, found none of them`,
      );
    }
  }
  if (problems.length === 0) return fields;
  throw new PipelineError('SINK_FAILED', [`${title} does not fit the rows:`, ...problems].join('\n  - '));
}

/** @throws {PipelineError} `SINK_FAILED` if rows cannot be told apart by the key. */
export async function checkKey(
  connection: PostgresConnection,
  table: TableName,
  title: string,
  key: readonly string[],
  fields: readonly PgField[],
): Promise<void> {
  const rows = await connection.query(
    `SELECT array_to_string(ARRAY(SELECT a.attname::text FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS k(n)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY a.attname::text COLLATE "C"), E'\\n')
     FROM pg_index i WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indimmediate
       AND i.indpred IS NULL AND i.indexprs IS NULL`,
    [quoteTable(table)],
  );
  const nullable = fields.filter(({ name, notNull }) => key.includes(name) && !notNull);
  if (nullable.length > 0) {
    throw new PipelineError(
      'SINK_FAILED',
      `${title}: expected NOT NULL columns as the key of "mode: upsert", since a unique index does not tell NULLs apart, ` +
        `found ${nullable.map(({ name }) => `"${name}"`).join(', ')} without it; alter the table, or choose another key`,
    );
  }
  const wanted = [...key].sort().join('\n');
  if (rows.some(([names]) => names === wanted)) return;
  throw new PipelineError(
    'SINK_FAILED',
    `${title}: expected a unique index or primary key of exactly (${key.join(', ')}) for "mode: upsert", found none; create one`,
  );
}

function columnFrom(row: readonly (string | null)[]): TableColumn {
  const [name, oid, typmod, typeText, notNull, hasDefault, isGenerated] = row as readonly string[]; // none is NULL
  return {
    name: name!,
    type: pgTypeOfColumn(Number(oid), Number(typmod)),
    typeText: typeText!,
    notNull: notNull === 'true',
    hasDefault: hasDefault === 'true',
    isGenerated: isGenerated === 'true',
  };
}
