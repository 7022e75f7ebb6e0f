/** Reads files back with DuckDB, which we did not write. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

let connection: Promise<DuckDBConnection> | undefined;

export async function duckdb(sql: string): Promise<Record<string, unknown>[]> {
  connection ??= DuckDBInstance.create(':memory:', { threads: '1' }).then((db) => db.connect());
  return (await (await connection).runAndReadAll(sql)).getRowObjects();
}

/** Column types as DuckDB names them. */
export async function typesOf(from: string): Promise<Record<string, string>> {
  const rows = await duckdb(`DESCRIBE SELECT * FROM ${from}`);
  return Object.fromEntries(rows.map((row) => [String(row.column_name), String(row.column_type)]));
}
