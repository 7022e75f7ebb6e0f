import type { DuckDBConnection } from '@duckdb/node-api';
import type { Column, Schema } from '../../columns/schema.js';
import { PipelineError } from '../../core/errors.js';
import { canHold, type DuckDbType, parseType, TYPES_OF, typeText, usualType } from './column-types.js';
import { quoteName, quoteTable, type TableName, tableName } from './quote-name.js';

export interface TargetOptions {
  /** Path of the database, for messages. */
  readonly path: string;
  /** `table` or `schema.table`. */
  readonly table: string;
  readonly create: 'never' | 'if-missing';
  /** Columns whose values tell one row from another: a later row with the same ones takes its place. */
  readonly key?: readonly string[] | undefined;
  /** Whether numbers are rounded to what their type holds. */
  readonly rounds: boolean;
  /** Types that were asked for, by column. */
  readonly types?: Readonly<Record<string, string>> | undefined;
}

/** A constraint by which DuckDB may refuse rows. */
export type TableConstraint =
  | { readonly kind: 'unique'; readonly columns: readonly string[]; readonly text: string }
  | { readonly kind: 'not null'; readonly columns: readonly string[]; readonly text: string }
  | { readonly kind: 'check'; readonly expression: string; readonly text: string };

/** A table that fits the rows. */
export interface TargetTable {
  readonly name: TableName;
  /** Of the columns of the rows, in their order. */
  readonly types: readonly DuckDbType[];
  readonly constraints: readonly TableConstraint[];
}

interface FoundColumn {
  readonly name: string;
  readonly type: string;
  readonly isNullable: boolean;
  readonly hasDefault: boolean;
}

/**
 * Finds the table for rows and compares its columns with theirs, or creates it.
 *
 * @throws {PipelineError} `SINK_FAILED` if the rows do not fit, by the name of a column; `OUTPUT_FAILED` if it is
 *   not there.
 */
export async function targetTable(
  connection: DuckDBConnection,
  options: TargetOptions,
  schema: Schema,
): Promise<TargetTable> {
  const name = tableName(options.table);
  let found = await columnsOf(connection, name);
  if (found.length === 0) {
    if (options.create === 'never') {
      throw new PipelineError(
        'OUTPUT_FAILED',
        `"${options.path}" has no table "${options.table}"; set "create: if-missing" to have it made, or run: ` +
          creation(name, options, schema),
      );
    }
    await connection.run(`CREATE SCHEMA IF NOT EXISTS ${quoteName(name.schema)}`);
    await connection.run(creation(name, options, schema));
    found = await columnsOf(connection, name);
  }
  const types = schema.columns.map((column) => fittingType(column, found, options));
  refuseUnfilled(found, schema, options);
  const constraints = await constraintsOf(connection, name);
  if (options.key) refuseWithoutKey(options.key, found, constraints, options);
  return { name, types, constraints };
}

/** The statement that makes the table. */
function creation(name: TableName, { key, types = {} }: TargetOptions, schema: Schema): string {
  const columns = schema.columns.map((column) => {
    const type = types[column.name] ?? typeText(usualType(column));
    return `${quoteName(column.name)} ${type}${column.nullable ? '' : ' NOT NULL'}`;
  });
  if (key) columns.push(`PRIMARY KEY (${key.map(quoteName).join(', ')})`);
  return `CREATE TABLE ${quoteTable(name)} (${columns.join(', ')})`;
}

function fittingType(column: Column, found: readonly FoundColumn[], options: TargetOptions): DuckDbType {
  const there = found.find(({ name }) => name.toLowerCase() === column.name.toLowerCase());
  const asked = options.types?.[column.name];
  const askedType = asked === undefined ? undefined : parseType(asked);
  const expected = askedType ? typeText(askedType) : TYPES_OF[column.type].join(', ');
  if (!there) throw misfit(options, column.name, expected, 'no such column');
  const type = parseType(there.type);
  if (askedType && there.type !== typeText(askedType))
    throw misfit(options, column.name, expected, there.type);
  if (!type || !canHold(type, column)) throw misfit(options, column.name, expected, there.type);
  return type;
}

function refuseUnfilled(found: readonly FoundColumn[], schema: Schema, options: TargetOptions): void {
  const given = new Set(schema.columns.map(({ name }) => name.toLowerCase()));
  for (const { name, type, isNullable, hasDefault } of found) {
    if (given.has(name.toLowerCase()) || isNullable || hasDefault) continue;
    throw misfit(options, name, 'a column that the rows have', `${type} NOT NULL without a default`);
  }
}

function refuseWithoutKey(
  key: readonly string[],
  found: readonly FoundColumn[],
  constraints: readonly TableConstraint[],
  options: TargetOptions,
): void {
  const isKept = constraints.some((one) => one.kind === 'unique' && areSameColumns(one.columns, key));
  if (isKept) {
    // To a unique constraint, no NULL is the same as another one: rows that come again would be added again.
    const lacking = key.find((name) => found.some((one) => isSameName(one.name, name) && one.isNullable));
    if (lacking !== undefined)
      throw misfit(options, lacking, 'NOT NULL, since "key" names it', 'a nullable one');
    return;
  }
  throw new PipelineError(
    'SINK_FAILED',
    `"${options.path}", table "${options.table}": expected a primary key or a unique constraint on ` +
      `(${key.join(', ')}), which "key" names, found none; add one, or leave "key" out to append rows`,
  );
}

/** DuckDB takes names that differ in case alone for one. */
export const areSameColumns = (some: readonly string[], others: readonly string[]): boolean =>
  String(lowerCased(some)) === String(lowerCased(others));

const lowerCased = (names: readonly string[]) => names.map((name) => name.toLowerCase()).sort();
const isSameName = (a: string, b: string) => a.toLowerCase() === b.toLowerCase();

const misfit = ({ path, table }: TargetOptions, column: string, expected: string, found: string) =>
  new PipelineError(
    'SINK_FAILED',
    `"${path}", table "${table}", column "${column}": expected ${expected}, found ${found}`,
  );

async function columnsOf(connection: DuckDBConnection, { schema, table }: TableName): Promise<FoundColumn[]> {
  const found = await connection.runAndReadAll(
    'SELECT column_name, data_type, is_nullable, column_default IS NOT NULL FROM duckdb_columns() ' +
      'WHERE database_name = current_database() AND schema_name = $1 AND table_name = $2 ORDER BY column_index',
    [schema, table],
  );
  return found.getRows().map(([name, type, isNullable, hasDefault]) => ({
    name: String(name),
    type: String(type),
    isNullable: isNullable === true,
    hasDefault: hasDefault === true,
  }));
}

async function constraintsOf(
  connection: DuckDBConnection,
  { schema, table }: TableName,
): Promise<TableConstraint[]> {
  const found = await connection.runAndReadAll(
    'SELECT constraint_type, constraint_text, expression, constraint_column_names FROM duckdb_constraints() ' +
      'WHERE database_name = current_database() AND schema_name = $1 AND table_name = $2 ORDER BY constraint_index',
    [schema, table],
  );
  const constraints: TableConstraint[] = [];
  for (const [type, text, expression, names] of found.getRowsJson()) {
    const columns = (names ?? []) as string[];
    if (type === 'PRIMARY KEY' || type === 'UNIQUE') {
      constraints.push({ kind: 'unique', columns, text: String(text) });
    } else if (type === 'NOT NULL') {
      constraints.push({ kind: 'not null', columns, text: `${columns.join(', ')} NOT NULL` });
    } else if (type === 'CHECK') {
      constraints.push({ kind: 'check', expression: String(expression), text: String(text) });
    }
  }
  return constraints;
}
