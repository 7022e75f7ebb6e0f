import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import type { OpenSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import { PostgresSinkOptions } from '../../../../src/stages/sinks/postgres/options.js';
import { postgresSink } from '../../../../src/stages/sinks/postgres/postgres.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import {
  hasPostgres,
  postgresConnection,
  postgresTitle,
  scratchSchema,
} from '../../../support/postgres-server.js';

const ROWS = 1_000;
const SOURCE = { use: 'synthetic', rows: ROWS, symbols: 4 } as const;

describe.runIf(hasPostgres)(postgresTitle('the sink "postgres"'), () => {
  let schema: Awaited<ReturnType<typeof scratchSchema>>;
  let tables = 0;
  beforeAll(async () => {
    schema = await scratchSchema();
  });
  afterAll(() => schema?.remove());

  const newTable = () => `t${tables++}`;
  const sinkOf = (table: string, options: object = {}) => ({
    use: 'postgres' as const,
    connection: postgresConnection(),
    table: `${schema.name}.${table}`,
    ...options,
  });
  const run = (sink: object, rest: object = {}, options: object = {}) =>
    createPipeline({ name: 'job', source: SOURCE, sink, ...rest } as OpenSpec, options).run();
  const count = async (table: string) =>
    Number((await schema.texts(`SELECT count(*) FROM "${table}"`))[0]![0]);

  it.each([
    ['without a store', {}],
    ['with a store', { store: new MemoryCheckpointStore() }],
  ])('has all rows of a run %s', async (_name, options) => {
    const table = newTable();
    const report = await run(sinkOf(table, { create: 'if-missing' }), {}, options);
    expect(report).toMatchObject({ outcome: 'completed', rowsPending: 0, counters: { rowsOut: ROWS } });
    expect(await count(table)).toBe(ROWS);
  });

  it('takes one number of a transaction from the server, however many batches there are', async () => {
    const table = newTable();
    const store = new MemoryCheckpointStore();
    await run(
      sinkOf(table, { create: 'if-missing' }),
      { batchRows: 10, batcher: { maxRows: 10 } },
      { store },
    );
    expect(
      await schema.texts(`SELECT count(*)::text, count(DISTINCT xmin::text)::text FROM ${table}`),
    ).toEqual([[String(ROWS), '1']]);
  });

  it('stops taking a run over when it is told to, and does not wait for ever for a lock', async () => {
    const table = newTable();
    const store = new MemoryCheckpointStore();
    await run(sinkOf(table, { create: 'if-missing' }), { name: 'held' }, { store });
    const [row] = await schema.texts("SELECT run_key, sink FROM tickloom_commits WHERE job = 'held'");
    const [key, sink] = row as [string, string];
    const owner = { host: 'h', process: 'p', thread: 1 };
    const start = { job: 'held', key, sink, epoch: 9, owner, log: silentLogger };
    const options = (own: object = {}) =>
      PostgresSinkOptions.parse({
        connection: { ...postgresConnection(), ...own },
        table: `${schema.name}.${table}`,
      });
    await schema.client.query("BEGIN; SELECT 1 FROM tickloom_commits WHERE job = 'held' FOR UPDATE");
    try {
      const stop = new AbortController();
      const stopped = postgresSink.takeOver(options(), { ...start, signal: stop.signal });
      stop.abort(new Error('stopped'));
      await expect(stopped).rejects.toThrow('stopped');
      await expect(postgresSink.takeOver(options({ connectTimeout: '1s' }), start)).rejects.toMatchObject({
        kind: 'unavailable',
        retryable: true,
      });
    } finally {
      await schema.client.query('ROLLBACK');
    }
    expect(await postgresSink.takeOver(options(), start)).toBeDefined();
  });

  it('creates nothing that the spec does not ask for', async () => {
    const table = newTable();
    const report = await run(sinkOf(table));
    expect(report.error).toMatchObject({ code: 'SINK_FAILED', retryable: false });
    expect(report.error?.message).toContain(
      `CREATE TABLE "${schema.name}"."${table}" ("time" timestamptz NOT NULL`,
    );
  });

  it('asks for the table of commits where a store decides, and creates it with the table alone', async () => {
    const other = await scratchSchema();
    try {
      await other.client.query(
        'CREATE TABLE ticks (time timestamptz, symbol text, bid float8, ask float8, "bidSize" float8, "askSize" float8)',
      );
      const sink = { ...sinkOf('x'), table: `${other.name}.ticks` };
      const report = await run(sink, {}, { store: new MemoryCheckpointStore() });
      expect(report.error?.message).toContain(
        `CREATE TABLE IF NOT EXISTS "${other.name}"."tickloom_commits"`,
      );
    } finally {
      await other.remove();
    }
  });

  it('creates the table of commits once where runs into several tables of a schema start together', async () => {
    const other = await scratchSchema();
    try {
      const tables = Array.from({ length: 8 }, (_, i) => `${other.name}.together${i}`);
      const reports = await Promise.all(
        tables.map((table) =>
          run(
            { ...sinkOf('x', { create: 'if-missing' }), table },
            {},
            { store: new MemoryCheckpointStore() },
          ),
        ),
      );
      expect(reports.map(({ outcome, error }) => error?.message ?? outcome)).toEqual(
        tables.map(() => 'completed'),
      );
    } finally {
      await other.remove();
    }
  });

  it('adds to a table that is there, and leaves what is in it', async () => {
    const table = newTable();
    await run(sinkOf(table, { create: 'if-missing' }));
    await run(sinkOf(table, { create: 'if-missing' }));
    expect(await count(table)).toBe(2 * ROWS);
  });

  it('takes names as they are, and evaluates nothing in them', async () => {
    const table = `Odd "name"; DROP TABLE x; --`;
    const report = await run(sinkOf(table, { create: 'if-missing' }));
    expect(report.outcome).toBe('completed');
    expect(await schema.texts(`SELECT count(*)::text FROM "${table.replaceAll('"', '""')}"`)).toEqual([
      [String(ROWS)],
    ]);
  });

  it('names the columns of a table that do not fit, and writes nothing', async () => {
    const table = newTable();
    await schema.client.query(
      `CREATE TABLE ${table} (time timestamptz, symbol int4, bid float8, "bidSize" jsonb, "askSize" float8, extra int NOT NULL)`,
    );
    const { error } = await run(sinkOf(table));
    expect(error).toMatchObject({ code: 'SINK_FAILED', retryable: false });
    expect(error?.message).toContain('"symbol"');
    expect(error?.message).toContain('column "ask": expected float8, found no such column');
    expect(error?.message).toContain('column "bidSize": expected float8, found jsonb');
    expect(error?.message).toContain('column "extra"');
    expect(await count(table)).toBe(0);
  });

  it('stops and names the column when a table is altered during the run', async () => {
    const table = newTable();
    await run(sinkOf(table, { create: 'if-missing' }));
    const pipeline = createPipeline({
      name: 'job',
      source: { ...SOURCE, rows: 20_000 },
      batchRows: 100,
      batcher: { maxRows: 100 },
      sink: sinkOf(table),
    } as OpenSpec);
    const running = pipeline.run();
    while (pipeline.counters.rowsOut < 200) await new Promise((resolve) => setTimeout(resolve, 1));
    await schema.client.query(`ALTER TABLE ${table} ALTER COLUMN bid TYPE float4`);
    const { error } = await running;
    expect(error?.message).toContain(
      'column "bid": expected float8 NOT NULL, as when the run was opened, found float4 NOT NULL',
    );
  });

  it('replaces rows with the same key, and has the last one of a batch', async () => {
    const table = newTable();
    const sink = sinkOf(table, { create: 'if-missing', mode: 'upsert', key: ['symbol'] });
    for (const options of [{}, { store: new MemoryCheckpointStore() }]) {
      const report = await run(sink, {}, options);
      expect(report.outcome).toBe('completed');
      expect(await count(table)).toBe(4);
    }
    const [last] = await schema.texts(`SELECT max(time)::text FROM ${table}`);
    const whole = newTable();
    await run(sinkOf(whole, { create: 'if-missing' }));
    expect(await schema.texts(`SELECT max(time)::text FROM ${whole}`)).toEqual([last]);
    expect(await schema.texts(`SELECT * FROM ${table} ORDER BY symbol`)).toEqual(
      await schema.texts(`SELECT DISTINCT ON (symbol) * FROM ${whole} ORDER BY symbol, time DESC`),
    );
  });

  it('refuses a key without a unique index', async () => {
    const table = newTable();
    await run(sinkOf(table, { create: 'if-missing' }));
    const { error } = await run(sinkOf(table, { mode: 'upsert', key: ['symbol', 'time'] }));
    expect(error?.message).toContain('expected a unique index or primary key of exactly (symbol, time)');
  });

  it('refuses a key with a column that may be NULL', async () => {
    const table = newTable();
    await run(sinkOf(table, { create: 'if-missing' }));
    await schema.client.query(`ALTER TABLE ${table} ALTER symbol DROP NOT NULL`);
    await schema.client.query(`CREATE UNIQUE INDEX ON ${table} (symbol, time)`);
    const { error } = await run(sinkOf(table, { mode: 'upsert', key: ['symbol', 'time'] }));
    expect(error).toMatchObject({ code: 'SINK_FAILED', retryable: false });
    expect(error?.message).toContain('found "symbol" without it');
  });

  it('creates what many jobs miss at once in a new schema', async () => {
    const other = await scratchSchema();
    try {
      const jobs = Array.from({ length: 12 }, (_, i) => {
        const sink = { ...sinkOf('x', { create: 'if-missing' }), table: `${other.name}.t${i % 6}` };
        return run(sink, { name: `job${i}` }, { store: new MemoryCheckpointStore() });
      });
      const outcomes = (await Promise.all(jobs)).map(({ outcome, error }) => error?.message ?? outcome);
      expect(new Set(outcomes)).toEqual(new Set(['completed']));
    } finally {
      await other.remove();
    }
  });

  it('writes a table that is in a later schema of the search path, and has its commits beside it', async () => {
    const other = await scratchSchema();
    const user = `${other.name}_user`;
    try {
      await other.client.query(`CREATE ROLE ${user} LOGIN SUPERUSER`);
      await other.client.query(`ALTER ROLE ${user} SET search_path = ${other.name}, ${schema.name}`);
      const table = newTable();
      await run(sinkOf(table, { create: 'if-missing' }));
      const sink = { ...sinkOf(table, { create: 'if-missing' }), table };
      const connection = { ...postgresConnection(), user };
      const store = new MemoryCheckpointStore();
      const report = await run({ ...sink, connection }, { name: 'searched' }, { store });
      expect(report.outcome).toBe('completed');
      expect(await count(table)).toBe(2 * ROWS);
      expect(await other.texts(`SELECT to_regclass('${other.name}.tickloom_commits')::text`)).toEqual([
        [null],
      ]);
      expect(
        await schema.texts("SELECT count(*)::text FROM tickloom_commits WHERE job = 'searched'"),
      ).toEqual([['1']]);
    } finally {
      await other.client.query(`DROP ROLE IF EXISTS ${user}`);
      await other.remove();
    }
  });

  it('refuses a hypertable where there is no TimescaleDB', async () => {
    const hasTimescale =
      (await schema.texts("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")).length > 0;
    const table = newTable();
    const { error } = await run(sinkOf(table, { create: 'if-missing', hypertable: { by: 'time' } }));
    if (hasTimescale) expect(error).toBeUndefined();
    else expect(error?.message).toContain('expected the extension timescaledb');
    expect(await schema.texts(`SELECT to_regclass('${table}')::text`)).toEqual([
      [hasTimescale ? table : null],
    ]);
  });

  it('writes numerics where they are asked for, and refuses to round them by the way', async () => {
    const table = newTable();
    const derive = [{ use: 'derive', columns: { third: '(bid + ask) / 3' } }];
    const types = { bid: 'numeric(12,2)', third: 'numeric(12,4)' };
    const refused = await run(sinkOf(table, { create: 'if-missing', types }), { operators: derive });
    expect(refused.error).toMatchObject({ code: 'ROW_INVALID' });
    expect(refused.error?.message).toContain('third');
    const rounded = await run(sinkOf(table, { types, rounds: true }), { operators: derive });
    expect(rounded).toMatchObject({ outcome: 'completed' });
    expect(await count(table)).toBe(ROWS);
  });

  it('keeps nanoseconds in a column of their own where that is asked for', async () => {
    const table = newTable();
    const source = { ...SOURCE, interval: '1001ns' };
    const refused = await run(sinkOf(table, { create: 'if-missing' }), { source });
    expect(refused.error).toMatchObject({ code: 'ROW_INVALID' });
    const kept = newTable();
    expect(await run(sinkOf(kept, { create: 'if-missing', belowMicros: 'keep' }), { source })).toMatchObject({
      outcome: 'completed',
    });
    const ns = await schema.texts(`SELECT min(time_ns)::text, max(time_ns)::text FROM ${kept}`);
    expect(ns).toEqual([['0', '999']]);
  });

  it('is refused beside a second one that appends, and not beside one that replaces', async () => {
    const tee = (second: object) => ({
      use: 'tee',
      branches: [sinkOf(newTable(), { create: 'if-missing' }), second],
    });
    await expect(run(tee(sinkOf(newTable())))).rejects.toMatchObject({
      code: 'SPEC_INVALID',
      message: expect.stringContaining('sink.branches[1]: expected one sink whose database decides'),
    });
    const upsert = sinkOf(newTable(), { create: 'if-missing', mode: 'upsert', key: ['time', 'symbol'] });
    const report = await run(tee(upsert), {}, { store: new MemoryCheckpointStore() });
    expect(report).toMatchObject({ outcome: 'completed' });
  });
});
