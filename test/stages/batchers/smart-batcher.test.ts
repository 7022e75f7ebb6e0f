import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchPool } from '../../../src/columns/batch-pool.js';
import type { ControlRecord, PlacedControl } from '../../../src/columns/control-record.js';
import type { Row } from '../../../src/columns/row-view.js';
import { bytesPerRow, type Schema } from '../../../src/columns/schema.js';
import { nanos } from '../../../src/core/units.js';
import { BatcherOptions } from '../../../src/stages/batchers/smart/options.js';
import { smartBatcher } from '../../../src/stages/batchers/smart/smart-batcher.js';
import { batchOf, rowsIn, streamOf } from '../../support/batch-rows.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { collectProblems, stageContext } from '../../support/stage-context.js';

const schema: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64' },
    { name: 'side', type: 'enum', values: ['bid', 'ask'] },
  ],
};
const ROW_BYTES = bytesPerRow(schema);

const row = (time: number, symbol = 'A'): Row => ({
  time: BigInt(time),
  symbol,
  price: time / 4,
  side: time % 2 === 0 ? 'bid' : 'ask',
});
const rowsFrom = (first: number, count: number, symbol?: string): Row[] =>
  Array.from({ length: count }, (_, i) => row(first + i, symbol));
const mark = (at: number): ControlRecord => ({ type: 'reset', at: nanos(BigInt(at)), reason: 'test' });

function openBatcher(options: Partial<BatcherOptions> = {}) {
  const clock = new SimulatedClock();
  const context = stageContext({ clock });
  const batcher = smartBatcher.create(BatcherOptions.parse(options), schema, context);
  return {
    clock,
    batcher,
    add(
      rows: readonly Row[],
      { controls = [] as PlacedControl[], capacity = Math.max(1, rows.length) } = {},
    ) {
      batcher.add(batchOf(schema, context.dictionaries, rows, { capacity, controls }));
    },
    /** All closed batches, as times of their rows. */
    taken() {
      const batches: number[][] = [];
      for (let batch = batcher.take(); batch; batch = batcher.take()) {
        batches.push(rowsIn(batch).map(({ time }) => Number(time)));
        batch.release();
      }
      return batches;
    },
    pool: (capacity: number) => new BatchPool(schema, capacity, context.dictionaries),
  };
}

const range = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

describe('the batcher', () => {
  it('closes a batch with the row that makes it full, and none before', () => {
    const { add, taken, batcher } = openBatcher({ maxRows: 10 });
    add(rowsFrom(0, 9));
    expect(taken()).toEqual([]);
    add(rowsFrom(9, 1));
    expect(taken()).toEqual([range(0, 10)]);
    expect(batcher.flushes).toEqual({ rows: 1, bytes: 0, age: 0, keys: 0, control: 0, drain: 0 });
    expect(batcher.due).toBeUndefined();
  });

  it('splits a batch that is larger than the limit, and keeps the rest open', () => {
    const { add, taken, batcher } = openBatcher({ maxRows: 10 });
    add(rowsFrom(0, 25));
    expect(taken()).toEqual([range(0, 10), range(10, 10)]);
    batcher.flush('drain');
    expect(taken()).toEqual([range(20, 5)]);
    expect(batcher.flushes).toMatchObject({ rows: 2, drain: 1 });
  });

  it('groups small batches into one larger than any of them', () => {
    const { add, taken } = openBatcher({ maxRows: 100 });
    for (let i = 0; i < 20; i++) add(rowsFrom(5 * i, 5));
    expect(taken()).toEqual([range(0, 100)]);
  });

  it('closes by bytes where fewer rows fit than maxRows', () => {
    const { add, taken, batcher } = openBatcher({ maxRows: 100, maxBytes: 4 * ROW_BYTES + 1 });
    add(rowsFrom(0, 9));
    expect(taken()).toEqual([range(0, 4), range(4, 4)]);
    expect(batcher.flushes).toMatchObject({ rows: 0, bytes: 2 });
  });

  it('is due a delay after the first row of the open batch, whatever came later or before', async () => {
    const { add, taken, batcher, clock } = openBatcher({ maxRows: 10, maxDelayMs: 250 });
    await clock.advance(1_000);
    expect(batcher.due).toBeUndefined();
    add(rowsFrom(0, 1));
    await clock.advance(100);
    add(rowsFrom(1, 1));
    expect(batcher.due).toBe(1_250_000_000n);
    await clock.advance(149);
    batcher.flush('age');
    expect(taken()).toEqual([]);
    await clock.advance(1);
    batcher.flush('age');
    expect(taken()).toEqual([[0, 1]]);
    expect(batcher.flushes.age).toBe(1);

    await clock.advance(200);
    add(rowsFrom(2, 1));
    expect(batcher.due).toBe(1_700_000_000n);
  });

  it('starts the delay anew for what is left of a batch that was split', async () => {
    const { add, batcher, clock } = openBatcher({ maxRows: 10, maxDelayMs: 100 });
    add(rowsFrom(0, 5));
    await clock.advance(60);
    add(rowsFrom(5, 7));
    expect(batcher.due).toBe(160_000_000n);
  });

  it('makes no empty batch', () => {
    const { add, taken, batcher } = openBatcher();
    add([]);
    batcher.flush('drain');
    expect(batcher.due).toBeUndefined();
    expect(taken()).toEqual([]);
    expect(Object.values(batcher.flushes).every((count) => count === 0)).toBe(true);
  });

  it('passes a full batch on as it is, without a copy', () => {
    const { batcher, pool } = openBatcher({ maxRows: 16 });
    const batch = pool(16).acquire();
    batch.length = 16;
    const { columns } = batch;
    batcher.add(batch);
    expect(batcher.take()?.columns).toBe(columns);
  });

  it('carries records in their place, and holds back one that comes without rows', () => {
    const { add, batcher } = openBatcher({ maxRows: 4 });
    const control = (at: number, place: number) => ({ row: place, record: mark(at) });
    add(rowsFrom(0, 6), { controls: [control(1, 0), control(2, 2), control(3, 4), control(4, 6)] });
    add([], { controls: [control(5, 0)] });
    expect(batcher.due).toBe(250_000_000n);
    batcher.flush('drain');
    const stream = streamOf([batcher.take()!, batcher.take()!]);
    expect(stream).toEqual([
      mark(1),
      row(0),
      row(1),
      mark(2),
      row(2),
      row(3),
      mark(3),
      row(4),
      row(5),
      mark(4),
      mark(5),
    ]);
    expect(batcher.take()).toBeUndefined();
  });

  it('gives every batch back when it closes', () => {
    const { batcher, pool } = openBatcher({ maxRows: 4 });
    const upstream = pool(4);
    for (const length of [4, 3, 2]) {
      const batch = upstream.acquire();
      batch.length = length;
      batcher.add(batch);
    }
    batcher.close?.();
    expect(upstream.outstanding).toBe(0);
  });

  it.each([
    [
      { maxBytes: 64, key: 'nope' },
      ['key: expected the name of a column ("time", "symbol", "price", "side"), found "nope"'],
    ],
    [{ key: 'price' }, ['key: expected a column of type string, enum, boolean, int32, found float64']],
  ])('refuses %j', (options, found) => {
    const problems = collectProblems();
    smartBatcher.plan?.(BatcherOptions.parse(options), schema, problems);
    expect(problems.found).toEqual(found);
  });

  it('refuses a limit that a single row is over', () => {
    const problems = collectProblems();
    const columns = range(0, 9).map((i) => ({ name: `c${i}`, type: 'float64' as const }));
    smartBatcher.plan?.(BatcherOptions.parse({ maxBytes: 64 }), { kind: 'custom', columns }, problems);
    expect(problems.found).toEqual(['maxBytes: expected at least the 72 bytes of a row, found 64']);
  });
});

describe('the batcher by key', () => {
  const mixed = (symbols: string) => [...symbols].map((symbol, i) => row(i, symbol));

  it('gives each batch rows of one key, in their order', () => {
    const { add, taken, batcher } = openBatcher({ maxRows: 3, key: 'symbol' });
    add(mixed('ABABABB'));
    expect(taken()).toEqual([
      [0, 2, 4],
      [1, 3, 5],
    ]);
    batcher.flush('drain');
    expect(taken()).toEqual([[6]]);
    expect(batcher.flushes).toMatchObject({ rows: 2, drain: 1 });
  });

  it('takes an enum as a key', () => {
    const { add, taken, batcher } = openBatcher({ key: 'side' });
    add(rowsFrom(0, 5));
    batcher.flush('drain');
    expect(taken()).toEqual([
      [0, 2, 4],
      [1, 3],
    ]);
  });

  it('closes the oldest batch for a key too many', () => {
    const { add, taken, batcher } = openBatcher({ key: 'symbol', maxKeys: 2 });
    add(mixed('ABACA'));
    expect(taken()).toEqual([[0, 2], [1]]);
    expect(batcher.flushes.keys).toBe(2);
    batcher.flush('drain');
    expect(taken()).toEqual([[3], [4]]);
  });

  it('is due with its oldest batch, and lets younger ones wait', async () => {
    const { add, taken, batcher, clock } = openBatcher({ key: 'symbol', maxDelayMs: 100 });
    add(mixed('A'));
    await clock.advance(60);
    add(mixed('AB'));
    expect(batcher.due).toBe(100_000_000n);
    await clock.advance(40);
    batcher.flush('age');
    expect(taken()).toEqual([[0, 0]]);
    expect(batcher.due).toBe(160_000_000n);
  });

  it('closes all batches for a record, so that it stands between rows of whatever key', () => {
    const { add, batcher } = openBatcher({ key: 'symbol' });
    const controls = [
      { row: 2, record: mark(1) },
      { row: 2, record: mark(2) },
      { row: 4, record: mark(3) },
    ];
    add(mixed('ABBA'), { controls });
    const stream = streamOf([batcher.take()!, batcher.take()!, batcher.take()!, batcher.take()!]);
    expect(stream).toEqual([row(0, 'A'), row(1, 'B'), mark(1), mark(2), row(2, 'B'), row(3, 'A'), mark(3)]);
    expect(batcher.flushes.control).toBe(4);
    expect(batcher.due).toBeUndefined();

    add([], { controls: [{ row: 0, record: mark(4) }] });
    expect(streamOf([batcher.take()!])).toEqual([mark(4)]);
  });

  it('gives every batch back when it closes', () => {
    const { batcher, pool } = openBatcher({ key: 'side', maxRows: 4 });
    const upstream = pool(8);
    const batch = upstream.acquire();
    batch.length = 8;
    batcher.add(batch);
    batcher.close?.();
    expect(upstream.outstanding).toBe(0);
    expect(batcher.take()).toBeUndefined();
  });
});

describe('any stream through the batcher', () => {
  const item = fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom('A', 'B', 'C', 'D', 'E') },
    { weight: 1, arbitrary: fc.constant('|') },
  );
  const inputs = fc.array(fc.array(item, { maxLength: 40 }), { maxLength: 8 });
  const limits = fc.record({
    maxRows: fc.integer({ min: 1, max: 30 }),
    maxBytes: fc.integer({ min: 64, max: 700 }),
    maxKeys: fc.integer({ min: 1, max: 6 }),
    slack: fc.integer({ min: 0, max: 30 }),
  });

  /** Runs the inputs through a batcher that is taken from after each; answers with what came out. */
  function run(batches: string[][], options: Partial<BatcherOptions>, slack: number) {
    const { add, batcher } = openBatcher(options);
    const sent: (Row | ControlRecord)[] = [];
    const received: (Row | ControlRecord)[][] = [];
    let time = 0;
    const take = () => {
      for (let batch = batcher.take(); batch; batch = batcher.take()) {
        expect(batch.isEmpty).toBe(false);
        expect(batch.length).toBeLessThanOrEqual(options.maxRows!);
        expect(batch.length * ROW_BYTES).toBeLessThanOrEqual(options.maxBytes!);
        received.push(streamOf([batch]));
      }
    };
    for (const items of batches) {
      const rows: Row[] = [];
      const controls: PlacedControl[] = [];
      for (const symbol of items) {
        if (symbol === '|') controls.push({ row: rows.length, record: mark(time++) });
        else rows.push(row(time++, symbol));
        sent.push(symbol === '|' ? controls.at(-1)!.record : rows.at(-1)!);
      }
      add(rows, { controls, capacity: rows.length + slack + 1 });
      take();
    }
    batcher.flush('drain');
    take();
    const closed = Object.values(batcher.flushes).reduce((sum, count) => sum + count, 0);
    expect(closed).toBe(received.length);
    return { sent, received };
  }

  it('comes out as it went in', () => {
    fc.assert(
      fc.property(inputs, limits, (batches, { slack, ...options }) => {
        const { sent, received } = run(batches, options, slack);
        expect(received.flat()).toEqual(sent);
      }),
      { numRuns: 150, seed: 3 },
    );
  });

  it('comes out in order within a key and around records, with one key a batch', () => {
    fc.assert(
      fc.property(inputs, limits, (batches, { slack, ...options }) => {
        const { sent, received } = run(batches, { ...options, key: 'symbol' }, slack);
        for (const batch of received) {
          const symbols = batch.flatMap((entry) => ('type' in entry ? [] : [entry.symbol]));
          expect(new Set(symbols).size).toBeLessThanOrEqual(1);
        }
        for (const symbol of 'ABCDE') {
          const ofKey = (entry: Row | ControlRecord) => 'type' in entry || entry.symbol === symbol;
          expect(received.flat().filter(ofKey)).toEqual(sent.filter(ofKey));
        }
      }),
      { numRuns: 150, seed: 4 },
    );
  });
});
