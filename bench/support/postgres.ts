import { spawnSync } from 'node:child_process';
import pg from 'pg';

/** The server of the tests. */
const URL_OF_SERVER = process.env.TICKLOOM_TEST_POSTGRES ?? 'postgresql://postgres@127.0.0.1:5432/test';

/** A schema of its own in the server, which goes when it is closed. */
export class BenchSchema {
  readonly client: pg.Client;
  readonly name = `tickloom_bench_${process.pid}`;

  private constructor(client: pg.Client) {
    this.client = client;
  }

  /** @returns Why there is none, if none can be had. */
  static async open(): Promise<BenchSchema | { readonly notRun: string }> {
    const { error } = spawnSync('psql', ['--version']);
    if (error) return { notRun: `psql does not start (${error.message}): install the client of PostgreSQL` };
    const client = new pg.Client({ connectionString: URL_OF_SERVER, connectionTimeoutMillis: 10_000 });
    try {
      await client.connect();
    } catch {
      return {
        notRun: 'no PostgreSQL server answers at TICKLOOM_TEST_POSTGRES or 127.0.0.1:5432: start one',
      };
    }
    const schema = new BenchSchema(client);
    await client.query(`CREATE SCHEMA ${schema.name}`);
    return schema;
  }

  /** The connection, as the options of the sink. */
  get connection() {
    const { hostname, port, username, password, pathname } = new URL(URL_OF_SERVER);
    return {
      host: decodeURIComponent(hostname),
      port: Number(port || 5432),
      database: decodeURIComponent(pathname.slice(1)) || 'test',
      user: decodeURIComponent(username) || 'postgres',
      ...(password !== '' && { password: decodeURIComponent(password) }),
    };
  }

  /** The connection, as programs of PostgreSQL read it: the password is in no argument. */
  get environment(): Record<string, string> {
    const { host, port, database, user, password } = this.connection;
    return {
      PGHOST: host,
      PGPORT: String(port),
      PGDATABASE: database,
      PGUSER: user,
      ...(password !== undefined && { PGPASSWORD: password }),
    };
  }

  /** The first row of an answer, all of it as numbers. */
  async numbers(sql: string): Promise<Record<string, number>> {
    const { rows } = await this.client.query<Record<string, string>>(sql);
    return Object.fromEntries(Object.entries(rows[0] ?? {}).map(([name, value]) => [name, Number(value)]));
  }

  async close(): Promise<void> {
    await this.client.query(`DROP SCHEMA ${this.name} CASCADE`);
    await this.client.end();
  }
}
