/** Compares the tables of two runs, row for row. */
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import pg from 'pg';
import { TABLES, tableOf } from './database-jobs.mjs';

const asText = { getTypeParser: () => (text) => text };

/**
 * @param wanted - Where the undisturbed run has written: `connection`, `schema` and `folder`.
 * @param found - Where the disturbed run has.
 * @returns How many rows were compared, and what differs.
 */
export async function compareTables(wanted, found) {
  const problems = [];
  let rows = 0;
  for (const job of Object.keys(TABLES)) {
    const [expected, actual] = [await rowsOf(job, wanted), await rowsOf(job, found)];
    rows += expected.length;
    if (expected.length === 0) problems.push(`${job}: the undisturbed run has written no rows`);
    const at = firstDifference(expected, actual);
    if (at < 0) continue;
    const sides = `expected ${expected[at] ?? 'no row'}, found ${actual[at] ?? 'no row'}`;
    problems.push(
      `${job}: ${expected.length} rows expected, ${actual.length} found; row ${at + 1}: ${sides}`,
    );
  }
  return { rows, problems };
}

const rowsOf = (job, place) =>
  TABLES[job].in === 'postgres' ? postgresRows(job, place) : duckdbRows(job, place);

/** Of all columns in turn: rows that are there twice stand side by side. */
const selectFrom = (table) => `SELECT * FROM ${table} t ORDER BY t`;

async function postgresRows(job, { connection, schema }) {
  const client = new pg.Client(connection);
  await client.connect();
  try {
    const text = selectFrom(`${schema}.${tableOf(job)}`);
    const { rows } = await client.query({ text, rowMode: 'array', types: asText });
    return rows.map((row) => JSON.stringify(row));
  } finally {
    await client.end();
  }
}

async function duckdbRows(job, { folder }) {
  const instance = await DuckDBInstance.create(join(folder, `${job}.duckdb`), { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(selectFrom(tableOf(job)));
    return reader.getRowsJson().map((row) => JSON.stringify(row));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function firstDifference(a, b) {
  for (let at = 0; at < Math.max(a.length, b.length); at++) if (a[at] !== b[at]) return at;
  return -1;
}
