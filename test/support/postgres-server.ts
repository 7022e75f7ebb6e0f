import { spawnSync } from 'node:child_process';
import pg from 'pg';

/** `pg` reads its options from a URL, and from the environment of `psql` besides. */
const LOCAL = 'postgresql://postgres@127.0.0.1:5432/test';

/** A URL of a PostgreSQL server that tests may create schemas in: `TICKLOOM_TEST_POSTGRES`, or the usual one here. */
export const POSTGRES_URL = process.env.TICKLOOM_TEST_POSTGRES ?? LOCAL;

/** Asked for once, by a process of its own, since titles of tests are needed before anything can be awaited. */
export const hasPostgres = answers();

if (!hasPostgres && process.env.TICKLOOM_TEST_POSTGRES !== undefined) {
  throw new Error('expected a PostgreSQL server at TICKLOOM_TEST_POSTGRES, found none that answers');
}

/** For the title of a `describe.runIf(hasPostgres)`. */
export const postgresTitle = (title: string): string =>
  hasPostgres
    ? title
    : `${title} (NOT RUN: no PostgreSQL answers at TICKLOOM_TEST_POSTGRES or 127.0.0.1:5432)`;

/** The parts of the URL, as options of a spec. */
export function postgresConnection() {
  const { hostname, port, username, password, pathname } = new URL(POSTGRES_URL);
  return {
    host: decodeURIComponent(hostname),
    port: Number(port || 5432),
    user: decodeURIComponent(username) || 'postgres',
    database: decodeURIComponent(pathname.slice(1)) || 'test',
    ...(password !== '' && { password: decodeURIComponent(password) }),
  };
}

/** A connection of the test's own. End it. */
export async function connectToPostgres(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: POSTGRES_URL });
  await client.connect();
  return client;
}

let schemas = 0;

/** A schema for one test file, and what removes it with all that is in it. */
export async function scratchSchema() {
  const name = `tickloom_${process.pid}_${Date.now().toString(36)}_${schemas++}`;
  const client = await connectToPostgres();
  await client.query(`CREATE SCHEMA ${name}`);
  await client.query(`SET search_path = ${name}`);
  return {
    name,
    client,
    /** Rows of a query, each value as the text that `psql` shows; `null` for NULL. */
    async texts(sql: string): Promise<(string | null)[][]> {
      const types = { getTypeParser: () => (text: string | null) => text };
      // The result of a query in the text format is what the server says, unless a parser changes it.
      const { rows } = await client.query({ text: sql, rowMode: 'array', types: types as never });
      return rows as (string | null)[][];
    },
    async remove(): Promise<void> {
      await client.query(`DROP SCHEMA ${name} CASCADE`);
      await client.end();
    },
  };
}

function answers(): boolean {
  const script = `
    const pg = require('pg');
    const client = new pg.Client({ connectionString: process.argv[1], connectionTimeoutMillis: 10000 });
    client.connect().then(() => client.end()).catch(() => process.exit(1));
  `;
  return spawnSync(process.execPath, ['-e', script, POSTGRES_URL], { cwd: import.meta.dirname }).status === 0;
}
