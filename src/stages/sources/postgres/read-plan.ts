import type { Column, Schema } from '../../../columns/schema.js';
import { ProviderError } from '../../../core/provider-error.js';
import type { PostgresConnection } from '../../../databases/postgres/connect.js';
import { quoteName, quoteTable, tableNameOf } from '../../../databases/postgres/identifiers.js';
import type { PgReadField } from '../../../formats/pg-copy/field-reader.js';
import { problemOfReadField } from '../../../formats/pg-copy/pg-copy-decoder.js';
import { pgTypeOf, READABLE_PG_TYPES } from '../../../formats/pg-copy/pg-types.js';
import { keyLiteral, microsOf } from './key-literal.js';
import type { PostgresSourceOptions } from './options.js';
import { KEY_TYPES, type KeyColumn } from './row-key.js';

/** The column that rows are ordered by. */
export const TIME = 'time';

type ColumnOption = PostgresSourceOptions['columns'][number];

export const schemaOf = ({ kind, columns }: PostgresSourceOptions): Schema => ({
  kind,
  columns: columns.map(columnOf),
});

const columnOf = ({ name, type, values, nullable }: ColumnOption): Column => ({
  name,
  type,
  ...(values && { values }),
  ...(nullable && { nullable }),
});

/** What is read, for messages and letters. */
export const shownRelation = ({ table }: PostgresSourceOptions): string =>
  table === undefined ? 'query' : `table "${table}"`;

/** How the rows are asked for, by the types that the server has. */
export interface ReadPlan {
  readonly fields: readonly PgReadField[];
  /** The time first; then its nanoseconds, if they have a column; then the key. */
  readonly key: readonly KeyColumn[];
}

/**
 * Asks the server for the types of the columns.
 *
 * @throws {ProviderError} for a column that there is not, or that is of a type that does not fit.
 */
export async function planRead(
  connection: PostgresConnection,
  options: PostgresSourceOptions,
): Promise<ReadPlan> {
  const { columns } = options;
  const time = columns.find(({ name }) => name === TIME)!; // planned
  const keyNames = [nameOf(time), ...(time.nanos === undefined ? [] : [time.nanos]), ...options.key];
  const names = [...new Set([...columns.flatMap(namesOf), ...keyNames])];
  const types = await typesOf(connection, options, names);
  const fields = columns.flatMap((column) => fieldsOf(column, types, options));
  const key = keyNames.map((name) => keyColumnOf(name, types, options));
  return { fields, key };
}

/**
 * The statement for the next rows. With those of the same key as the last one, which then are in one chunk, and can be
 * told.
 *
 * @param after - The key of the last row that was read.
 */
export function chunkStatement(
  options: PostgresSourceOptions,
  { fields, key }: ReadPlan,
  after: readonly string[] | undefined,
): string {
  const selected = [...fields.map(({ name }) => name), ...key.map(({ name }) => name)].map(ofRelation);
  const order = key.map(orderOf);
  const [time] = key as readonly [KeyColumn];
  const conditions = boundsOf(options, time);
  if (after) {
    const values = key.map(({ type }, i) => keyLiteral(after[i]!, type));
    conditions.push(`(${order.join(', ')}) > (${values.join(', ')})`);
  }
  const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`;
  const select = `SELECT ${selected.join(', ')} FROM ${relationOf(options)}${where} ORDER BY ${order.join(', ')}`;
  return `COPY (${select} FETCH FIRST ${options.chunkRows} ROWS WITH TIES) TO STDOUT (FORMAT binary)`;
}

const nameOf = ({ name, from }: ColumnOption): string => from ?? name;
const namesOf = (column: ColumnOption): string[] =>
  column.nanos === undefined ? [nameOf(column)] : [nameOf(column), column.nanos];
const ofRelation = (name: string): string => `r.${quoteName(name)}`;

/** Texts by their bytes: only then are two of one place in the order the same text, whatever the collation of the column. */
const orderOf = ({ name, type }: KeyColumn): string =>
  type === 'text' ? `${ofRelation(name)} COLLATE "C"` : ofRelation(name);

/** A query ends with a line of its own: its last one may be a comment. */
const relationOf = ({ table, query }: PostgresSourceOptions): string =>
  table === undefined ? `(${query}\n) AS r` : `${quoteTable(tableNameOf(table))} AS r`;

function boundsOf({ from, to }: PostgresSourceOptions, { name, type }: KeyColumn): string[] {
  const bounds: string[] = [];
  // Compared as times, also where the column is a date.
  const boundType = type === 'timestamptz' ? 'timestamptz' : 'timestamp';
  if (from !== undefined) bounds.push(`${ofRelation(name)} >= ${keyLiteral(microsOf(from), boundType)}`);
  if (to !== undefined) bounds.push(`${ofRelation(name)} < ${keyLiteral(microsOf(to), boundType)}`);
  return bounds;
}

interface ServerType {
  readonly oid: number;
  readonly shown: string;
}

/** Also checks that a query is one statement: only one can be sent with parameters. */
async function typesOf(
  connection: PostgresConnection,
  options: PostgresSourceOptions,
  names: readonly string[],
): Promise<ReadonlyMap<string, ServerType>> {
  const columns = await connection.columnsOf(
    `SELECT ${names.map(ofRelation).join(', ')} FROM ${relationOf(options)} WHERE $1::text IS NULL LIMIT 0`,
    [''],
  );
  const types = columns.map(({ oid, typmod }) => [String(oid), String(typmod)] as const);
  const shown = await connection.query(
    `SELECT format_type(${types.map((_, i) => `$${2 * i + 1}::oid, $${2 * i + 2}::int4`).join('), format_type(')})`,
    types.flat(),
  );
  return new Map(columns.map(({ oid }, i) => [names[i]!, { oid, shown: shown[0]?.[i] ?? `oid ${oid}` }]));
}

function fieldsOf(
  column: ColumnOption,
  types: ReadonlyMap<string, ServerType>,
  options: PostgresSourceOptions,
): PgReadField[] {
  const { nanos, rounds, nanIsNull } = column;
  const own = { column: columnOf(column), ...(rounds && { rounds }), ...(nanIsNull && { nanIsNull }) };
  const fields = [fieldOf({ name: nameOf(column), ...own }, types, options)];
  if (nanos !== undefined) fields.push(fieldOf({ name: nanos, ...own, part: 'nanos' }, types, options));
  return fields;
}

function fieldOf(
  own: Omit<PgReadField, 'type'>,
  types: ReadonlyMap<string, ServerType>,
  options: PostgresSourceOptions,
): PgReadField {
  const { oid, shown } = types.get(own.name)!;
  const type = pgTypeOf(oid);
  if (type !== undefined && problemOfReadField({ ...own, type }) === undefined) return { ...own, type };
  const readable = own.part === 'nanos' ? ['int2', 'int4'] : READABLE_PG_TYPES[own.column.type];
  throw new ProviderError(
    'unsupported',
    `PostgreSQL, ${shownRelation(options)}: expected column "${own.name}" to be of type ${readable.join(', ')}, since it is read as ` +
      `${own.column.type}, found ${shown}; correct "columns", or cast it in a query, such as "${own.name}"::text`,
  );
}

function keyColumnOf(
  name: string,
  types: ReadonlyMap<string, ServerType>,
  options: PostgresSourceOptions,
): KeyColumn {
  const { oid, shown } = types.get(name)!;
  const type = KEY_TYPES.get(oid);
  if (type !== undefined) return { name, type };
  throw new ProviderError(
    'unsupported',
    `PostgreSQL, ${shownRelation(options)}: expected column "${name}" of the key to be of type ${[...new Set(KEY_TYPES.values())].join(', ')}, ` +
      `found ${shown}; take another one, or cast it in a query`,
  );
}

/**
 * Rows without a value in the key have no place in the order, and would be left out in silence.
 *
 * @throws {ProviderError} if there are some.
 */
export async function refuseMissing(
  connection: PostgresConnection,
  options: PostgresSourceOptions,
  { key }: ReadPlan,
): Promise<void> {
  const keyNames = key.map(({ name }) => name);
  const open = await namesWithNulls(connection, options, keyNames);
  if (open.length === 0) return;
  const conditions = open.map((name) => `${ofRelation(name)} IS NULL`).join(' OR ');
  const found = await connection.query(`SELECT 1 FROM ${relationOf(options)} WHERE (${conditions}) LIMIT 1`);
  if (found.length === 0) return;
  throw new ProviderError(
    'invalid-request',
    `PostgreSQL, ${shownRelation(options)}: expected a value in ${open.map((name) => `"${name}"`).join(', ')} of every row, since rows are ordered ` +
      'by it, found a row without; leave such rows out by a query, or take another "key"',
  );
}

/** Those that the table does not declare NOT NULL. */
async function namesWithNulls(
  connection: PostgresConnection,
  { table }: PostgresSourceOptions,
  names: readonly string[],
): Promise<readonly string[]> {
  if (table === undefined) return names;
  const found = await connection.query(
    'SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnotnull',
    [quoteTable(tableNameOf(table))],
  );
  const never = new Set(found.map(([name]) => name));
  return names.filter((name) => !never.has(name));
}
