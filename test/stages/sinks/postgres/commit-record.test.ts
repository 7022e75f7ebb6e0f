import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CommitHolder } from '../../../../src/databases/commit-holder.js';
import { connectToPostgres, type PostgresConnection } from '../../../../src/databases/postgres/connect.js';
import { PostgresConnectionOptions } from '../../../../src/databases/postgres/connection-options.js';
import {
  CommitRecord,
  commitAs,
  commitsBeside,
  createCommits,
} from '../../../../src/stages/sinks/postgres/commit-record.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import {
  hasPostgres,
  postgresConnection,
  postgresTitle,
  scratchSchema,
} from '../../../support/postgres-server.js';

const owner = (process: string) => ({ host: 'h', process, thread: 1 });

describe.runIf(hasPostgres)(postgresTitle('the record of commits'), () => {
  let schema: Awaited<ReturnType<typeof scratchSchema>>;
  const open: PostgresConnection[] = [];
  beforeAll(async () => {
    schema = await scratchSchema();
    await schema.client.query(createCommits(commitsBeside({ schema: schema.name, table: 'rows' })));
    await schema.client.query('CREATE TABLE rows (n int)');
  });
  afterAll(async () => {
    for (const connection of open) await connection.end();
    await schema?.remove();
  });

  const connect = async () => {
    const connection = await connectToPostgres(PostgresConnectionOptions.parse(postgresConnection()));
    open.push(connection);
    return connection;
  };
  const recordOf = (key: string, epoch: number, process = 'a') =>
    new CommitRecord(
      { schema: schema.name, table: 'rows' },
      {
        job: 'job',
        key,
        sink: 'sink',
        epoch,
        owner: owner(process),
      } satisfies CommitHolder,
      silentLogger,
    );
  const insert = async (connection: PostgresConnection, n: number) => {
    await connection.query('BEGIN');
    await connection.query(`INSERT INTO ${schema.name}.rows VALUES (${n})`);
  };
  const has = async (n: number) => (await schema.texts(`SELECT 1 FROM rows WHERE n = ${n}`)).length > 0;

  it('has what was committed last for whoever takes it next', async () => {
    const [first, second] = [await connect(), await connect()];
    const record = recordOf('k1', 1);
    expect(await record.take(first, true)).toBeUndefined();
    await insert(first, 1);
    await record.commit(first, 'one');
    expect(await has(1)).toBe(true);
    expect(await recordOf('k1', 2).take(second, false)).toBe('one');
    expect(await recordOf('k1', 3).take(await connect(), true)).toBeUndefined();
  });

  it.each([
    ['a later epoch', 'epoch = epoch + 1'],
    ['another owner of the same epoch', "owner = 'somebody else'"],
    ['another connection of the same start', "session = 'another one'"],
  ])(
    'lets nothing be committed once %s has it, even if the connection is not ended',
    async (_name, change) => {
      const connection = await connect();
      const key = `k2 ${change}`;
      const record = recordOf(key, 1);
      await record.take(connection, true);
      await insert(connection, 2);
      await schema.client.query(`UPDATE tickloom_commits SET ${change} WHERE run_key = $1`, [key]);
      await expect(record.commit(connection, 'two')).rejects.toMatchObject({ code: 'FENCED' });
      expect(await has(2)).toBe(false);
      expect(
        await schema.texts(
          `SELECT checkpoint FROM tickloom_commits WHERE run_key = '${key.replaceAll("'", "''")}'`,
        ),
      ).toEqual([[null]]);
    },
  );

  it.each([
    ['a lower epoch', 4, 'a'],
    ['another owner of the same epoch', 5, 'b'],
  ])('is not given to %s', async (_name, epoch, process) => {
    const key = `k3 ${epoch}`;
    await recordOf(key, 5).take(await connect(), true);
    await expect(recordOf(key, epoch, process).take(await connect(), false)).rejects.toMatchObject({
      code: 'FENCED',
    });
  });

  it('waits for a commit in progress, and knows of it', async () => {
    const [old, next] = [await connect(), await connect()];
    const record = recordOf('k4', 1);
    await record.take(old, true);
    await insert(old, 4);
    // The statement of the commit has come, and COMMIT has not.
    await old.query(`UPDATE ${schema.name}.tickloom_commits SET checkpoint = 'four' WHERE run_key = 'k4'`);
    const plain = await schema.texts("SELECT checkpoint FROM tickloom_commits WHERE run_key = 'k4'");
    expect(plain).toEqual([[null]]); // a plain read answers too early
    const taking = recordOf('k4', 2).take(next, false);
    for (;;) {
      const [waiting] = await schema.texts(
        "SELECT count(*)::text FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%tickloom_commits%'",
      );
      if (waiting?.[0] !== '0') break;
    }
    await commitAs(old, 'COMMIT');
    expect(await taking).toBe('four');
    expect(await has(4)).toBe(true);
  });

  it('ends the connection that had it, so that what its transaction has locked is free', async () => {
    const [stale, next] = [await connect(), await connect()];
    await recordOf('k5', 1).take(stale, true);
    await insert(stale, 5);
    await recordOf('k5', 2).take(next, false);
    await expect(stale.query('SELECT 1')).rejects.toMatchObject({ kind: 'disconnected' });
    expect(await has(5)).toBe(false);
  });

  it('ends no connection that is not the one of the record, as behind a pooler', async () => {
    const [stale, next] = [await connect(), await connect()];
    await recordOf('k7', 1).take(stale, true);
    await stale.query("SET application_name = 'somebody else'");
    await recordOf('k7', 2).take(next, false);
    expect(await stale.query('SELECT 1')).toEqual([['1']]);
  });

  it('is taken even if the connection before may not be ended', async () => {
    const user = `${schema.name}_watcher`;
    await schema.client.query(`CREATE ROLE ${user} LOGIN; GRANT pg_monitor TO ${user};
      GRANT USAGE ON SCHEMA ${schema.name} TO ${user}; GRANT ALL ON tickloom_commits TO ${user}`);
    const [stale, next] = [
      await connect(),
      await connectToPostgres(PostgresConnectionOptions.parse({ ...postgresConnection(), user })),
    ];
    try {
      await recordOf('k8', 1).take(stale, true);
      expect(await recordOf('k8', 2).take(next, false)).toBeUndefined();
    } finally {
      await next.end();
      await schema.client.query(`DROP OWNED BY ${user}; DROP ROLE ${user}`);
    }
  });

  it('takes a COMMIT that the server answers with ROLLBACK for a failure', async () => {
    const connection = await connect();
    await insert(connection, 6);
    await expect(connection.query('SELECT 1 / 0')).rejects.toMatchObject({ kind: 'invalid-request' });
    await expect(commitAs(connection, 'COMMIT')).rejects.toMatchObject({
      code: 'SINK_FAILED',
      message: expect.stringContaining('found ROLLBACK'),
    });
    expect(await has(6)).toBe(false);
  });
});
