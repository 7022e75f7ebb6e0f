import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { copyRow, type Row, rowsOf } from '../../../src/columns/row-view.js';
import type { PlainData } from '../../../src/core/plain-data.js';
import { duckDbSource } from '../../../src/stages/sources/duckdb/duckdb.js';
import { DuckDbSourceOptions } from '../../../src/stages/sources/duckdb/options.js';
import { ALL_TYPES, TICKS, temporaryDirectory, ticks } from '../../stages/sinks/sink-rows.js';
import { collectProblems, RecordedRejects, stageContext } from '../../support/stage-context.js';
import { sinkOf, writeRows } from './database-rig.js';
import { inDatabase } from './in-database.js';

const newPath = () => join(temporaryDirectory(), 'a.duckdb');

type Options = Partial<z.input<typeof DuckDbSourceOptions>> & { readonly path: string };

/** Reads up to some batches, and tells the position after each. */
async function read(
  options: Options,
  {
    position,
    batches = Number.POSITIVE_INFINITY,
    batchRows = 64,
  }: {
    position?: PlainData;
    batches?: number;
    batchRows?: number;
  } = {},
) {
  const rejects = new RecordedRejects();
  const parsed = DuckDbSourceOptions.parse({
    kind: 'trade',
    ...(options.query === undefined && { table: 'ticks' }),
    ...options,
  });
  const source = duckDbSource.create(parsed, stageContext({ rejects, batchRows }));
  const rows: Row[] = [];
  const positions: PlainData[] = [];
  try {
    await source.open?.();
    if (position !== undefined) await source.resume(position);
    for (let i = 0; i < batches; i++) {
      const batch = await source.read();
      if (!batch) break;
      rows.push(...Array.from(rowsOf(batch), copyRow));
      batch.release();
      positions.push(source.position());
    }
    return { rows, positions, rejects: rejects.rows, last: source.position() };
  } finally {
    await source.close?.();
  }
}

describe('the source duckdb', () => {
  it('gives what the sink duckdb has written, of every type, in order of time', async () => {
    const path = newPath();
    const rows: Row[] = Array.from({ length: 3_000 }, (_, i) => ({
      time: BigInt(3_000 - i) * 1_000_000_001n,
      symbol: i % 2 === 0 ? 'a text of thirteen' : 'B\0',
      note: i % 3 === 0 ? null : `n${i}`,
      price: i % 5 === 0 ? Number.POSITIVE_INFINITY : i / 3,
      size: i % 7 === 0 ? null : -i,
      level: 7 - i,
      id: 2n ** 63n - 1n - BigInt(i),
      side: i % 2 === 0 ? 'buy' : 'sell',
      ok: i % 2 === 0,
    }));
    await writeRows(ALL_TYPES, { path }, rows);
    const columns = {
      time: 'time',
      symbol: { type: 'string' },
      note: { type: 'string', nullable: true },
      price: 'price',
      size: { nullable: true },
      level: { type: 'int32' },
      id: { type: 'int64' },
      side: { type: 'string' },
      ok: { type: 'boolean' },
    } as const;
    const found = await read({ path, kind: 'custom', columns });
    expect(found.rejects).toEqual([]);
    expect(found.rows).toEqual(rows.reverse());
  });

  it('reads a query, under other names', async () => {
    const path = newPath();
    await writeRows(TICKS, { path }, ticks(10));
    const query =
      "SELECT time AS t, upper(symbol) AS symbol, price * 2 AS price FROM ticks WHERE symbol = 'EUR/USD' -- end";
    const { rows } = await read({ path, query, columns: { time: 't' } });
    expect(rows).toEqual(
      ticks(10)
        .filter(({ symbol }) => symbol === 'EUR/USD')
        .map((row) => ({ ...row, price: (row.price as number) * 2 })),
    );
  });

  it('goes on from any position without a row twice or missing, though many rows have one time', async () => {
    const anyRow = fc.record({
      time: fc.bigInt({ min: 0n, max: 3n }),
      symbol: fc.constantFrom('A', 'B'),
      price: fc.constantFrom(1, 2),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRow, { maxLength: 60 }),
        fc.integer({ min: 1, max: 7 }),
        async (rows, batchRows) => {
          const path = newPath();
          await writeRows(TICKS, { path }, rows);
          const whole = await read({ path }, { batchRows });
          expect(whole.rows).toHaveLength(rows.length);
          for (const [i, position] of whole.positions.entries()) {
            const rest = await read({ path }, { position, batchRows: 5 });
            expect(rest.rows).toEqual(whole.rows.slice((i + 1) * batchRows));
          }
        },
      ),
      { numRuns: 8 },
    );
  });

  it('puts rows that cannot be used to the dead letters, and goes on behind them', async () => {
    const path = newPath();
    await inDatabase(
      path,
      'CREATE TABLE ticks (time TIMESTAMP, symbol VARCHAR, price DOUBLE)',
      `INSERT INTO ticks VALUES ('2024-01-01', 'A', 1), (NULL, 'A', 2), ('2024-01-01', NULL, 3), ('infinity', 'A', 4),
        ('-infinity', 'A', 5), ('1500-01-01', 'A', 6), ('2024-01-02', 'A', 7), ('2024-01-02', 'A', NULL)`,
    );
    const whole = await read({ path }, { batchRows: 1 });
    expect(whole.rows.map(({ price }) => price)).toEqual([1, 7]);
    expect(whole.rejects.map(({ line, field }) => [line, field])).toEqual([
      [1, 'time'],
      [2, 'time'],
      [3, 'time'],
      [4, 'time'],
      [6, 'symbol'],
      [8, 'price'],
    ]);
    for (const [i, position] of whole.positions.entries()) {
      const rest = await read({ path }, { position });
      expect(rest.rows.map(({ price }) => price)).toEqual([1, 7].slice(i + 1));
      expect(rest.rejects).toEqual(whole.rejects.filter(({ line }) => line > [5, 7][i]!));
    }
  });

  it.each([
    ['TIMESTAMP', 'time', 'epoch_us'],
    ['TIMESTAMP WITH TIME ZONE', 'time', 'epoch_us'],
    ['TIMESTAMP_S', 'time', 'epoch_us'],
  ])('reads times of %s, and goes on among them', async (type) => {
    const path = newPath();
    await inDatabase(
      path,
      `CREATE TABLE ticks AS SELECT make_timestamp(i * 1000000 - 5000000)::${type.replace(' WITH TIME ZONE', '')}::${type} AS time, 'A' AS symbol, i::FLOAT AS price FROM range(10) r(i)`,
    );
    const whole = await read({ path }, { batchRows: 3 });
    expect(whole.rows.map(({ time }) => time)).toEqual(
      Array.from({ length: 10 }, (_, i) => BigInt(i - 5) * 1_000_000_000n),
    );
    const rest = await read({ path }, { position: whole.positions[0]! });
    expect(rest.rows).toEqual(whole.rows.slice(3));
  });

  it.each([
    ['price', 'DECIMAL(18,4)', 'at most 15 digits'],
    ['price', 'BIGINT', 'float64 can hold exactly'],
    ['price', 'VARCHAR', 'float64 can hold exactly'],
    ['time', 'DATE', 'TIMESTAMP_NS'],
    ['symbol', 'INTEGER', 'VARCHAR'],
  ])('stops at a column that cannot be read exactly: %s %s', async (column, type, expected) => {
    const path = newPath();
    const types = { time: 'TIMESTAMP_NS', symbol: 'VARCHAR', price: 'DOUBLE', [column]: type };
    await inDatabase(
      path,
      `CREATE TABLE ticks (${Object.entries(types).map(([name, of]) => `${name} ${of}`)})`,
    );
    await expect(read({ path })).rejects.toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringMatching(new RegExp(`column "${column}".*${expected}`)),
    });
  });

  it('names a column that is not there, and those that are', async () => {
    const path = newPath();
    await inDatabase(path, 'CREATE TABLE ticks (time TIMESTAMP, symbol VARCHAR)');
    await expect(read({ path })).rejects.toThrow(
      /expected one of the columns time, symbol, found no such column/,
    );
  });

  it('reaches no other file by its query', async () => {
    const path = newPath();
    await writeRows(TICKS, { path }, ticks(1));
    const query = `SELECT * FROM read_text('${path}')`;
    await expect(read({ path, query })).rejects.toMatchObject({ code: 'INPUT_UNREADABLE' });
  });

  it('is refused while a sink writes to the file', async () => {
    const path = newPath();
    const { sink } = sinkOf(TICKS, { path });
    await sink.open?.();
    await expect(read({ path })).rejects.toMatchObject({ code: 'OUTPUT_IN_USE' });
    await sink.close?.();
  });

  it('asks for a time, and for a table or a query', () => {
    const { found, add } = collectProblems();
    const options = { path: 'a', table: 't', kind: 'custom', columns: { x: { nullable: true } } } as const;
    duckDbSource.plan(DuckDbSourceOptions.parse(options), { add }, { hasDeadLetters: false, inputs: {} });
    expect(found).toEqual([
      'columns: expected a column "time" of type timestamp, by which the rows are ordered',
    ]);
    for (const more of [{}, { table: 't', query: 'SELECT 1' }]) {
      expect(DuckDbSourceOptions.safeParse({ path: 'a', kind: 'trade', ...more }).success).toBe(false);
    }
  });
});
