import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DictionarySet } from '../../../../src/columns/dictionary.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { systemClock } from '../../../../src/core/clock.js';
import { toWireError } from '../../../../src/core/errors.js';
import type { PlainData } from '../../../../src/core/plain-data.js';
import type { StageContext } from '../../../../src/engine/stage.js';
import { PostgresSourceOptions } from '../../../../src/stages/sources/postgres/options.js';
import { postgresSource } from '../../../../src/stages/sources/postgres/postgres.js';
import { rowsIn } from '../../../support/batch-rows.js';
import {
  hasPostgres,
  postgresConnection,
  postgresTitle,
  scratchSchema,
} from '../../../support/postgres-server.js';
import { drainRows } from '../../../support/replayed.js';
import { collectProblems, RecordedRejects, stageContext } from '../../../support/stage-context.js';

const COLUMNS = [
  { name: 'time', type: 'timestamp', from: 'at' },
  { name: 'symbol', type: 'string' },
  { name: 'price', type: 'float64' },
  { name: 'size', type: 'float64', nullable: true },
];
const SELECT = `SELECT (extract(epoch FROM at) * 1000000)::bigint * 1000, symbol, price, size FROM`;

describe('options of the source postgres', () => {
  const base = { connection: { database: 'd', user: 'u' }, table: 't', columns: COLUMNS };
  const problemsOf = (own: object) => {
    const problems = collectProblems();
    postgresSource.plan(PostgresSourceOptions.parse({ ...base, ...own }), problems, {
      hasDeadLetters: false,
      inputs: {},
    });
    return problems.found;
  };

  it('are a table or a query, with a time by which rows are ordered', () => {
    expect(problemsOf({})).toEqual([]);
    expect(problemsOf({ columns: COLUMNS.slice(1) })[0]).toContain(
      'expected a column "time" of type timestamp',
    );
    expect(problemsOf({ key: ['id', 'at'] })).toEqual([
      'key: expected columns besides the time, each once, found "at"',
    ]);
    expect(problemsOf({ from: '2024-01-02T00:00:00Z', to: '2024-01-02T00:00:00.000Z' })).toEqual([
      'to: expected a time after "from"',
    ]);
    expect(() => problemsOf({ query: 'SELECT 1' })).toThrow('either');
    expect(() => problemsOf({ table: 'x'.repeat(64) })).toThrow('at most 63 bytes');
  });
});

describe.runIf(hasPostgres)(postgresTitle('source postgres'), () => {
  let schema: Awaited<ReturnType<typeof scratchSchema>>;
  beforeAll(async () => {
    schema = await scratchSchema();
    await schema.client.query(`
      CREATE TABLE ticks (id int8 NOT NULL, at timestamptz NOT NULL, symbol text NOT NULL, price float8 NOT NULL, size numeric(12,3));
      INSERT INTO ticks SELECT i, timestamptz '2024-01-02 00:00:00Z' + (i / 7) * interval '1 ms', 'S' || (i % 13), i / 4.0,
        CASE WHEN i % 5 = 0 THEN NULL ELSE i / 8.0 END FROM generate_series(1, 2500) i;
      CREATE INDEX ON ticks (at, id);
    `);
  });
  afterAll(() => schema?.remove());

  function sourceOf(own: object = {}, overrides: Partial<StageContext> = {}) {
    const options = PostgresSourceOptions.parse({
      connection: postgresConnection(),
      table: `${schema.name}.ticks`,
      columns: COLUMNS,
      key: ['id'],
      chunkRows: 300,
      ...own,
    });
    const rejects = new RecordedRejects();
    const context = stageContext({
      clock: systemClock,
      rejects,
      dictionaries: new DictionarySet(),
      ...overrides,
    });
    return { source: postgresSource.create(options, context), rejects };
  }

  async function readAll(own: object = {}, overrides: Partial<StageContext> = {}) {
    const { source, rejects } = sourceOf(own, overrides);
    try {
      await source.open?.();
    } catch (error) {
      await source.close?.();
      return { rows: [], error, rejected: rejects.rows };
    }
    return { ...(await drainRows(source)), rejected: rejects.rows };
  }

  const selected = async (relation: string): Promise<Row[]> => {
    const rows = await schema.texts(`${SELECT} ${relation}`);
    return rows.map(([time, symbol, price, size]) => ({
      time: BigInt(time!),
      symbol: symbol!,
      price: Number(price),
      size: size === null ? null : Number(size),
    })) as Row[];
  };

  it('gives what a select gives, in order of time and key', async () => {
    const { rows, error } = await readAll();
    expect(error).toBeUndefined();
    expect(rows).toEqual(await selected('ticks ORDER BY at, id'));
  });

  it('gives the rows from a time on and before another', async () => {
    const { rows } = await readAll({ from: '2024-01-02T00:00:00.100Z', to: '2024-01-02T00:00:00.200000Z' });
    expect(rows).toEqual(
      await selected(
        `ticks WHERE at >= '2024-01-02 00:00:00.1Z' AND at < '2024-01-02 00:00:00.2Z' ORDER BY at, id`,
      ),
    );
    expect(rows.length).toBe(700);
  });

  it('gives the rows of a query, whatever stands at its end', async () => {
    const query = `SELECT * FROM ${schema.name}.ticks WHERE symbol = 'S3' -- only these`;
    const { rows, error } = await readAll({ table: undefined, query });
    expect(error).toBeUndefined();
    expect(rows).toEqual(await selected(`ticks WHERE symbol = 'S3' ORDER BY at, id`));
  });

  it('goes on at any place where it was broken off', async () => {
    const all = (await readAll({ chunkRows: 100 })).rows;
    const positions: PlainData[] = [];
    const { source } = sourceOf({ chunkRows: 100 }, { batchRows: 37 });
    await source.open?.();
    let given = 0;
    const counts: number[] = [];
    for (;;) {
      positions.push(JSON.parse(JSON.stringify(source.position())) as PlainData);
      counts.push(given);
      const batch = await source.read();
      if (!batch) break;
      given += batch.length;
      batch.release();
    }
    await source.close?.();
    expect(given).toBe(all.length);
    for (let i = 0; i < positions.length; i += 9) {
      const { source: next } = sourceOf({ chunkRows: 100 + i });
      await next.open?.();
      await next.resume(positions[i]!);
      const { rows, error } = await drainRows(next);
      expect(error).toBeUndefined();
      expect(rows).toEqual(all.slice(counts[i]));
    }
  });

  it('reads on without a row lost or doubled after the server has ended its connections', async () => {
    const all = (await readAll()).rows;
    const connection = { ...postgresConnection(), applicationName: `${schema.name}_ended` };
    const { source } = sourceOf({ connection, chunkRows: 400 }, { batchRows: 50 });
    await source.open?.();
    const rows: Row[] = [];
    for (let reads = 0; ; reads++) {
      if (reads % 9 === 4) {
        await schema.client.query(
          'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1',
          [connection.applicationName],
        );
      }
      const batch = await source.read();
      if (!batch) break;
      rows.push(...rowsIn(batch));
      batch.release();
    }
    expect(source.statistics?.()).toMatchObject({ reconnects: expect.any(Number) });
    expect(Number(source.statistics?.().reconnects)).toBeGreaterThan(0);
    await source.close?.();
    expect(rows).toEqual(all);
  }, 60_000);

  it('holds a chunk of bytes, however many rows there are', async () => {
    const query = `SELECT i AS id, timestamptz '2024-01-02Z' + i * interval '1 us' AS at, 'S' || (i % 3) AS symbol, i::float8 AS price, 1::float8 AS size FROM generate_series(1, 200000) i`;
    const { source } = sourceOf({ table: undefined, query, chunkRows: 1_000_000 }, { batchRows: 1_024 });
    await source.open?.();
    let held = 0;
    let rows = 0;
    for (;;) {
      const batch = await source.read();
      if (!batch) break;
      rows += batch.length;
      batch.release();
      held = Math.max(held, Number(source.statistics?.().bytesHeld));
    }
    await source.close?.();
    expect(rows).toBe(200_000);
    expect(held).toBeLessThan(1_048_576);
  });

  it('settles a read that waits for the server once it is stopped', async () => {
    const query = `SELECT 1::int8 AS id, now() AS at, 'a' AS symbol, 1::float8 AS price, 1::float8 AS size FROM pg_sleep(CASE WHEN current_setting('transaction_read_only') = 'on' THEN 30 ELSE 0 END)`;
    const { source } = sourceOf({ table: undefined, query });
    await source.open?.();
    const reading = source.read();
    setTimeout(() => source.stop(), 100);
    expect(await reading).toBeNull();
    await source.close?.();
  });

  it('stops at two rows that no key tells apart, though a chunk ends between them', async () => {
    const { error } = await readAll({ key: [], chunkRows: 100 });
    expect(error).toMatchObject({
      code: 'SOURCE_FAILED',
      retryable: false,
      message: expect.stringContaining('"key"'),
    });
  });

  it('refuses a key without a value in some rows', async () => {
    const query = `SELECT NULLIF(id, 7) AS id, at, symbol, price, size FROM ${schema.name}.ticks`;
    const { error } = await readAll({ table: undefined, query });
    expect(error).toMatchObject({
      code: 'PROVIDER_INVALID_REQUEST',
      message: expect.stringContaining('"id"'),
    });
  });

  it('adds rows that do not fit to the letters with row and column, and goes on', async () => {
    const query = `SELECT id, at, CASE WHEN id % 1000 = 0 THEN NULL ELSE symbol END AS symbol, price, size FROM ${schema.name}.ticks`;
    const { rows, rejected } = await readAll({ table: undefined, query });
    expect(rows.length).toBe(2_498);
    expect(rejected).toEqual([
      {
        file: 'query',
        line: 1_000,
        field: 'symbol',
        expected: expect.stringContaining('a value'),
        found: 'NULL',
      },
      {
        file: 'query',
        line: 2_000,
        field: 'symbol',
        expected: expect.stringContaining('a value'),
        found: 'NULL',
      },
    ]);
  });

  it('reads times to the nanosecond where they have a column for the rest', async () => {
    await schema.client.query(`
      CREATE TABLE nanos (at timestamptz NOT NULL, below int2 NOT NULL);
      INSERT INTO nanos SELECT timestamptz '2024-01-02Z' + (i / 10) * interval '1 us', i % 10 * 100 FROM generate_series(0, 999) i;
    `);
    const own = {
      table: `${schema.name}.nanos`,
      columns: [{ name: 'time', type: 'timestamp', from: 'at', nanos: 'below' }],
      key: [],
      chunkRows: 101,
    };
    const { rows, error } = await readAll(own);
    expect(error).toBeUndefined();
    expect(rows).toEqual(
      Array.from({ length: 1_000 }, (_, i) => ({ time: 1_704_153_600_000_000_000n + BigInt(i) * 100n })),
    );
  });

  it('orders by uuids and dates as the server does, and by the bytes of texts', async () => {
    await schema.client.query(`
      CREATE TABLE keys (at date NOT NULL, u uuid NOT NULL, t text NOT NULL);
      INSERT INTO keys SELECT date '2024-01-02' + i / 300, md5((i % 300 / 3)::text)::uuid, (ARRAY['a''\\b', 'B', 'é'])[1 + i % 3] FROM generate_series(0, 899) i;
    `);
    const own = {
      table: `${schema.name}.keys`,
      columns: [
        { name: 'time', type: 'timestamp', from: 'at' },
        { name: 't', type: 'string' },
      ],
      key: ['u', 't'],
      chunkRows: 100,
    };
    const { rows, error } = await readAll(own);
    expect(error).toBeUndefined();
    const order = await schema.texts('SELECT t FROM keys ORDER BY at, u, t COLLATE "C"');
    expect(rows.map(({ t }) => t)).toEqual(order.map(([t]) => t));
  });

  it('goes on behind a text that its collation takes for the next one', async () => {
    await schema.client.query(`
      CREATE COLLATION alike (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
      CREATE TABLE collated (at timestamptz NOT NULL, t text COLLATE alike NOT NULL);
      INSERT INTO collated SELECT timestamptz '2024-01-02Z', t FROM unnest(ARRAY['a', 'B', 'A', 'b']) t;
    `);
    const columns = [
      { name: 'time', type: 'timestamp', from: 'at' },
      { name: 't', type: 'string' },
    ];
    const own = { table: `${schema.name}.collated`, columns, key: ['t'], chunkRows: 100 };
    const seen: unknown[] = [];
    let position: PlainData | undefined;
    for (let starts = 0; starts < 4; starts++) {
      const { source } = sourceOf(own, { batchRows: 1 });
      await source.open?.();
      if (position !== undefined) await source.resume(position);
      const batch = await source.read();
      if (batch) {
        seen.push(...rowsIn(batch).map(({ t }) => t));
        batch.release();
      }
      position = JSON.parse(JSON.stringify(source.position())) as PlainData;
      await source.close?.();
    }
    expect(seen).toEqual(['A', 'B', 'a', 'b']);
  });

  it('names a table and a column that there are not, and a type that does not fit', async () => {
    expect((await readAll({ table: `${schema.name}.none` })).error).toMatchObject({
      code: 'PROVIDER_NOT_FOUND',
      message: expect.stringContaining('none'),
    });
    const missing = [...COLUMNS, { name: 'venue', type: 'string' }];
    expect((await readAll({ columns: missing })).error).toMatchObject({
      code: 'PROVIDER_NOT_FOUND',
      message: expect.stringContaining('venue'),
    });
    const drifted = COLUMNS.map((column) =>
      column.name === 'symbol' ? { name: 'symbol', type: 'float64' } : column,
    );
    expect((await readAll({ columns: drifted })).error).toMatchObject({
      code: 'PROVIDER_UNSUPPORTED',
      retryable: false,
      message: expect.stringContaining(
        'expected column "symbol" to be of type float8, float4, numeric, int8, int4, int2, since it is read as float64, found text',
      ),
    });
    const query = `SELECT id, at, to_jsonb(symbol) AS symbol, price, size FROM ${schema.name}.ticks`;
    expect((await readAll({ table: undefined, query })).error).toMatchObject({
      message: expect.stringContaining('found jsonb'),
    });
  });

  it('notices a type that changes between two chunks, of the same width too', async () => {
    await schema.client.query('CREATE TABLE drifting AS SELECT * FROM ticks');
    const { source } = sourceOf({ table: `${schema.name}.drifting`, chunkRows: 100 }, { batchRows: 1_000 });
    await source.open?.();
    const batch = await source.read();
    expect(batch?.length).toBe(100);
    batch?.release();
    await schema.client.query('ALTER TABLE drifting ALTER price TYPE timestamptz USING now()');
    const { rows, error } = await drainRows(source);
    expect(rows).toEqual([]);
    expect(toWireError(error)).toMatchObject({
      code: 'PROVIDER_UNSUPPORTED',
      message: expect.stringContaining('expected column "price" to be of type'),
    });
  });

  it('lets a query change nothing', async () => {
    const tables = [
      `SELECT * FROM ${schema.name}.ticks) AS r) TO STDOUT; COMMIT; DROP TABLE ${schema.name}.ticks; --`,
      `WITH gone AS (DELETE FROM ${schema.name}.ticks RETURNING *) SELECT * FROM gone`,
      `SELECT id, at, symbol, price, setval('${schema.name}.s', 5)::float8 AS size FROM ${schema.name}.ticks`,
    ];
    await schema.client.query('CREATE SEQUENCE s');
    for (const query of tables) {
      expect((await readAll({ table: undefined, query })).error).toMatchObject({ retryable: false });
    }
    expect(await schema.texts('SELECT count(*) FROM ticks')).toEqual([['2500']]);
    expect(await schema.texts('SELECT last_value FROM s')).toEqual([['1']]);
  });

  it('takes no position that is not of its key', async () => {
    for (const after of [["0'; --", '1'], ['1'], [1, 2], 'x']) {
      const { source } = sourceOf();
      await source.open?.();
      expect(() => source.resume({ after, rows: 1 })).toThrow(
        expect.objectContaining({ code: 'CHECKPOINT_INVALID' }),
      );
      await source.close?.();
    }
  });

  it('gives up on a server that does not come back after as many attempts as it may make', async () => {
    const connection = { ...postgresConnection(), host: '127.0.0.1', port: 1 };
    const { source } = sourceOf({ connection, reconnects: 1 });
    await source.open?.();
    await expect(source.read()).rejects.toMatchObject({ code: 'PROVIDER_UNAVAILABLE', retryable: true });
    expect(source.health?.()).toMatchObject({ status: 'degraded' });
    await source.close?.();
  });
});
