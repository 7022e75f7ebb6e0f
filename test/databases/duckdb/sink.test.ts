import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Row } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import { refusedRows } from '../../../src/databases/duckdb/refused-rows.js';
import type { TableConstraint } from '../../../src/databases/duckdb/target-table.js';
import type { StageContext } from '../../../src/engine/stage.js';
import { duckDbSink } from '../../../src/stages/sinks/duckdb/duckdb.js';
import { DuckDbSinkOptions } from '../../../src/stages/sinks/duckdb/options.js';
import { ALL_TYPES, TICKS, temporaryDirectory, ticks } from '../../stages/sinks/sink-rows.js';
import { collectProblems, RecordedRejects } from '../../support/stage-context.js';
import { type SinkOptions, sinkOf, writeRows } from './database-rig.js';
import { inDatabase } from './in-database.js';

const newPath = () => join(temporaryDirectory(), 'a.duckdb');
const all = (path: string, order = 'rowid') =>
  inDatabase(path, `SELECT epoch_ns(time), symbol, price FROM ticks ORDER BY ${order}`);
const asSelected = (rows: readonly Row[]) => rows.map(({ time, symbol, price }) => [time, symbol, price]);

describe('the sink duckdb and its table', () => {
  it('makes nothing unless it is asked to, and says what would make the table', async () => {
    const path = newPath();
    await expect(writeRows(TICKS, { path, create: 'never' }, ticks(1))).rejects.toThrow(/create: if-missing/);
    expect(existsSync(path)).toBe(false);
    await inDatabase(path, 'SELECT 1');
    const refused = writeRows(TICKS, { path, create: 'never' }, ticks(1));
    await expect(refused).rejects.toMatchObject({ code: 'OUTPUT_FAILED' });
    const made = await refused.catch((error: Error) => /run: (.*)$/.exec(error.message)?.[1]);
    await inDatabase(path, String(made));
    await writeRows(TICKS, { path, create: 'never' }, ticks(3));
    expect(await all(path)).toEqual(asSelected(ticks(3)));
  });

  it('makes columns of the usual types, with those that have no null as such', async () => {
    const path = newPath();
    await writeRows(ALL_TYPES, { path, table: 'market.ticks', types: { price: 'decimal(18,4)' } });
    const columns = await inDatabase(
      path,
      "SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE schema_name = 'market'",
    );
    expect(columns).toEqual([
      ['time', 'TIMESTAMP_NS', false],
      ['symbol', 'VARCHAR', false],
      ['note', 'VARCHAR', true],
      ['price', 'DECIMAL(18,4)', false],
      ['size', 'DOUBLE', true],
      ['level', 'INTEGER', false],
      ['id', 'BIGINT', false],
      ['side', 'VARCHAR', false],
      ['ok', 'BOOLEAN', false],
    ]);
  });

  it.each([
    ['CREATE TABLE ticks (time TIMESTAMP_NS, symbol VARCHAR)', 'price', 'no such column'],
    ['CREATE TABLE ticks (time TIMESTAMP_NS, symbol VARCHAR, price VARCHAR)', 'price', 'VARCHAR'],
    ['CREATE TABLE ticks (time DATE, symbol VARCHAR, price DOUBLE)', 'time', 'DATE'],
    [
      'CREATE TABLE ticks (time TIMESTAMP_NS, symbol VARCHAR, price DOUBLE, venue VARCHAR NOT NULL)',
      'venue',
      'VARCHAR NOT NULL without a default',
    ],
  ])('stops at a table with other columns, and names the column: %s', async (creation, column, found) => {
    const path = newPath();
    await inDatabase(path, creation);
    await expect(writeRows(TICKS, { path }, ticks(1))).rejects.toMatchObject({
      code: 'SINK_FAILED',
      message: expect.stringMatching(new RegExp(`column "${column}".*found ${found}`)),
    });
  });

  it('stops at a table whose column has another type than was asked for', async () => {
    const path = newPath();
    await inDatabase(path, 'CREATE TABLE ticks (time TIMESTAMP_NS, symbol VARCHAR, price DOUBLE)');
    const options = { path, types: { price: 'DECIMAL(18,4)' } };
    await expect(writeRows(TICKS, options, ticks(1))).rejects.toThrow(
      /"price": expected DECIMAL\(18,4\), found DOUBLE/,
    );
  });

  it('adds to a table with columns in another order, and leaves the others to their defaults', async () => {
    const path = newPath();
    await inDatabase(
      path,
      "CREATE TABLE ticks (venue VARCHAR DEFAULT 'X', price DOUBLE, symbol VARCHAR, note VARCHAR, time TIMESTAMP_NS)",
    );
    await writeRows(TICKS, { path }, ticks(2), ticks(2, 2));
    expect(await all(path)).toEqual(asSelected(ticks(4)));
    expect(await inDatabase(path, 'SELECT DISTINCT venue, note FROM ticks')).toEqual([['X', null]]);
  });

  it('takes names as they are, whatever is in them', async () => {
    const path = newPath();
    const schema: Schema = { kind: 'custom', columns: [{ name: 'a"; DROP TABLE x; --', type: 'int32' }] };
    await writeRows(schema, { path, table: "t'; --" }, [{ 'a"; DROP TABLE x; --': 7 }]);
    expect(await inDatabase(path, `SELECT * FROM "t'; --"`)).toEqual([[7]]);
  });

  it('leaves nothing beside the file but its folder once it is closed', async () => {
    const path = newPath();
    await writeRows(TICKS, { path }, ticks(10));
    expect(readdirSync(join(path, '..')).sort()).toEqual(['.a.duckdb.tickloom', 'a.duckdb']);
  });

  it('commits more rows than it may hold in memory', async () => {
    const path = newPath();
    const schema: Schema = { kind: 'custom', columns: [{ name: 'x', type: 'string' }] };
    const { sink, write } = sinkOf(schema, { path, memoryMb: 64 });
    await sink.open?.();
    const text = 'x'.repeat(4_000);
    for (let i = 0; i < 40; i++) {
      await write(Array.from({ length: 1_000 }, (_, row) => ({ x: `${text}${(i * 1_000 + row) % 5_000}` })));
    }
    await sink.flush();
    await sink.close?.();
    expect(await inDatabase(path, 'SELECT count(*), count(DISTINCT x) FROM ticks')).toEqual([
      [40_000n, 5_000n],
    ]);
  });
});

describe('rows that DuckDB refuses', () => {
  const options = () => ({ path: newPath() });
  const constrained =
    'CREATE TABLE ticks (time TIMESTAMP_NS UNIQUE, symbol VARCHAR NOT NULL, price DOUBLE CHECK (price > 0))';
  const nullable: Schema = {
    kind: 'custom',
    columns: [
      { name: 'time', type: 'timestamp' },
      { name: 'symbol', type: 'string', nullable: true },
      { name: 'price', type: 'float64' },
    ],
  };

  it('go to the dead letters one by one, each with its constraint, and all others are written', async () => {
    const { path } = options();
    await inDatabase(path, constrained, "INSERT INTO ticks VALUES (make_timestamp_ns(5), 'there', 1)");
    const rows: Row[] = [
      { time: 1n, symbol: 'A', price: 1 },
      { time: 2n, symbol: null, price: 1 },
      { time: 3n, symbol: 'A', price: -1 },
      { time: 1n, symbol: 'B', price: 1 },
      { time: 5n, symbol: 'A', price: 1 },
      { time: 3n, symbol: 'C', price: 2 },
    ];
    const { rejects } = await writeRows(nullable, { path }, rows.slice(0, 4), rows.slice(4));
    expect(rejects.map(({ line, expected }) => [line, /constraint (.*) allows/.exec(expected)?.[1]])).toEqual(
      [
        [2, 'symbol NOT NULL'],
        [3, 'CHECK((price > 0))'],
        [4, 'UNIQUE("time")'],
        [5, 'UNIQUE("time")'],
      ],
    );
    expect(JSON.parse(rejects[2]!.raw!)).toMatchObject({ symbol: 'B', price: 1 });
    expect(await all(path)).toEqual([
      [5n, 'there', 1],
      [1n, 'A', 1],
      [3n, 'C', 2],
    ]);
  });

  it('are judged in the order in which they came, under several constraints', async () => {
    const { path } = options();
    await inDatabase(
      path,
      'CREATE TABLE ticks (time TIMESTAMP_NS UNIQUE, symbol VARCHAR UNIQUE, price DOUBLE)',
    );
    const rows: Row[] = [
      { time: 1n, symbol: 'A', price: 0 },
      { time: 2n, symbol: 'A', price: 1 }, // refused by its symbol, so its time stays free
      { time: 2n, symbol: 'B', price: 2 },
      { time: 1n, symbol: 'B', price: 3 },
    ];
    const { rejects } = await writeRows(TICKS, { path }, rows);
    expect(rejects.map(({ line }) => line)).toEqual([2, 4]);
    expect((await all(path)).map(([, , price]) => price)).toEqual([0, 2]);
  });

  it('have the lines at which they came, among rows that were refused by their values', async () => {
    const { path } = options();
    await inDatabase(path, 'CREATE TABLE ticks (time TIMESTAMP_NS UNIQUE, symbol VARCHAR, price FLOAT)');
    const batch = (...rows: readonly (readonly [bigint, number])[]): Row[] =>
      rows.map(([time, price]) => ({ time, symbol: 'A', price }));
    const { sink, rejects, write } = sinkOf(TICKS, { path });
    await sink.open?.();
    await write(batch([1n, 0.1]));
    await write(batch([1n, 0.1], [1n, 1], [2n, 0.1], [1n, 2]));
    await sink.flush();
    await write(batch([2n, 0.1], [1n, 3]));
    await sink.flush();
    await sink.close?.();
    expect(rejects.rows.map(({ line, field }) => [line, field])).toEqual([
      [1, 'price'],
      [2, 'price'],
      [4, 'price'],
      [5, undefined],
      [6, 'price'],
      [7, undefined],
    ]);
  });

  it('end the job where there are no dead letters, and nothing of the transaction is written', async () => {
    const { path } = options();
    await inDatabase(path, constrained);
    const { sink, write } = sinkOf(
      nullable,
      { path },
      { rejects: new RecordedRejects({ keepsRows: false }) },
    );
    await sink.open?.();
    await write([
      { time: 1n, symbol: 'A', price: 1 },
      { time: 1n, symbol: 'A', price: 1 },
    ]);
    await expect(sink.flush()).rejects.toMatchObject({ code: 'ROW_INVALID' });
    await sink.close?.();
    expect(await all(path)).toEqual([]);
  });
});

describe('the sink duckdb with "mode: upsert"', () => {
  const upsert: Pick<SinkOptions, 'mode' | 'key'> = { mode: 'upsert', key: ['time'] };

  it('keeps the last row of each key, of one commit or several', async () => {
    const path = newPath();
    const { sink, write } = sinkOf(TICKS, { path, ...upsert });
    await sink.open?.();
    await write([
      { time: 1n, symbol: 'A', price: 1 },
      { time: 2n, symbol: 'A', price: 2 },
    ]);
    await write([{ time: 1n, symbol: 'B', price: 3 }]);
    await sink.flush();
    await write([
      { time: 2n, symbol: 'B', price: 4 },
      { time: 3n, symbol: 'B', price: 5 },
    ]);
    await sink.flush();
    await sink.close?.();
    expect(await all(path, 'time')).toEqual([
      [1n, 'B', 3],
      [2n, 'B', 4],
      [3n, 'B', 5],
    ]);
  });

  it('stops at a table without a constraint on the key', async () => {
    const path = newPath();
    await inDatabase(path, 'CREATE TABLE ticks (time TIMESTAMP_NS, symbol VARCHAR, price DOUBLE)');
    await expect(writeRows(TICKS, { path, ...upsert }, ticks(1))).rejects.toThrow(
      /unique constraint on \(time\)/,
    );
  });

  it('stops at a table whose key may be NULL, since no NULL is the same as another one', async () => {
    const path = newPath();
    await inDatabase(
      path,
      'CREATE TABLE ticks (time TIMESTAMP_NS, symbol VARCHAR, price DOUBLE, UNIQUE (symbol, time))',
    );
    await expect(
      writeRows(TICKS, { path, mode: 'upsert', key: ['time', 'symbol'] }, ticks(1)),
    ).rejects.toMatchObject({
      code: 'SINK_FAILED',
      message: expect.stringContaining('column "time": expected NOT NULL'),
    });
  });

  it('puts rows without a key among the dead letters, however often they come', async () => {
    const path = newPath();
    const schema: Schema = {
      kind: 'custom',
      columns: [
        { name: 'symbol', type: 'string', nullable: true },
        { name: 'price', type: 'float64' },
      ],
    };
    const rows = [
      { symbol: null, price: 1 },
      { symbol: null, price: 2 },
      { symbol: 'x', price: 3 },
    ];
    for (let times = 0; times < 2; times++) {
      const { rejects } = await writeRows(schema, { path, mode: 'upsert', key: ['symbol'] }, rows);
      expect(rejects.map(({ line }) => line)).toEqual([1, 2]);
    }
    expect(await inDatabase(path, 'SELECT symbol, price FROM ticks')).toEqual([['x', 3]]);
  });

  const withMail: Schema = {
    kind: 'custom',
    columns: [
      { name: 'id', type: 'int32' },
      { name: 'email', type: 'string' },
      { name: 'seen', type: 'int32' },
    ],
  };
  const members = async (rows: readonly (readonly [number, string, number])[], before = 'SELECT 1') => {
    const path = newPath();
    await inDatabase(
      path,
      'CREATE TABLE ticks (ID INTEGER PRIMARY KEY, email VARCHAR UNIQUE, seen INTEGER)',
      before,
    );
    const { rejects } = await writeRows(
      withMail,
      { path, mode: 'upsert', key: ['id'] },
      rows.map(([id, email, seen]) => ({ id, email, seen })),
    );
    return {
      lines: rejects.map(({ line }) => line),
      found: await inDatabase(path, 'SELECT id, email, seen FROM ticks ORDER BY id'),
    };
  };

  it('judges the last row of each key alone, which its own older ones are not in the way of', async () => {
    expect(
      await members([
        [1, 'a', 1],
        [1, 'a', 2],
        [2, 'a', 3],
      ]),
    ).toEqual({ lines: [3], found: [[1, 'a', 2]] });
  });

  it('writes the row before the last one of a key where the last one is refused', async () => {
    const rows = [
      [1, 'b', 1],
      [1, 'c', 2],
      [1, 'a', 3],
    ] as const;
    expect(await members(rows, "INSERT INTO ticks VALUES (2, 'a', 0)")).toEqual({
      lines: [3],
      found: [
        [1, 'c', 2],
        [2, 'a', 0],
      ],
    });
  });

  it('does not take the row that it replaces for one that is in its way', async () => {
    const path = newPath();
    await inDatabase(
      path,
      'CREATE TABLE ticks (time TIMESTAMP_NS PRIMARY KEY, symbol VARCHAR, price DOUBLE CHECK (price > 0))',
    );
    await writeRows(TICKS, { path, ...upsert }, [{ time: 1n, symbol: 'A', price: 1 }]);
    const { rejects } = await writeRows(TICKS, { path, ...upsert }, [
      { time: 1n, symbol: 'B', price: 2 },
      { time: 1n, symbol: 'C', price: -2 },
      { time: 2n, symbol: 'D', price: -2 },
    ]);
    expect(rejects).toHaveLength(2);
    expect(await all(path)).toEqual([[1n, 'B', 2]]);
  });
});

describe('the sink duckdb with a checkpoint store', () => {
  const kept = {
    checkpointed: true,
    run: { id: 'run', epoch: 1, owner: { hostname: 'host', pid: 1, threadId: 1 } },
  } as unknown as Partial<StageContext>;

  it('commits no rows without their checkpoint', async () => {
    const path = newPath();
    const { sink, write } = sinkOf(TICKS, { path }, kept);
    await sink.open?.();
    await write(ticks(2));
    await expect(async () => sink.flush()).rejects.toThrow(/together with the checkpoint/);
    await sink.prepare?.(false);
    await expect(async () => sink.flush()).rejects.toThrow(/together with the checkpoint/);
    await sink.decide?.('first');
    expect(await sink.flush()).toEqual({ rows: 2, position: { ordinal: 2 } });
    await sink.close?.();
    expect(await all(path)).toEqual(asSelected(ticks(2)));
  });

  it('commits no cut that was taken back, or is none, and its rows with the next one', async () => {
    const path = newPath();
    const { sink, write } = sinkOf(TICKS, { path }, kept);
    await sink.open?.();
    await write(ticks(2));
    await sink.prepare?.(false);
    sink.takeBack?.();
    await expect(sink.decide?.('first')).rejects.toThrow(/not taken back/);
    await write(ticks(2, 2));
    await sink.prepare?.(false);
    await sink.decide?.('second');
    await expect(sink.decide?.('third')).rejects.toThrow(/not taken back/);
    await sink.close?.();
    expect(await all(path)).toEqual(asSelected(ticks(4)));
    expect(await inDatabase(path, 'SELECT checkpoint FROM tickloom_commits')).toEqual([['second']]);
  });

  it('refuses a position that is none of its own', async () => {
    for (const position of [null, {}, { ordinal: -1 }, { ordinal: '3' }]) {
      const { sink } = sinkOf(TICKS, { path: newPath() });
      expect(() => sink.resume?.(position)).toThrow(expect.objectContaining({ code: 'CHECKPOINT_INVALID' }));
    }
  });
});

describe('the options of the sink duckdb', () => {
  it('name a column that the key has twice', () => {
    const { found, add } = collectProblems();
    const key = { mode: 'upsert', key: ['time', 'symbol', 'time'] };
    duckDbSink.plan?.(DuckDbSinkOptions.parse({ path: 'a.duckdb', table: 'ticks', ...key }), TICKS, { add });
    expect(found).toEqual(['key.2: expected each column once, found "time" again']);
  });

  it('name what does not fit the rows', () => {
    const { found, add } = collectProblems();
    const options = DuckDbSinkOptions.parse({
      path: 'a.duckdb',
      table: 'ticks',
      mode: 'upsert',
      key: ['time', 'id'],
      types: { price: 'TIMESTAMP', volume: 'DOUBLE' },
    });
    duckDbSink.plan?.(options, TICKS, { add });
    expect(found).toEqual([
      'key.1: expected one of time, symbol, price, found "id"',
      'types.price: expected one of DOUBLE, FLOAT, DECIMAL, TINYINT, SMALLINT, INTEGER, BIGINT for float64, found "TIMESTAMP"',
      'types.volume: expected a column of the rows, found "volume"',
    ]);
  });

  it('ask for a key with "mode: upsert", and for none without', () => {
    const of = (more: object) =>
      DuckDbSinkOptions.safeParse({ path: 'a', table: 't', ...more }).error?.issues.map(({ path }) => path);
    expect(of({ mode: 'upsert' })).toEqual([['key']]);
    expect(of({ key: ['time'] })).toEqual([['key']]);
  });
});

describe('the search for refused rows', () => {
  it('ends where there are too many of them, of any kind of constraint', async () => {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const connection = await instance.connect();
    onTestFinished(() => {
      connection.closeSync();
      instance.closeSync();
    });
    await connection.run('CREATE TABLE t (x INTEGER UNIQUE)');
    await connection.run('CREATE TABLE staged AS SELECT unnest([NULL, NULL, -1, 1, 1]) AS x');
    const staged = [{ name: 'staged', rows: 5, ordinal: 0, gaps: [] }];
    const found = async (constraint: TableConstraint, max: number) => {
      const target = { name: { schema: 'main', table: 't' }, types: [], constraints: [constraint] };
      return (await refusedRows(connection, target, staged, undefined, max))
        ?.get(staged[0]!)
        ?.map(({ row }) => row);
    };
    const notNull: TableConstraint = { kind: 'not null', columns: ['x'], text: 'x NOT NULL' };
    expect([await found(notNull, 2), await found(notNull, 1)]).toEqual([[0, 1], undefined]);
    const check: TableConstraint = { kind: 'check', expression: 'x > 0', text: 'CHECK(x > 0)' };
    expect([await found(check, 1), await found(check, 0)]).toEqual([[2], undefined]);
    const unique: TableConstraint = { kind: 'unique', columns: ['x'], text: 'UNIQUE(x)' };
    expect([await found(unique, 2), await found(unique, 1)]).toEqual([[4], undefined]);
  });
});
