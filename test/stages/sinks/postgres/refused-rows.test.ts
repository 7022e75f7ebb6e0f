import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import type { OpenSpec } from '../../../../src/plan/typed-spec.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import {
  hasPostgres,
  postgresConnection,
  postgresTitle,
  scratchSchema,
} from '../../../support/postgres-server.js';
import { scratchFolder } from '../../../support/recorded-data.js';

const ROWS = 200;
const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const TICKS = SCRATCH.write(
  'ticks.csv',
  `time,symbol,price\n${Array.from({ length: ROWS }, (_, i) => `${1_700_000_000_000 + i},${'AB'[i % 2]},${i}`).join('\n')}\n`,
);
const SOURCE = {
  use: 'replay',
  path: TICKS,
  kind: 'custom',
  columns: {
    time: { from: 'time', unit: 'ms', type: 'timestamp' },
    symbol: { from: 'symbol', type: 'string' },
    price: { from: 'price', type: 'float64' },
  },
};

interface Letter {
  readonly file: string;
  readonly line: number;
  readonly field?: string;
  readonly found: string;
  readonly raw: string;
}

describe.runIf(hasPostgres)(postgresTitle('rows that PostgreSQL refuses'), () => {
  let schema: Awaited<ReturnType<typeof scratchSchema>>;
  let tables = 0;
  beforeAll(async () => {
    schema = await scratchSchema();
    await schema.client.query(
      `CREATE FUNCTION ${schema.name}.refuse() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN IF NEW.price = 77 THEN RAISE EXCEPTION 'not on a Sunday'; END IF; RETURN NEW; END $$`,
    );
  });
  afterAll(() => schema?.remove());

  /** @param columns - Of the table. */
  async function run(
    columns: string,
    options: object = {},
    more: object = {},
    after?: (table: string) => Promise<unknown>,
  ) {
    const table = `t${tables++}`;
    await schema.client.query(`CREATE TABLE ${table} (${columns})`);
    await after?.(table);
    const dead = `${SCRATCH.folder}/${table}.jsonl`;
    const spec = {
      name: 'job',
      source: SOURCE,
      batcher: { maxRows: 64 },
      sink: {
        use: 'postgres',
        connection: postgresConnection(),
        table: `${schema.name}.${table}`,
        create: 'if-missing',
        ...options,
      },
      deadLetter: { path: dead },
      ...more,
    } as OpenSpec;
    const report = await createPipeline(spec, { store: new MemoryCheckpointStore() }).run();
    const letters = () =>
      readFileSync(dead, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Letter);
    const prices = async () =>
      (await schema.texts(`SELECT price::float8::text FROM ${table} ORDER BY time`)).map(([price]) =>
        Number(price),
      );
    return { report, letters, prices, table };
  }

  const allBut = (...refused: number[]) =>
    Array.from({ length: ROWS }, (_, i) => i).filter((i) => !refused.includes(i));
  const COLUMNS = 'time timestamptz NOT NULL, symbol text NOT NULL, price float8 NOT NULL';

  it('go to the dead letters one by one with the reason of the server, and all others into the table', async () => {
    const { report, letters, prices, table } = await run(`${COLUMNS}, CHECK (price NOT IN (3, 4, 150))`);
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsRejected: 3 } });
    expect(await prices()).toEqual(allBut(3, 4, 150));
    expect(letters().map(({ file, line }) => [file, line])).toEqual(
      [4, 5, 151].map((line) => [`table "${schema.name}.${table}"`, line]),
    );
    expect(letters()[2]).toMatchObject({
      found: expect.stringContaining('violates check constraint'),
      raw: '{"time":"2023-11-14T22:13:20.150000000Z","symbol":"A","price":150}',
    });
    expect(letters()[2]?.found).toContain('SQLSTATE 23514');
  });

  it('are found behind a trigger and a unique index, too', async () => {
    const { letters, prices } = await run(COLUMNS, {}, {}, async (table) => {
      await schema.client.query(
        `CREATE TRIGGER refuse BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION refuse()`,
      );
      await schema.client.query(
        `CREATE UNIQUE INDEX ON ${table} ((CASE WHEN price = 100 THEN 99 ELSE price END))`,
      );
    });
    expect(await prices()).toEqual(allBut(77, 100));
    expect(letters().map(({ found }) => found)).toEqual([
      expect.stringContaining('not on a Sunday'),
      expect.stringContaining('duplicate key'),
    ]);
  });

  it('are refused one by one even if there is no other', async () => {
    const { report, letters, prices } = await run(`${COLUMNS}, CHECK (price < 0)`);
    expect(report).toMatchObject({ outcome: 'completed', counters: { rowsRejected: ROWS } });
    expect(await prices()).toEqual([]);
    expect(letters()).toHaveLength(ROWS);
  });

  it('name their column where a type cannot hold the value, in order with those of the server', async () => {
    const { letters, prices } = await run(
      'time timestamptz NOT NULL, symbol text NOT NULL, price int2 NOT NULL CHECK (price <> 9)',
      {},
      {
        operators: [{ use: 'derive', columns: { price: 'if(price == 20, price + 0.5, price)' } }],
      },
    );
    expect(await prices()).toEqual(allBut(9, 20));
    expect(
      letters()
        .map(({ line, field }) => [line, field])
        .sort(),
    ).toEqual([
      [10, undefined],
      [21, 'price'],
    ]);
  });

  it('do not replace what is there', async () => {
    const { letters, prices } = await run(`${COLUMNS}, PRIMARY KEY (time), CHECK (price <> 5)`, {
      mode: 'upsert',
      key: ['time'],
    });
    expect(await prices()).toEqual(allBut(5));
    expect(letters()).toHaveLength(1);
  });

  it('stop the job without a dead-letter file, which names the row', async () => {
    const { report, prices } = await run(`${COLUMNS}, CHECK (price <> 30)`, {}, { deadLetter: undefined });
    expect(report.error).toMatchObject({ code: 'ROW_INVALID' });
    expect(report.error?.message).toContain(':31: expected a row that the table takes, found');
    expect(await prices()).toEqual([]);
  });
});
