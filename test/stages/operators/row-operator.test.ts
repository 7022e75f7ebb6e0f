import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/columns/batch.js';
import { BatchPool } from '../../../src/columns/batch-pool.js';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import { nanos } from '../../../src/core/units.js';
import type { Emit, Operator } from '../../../src/engine/operator.js';
import {
  defineOperator,
  defineRowOperator,
} from '../../../src/stages/operators/row-operator/define-operator.js';
import { streamOf } from '../../support/batch-rows.js';
import { stageContext } from '../../support/stage-context.js';
import { batchOf, plan, run } from './operator-rig.js';

const TRADES: Schema = {
  kind: 'custom',
  columns: [
    { name: 'symbol', type: 'string', nullable: true },
    { name: 'price', type: 'float64', nullable: true },
  ],
};

const changes = defineRowOperator<unknown, { last: Record<string, number> }>({
  columns: [{ name: 'change', type: 'float64', nullable: true }],
  state: () => ({ last: {} }),
  onRow(row, { state }) {
    const [symbol, price] = [String(row.symbol), Number(row.price)];
    const last = state.last[symbol];
    state.last[symbol] = price;
    if (last === undefined) return false;
    row.change = price - last;
    return true;
  },
});

function setUp() {
  const dictionaries = new DictionarySet();
  const pool = new BatchPool(TRADES, 4, dictionaries);
  return { dictionaries, pool, context: stageContext({ dictionaries, batchRows: 4 }) };
}

const trade = (symbol: string, price: number) => ({ symbol, price });

describe('an operator row by row', () => {
  it('changes rows in place, adds columns and drops rows', () => {
    const { dictionaries, pool, context } = setUp();
    expect(plan(changes, {}, TRADES).output.columns.map(({ name }) => name)).toEqual([
      'symbol',
      'price',
      'change',
    ]);
    const operator = changes.create({}, TRADES, context);
    const out = run(operator, [
      batchOf(TRADES, [trade('A', 1), trade('B', 5), trade('A', 3)], dictionaries, { pool }),
      batchOf(TRADES, [trade('C', 1)], dictionaries, { pool }),
      batchOf(TRADES, [trade('B', 4)], dictionaries, { pool }),
    ]);
    expect(out.map(({ rows }) => rows)).toEqual([
      [{ symbol: 'A', price: 3, change: 2 }],
      [{ symbol: 'B', price: 4, change: -1 }],
    ]);
    expect(operator.tally?.()).toEqual({ filtered: 3, derived: 0 });
    expect(pool.outstanding).toBe(0);
  });

  it('gives added columns no value until the operator sets one', () => {
    const { dictionaries, context } = setUp();
    const columns = [
      { name: 'n', type: 'float64', nullable: true },
      { name: 's', type: 'string', nullable: true },
      { name: 'b', type: 'boolean' },
      { name: 'i', type: 'int64' },
    ] as const;
    const operator = defineRowOperator({
      columns,
      onRow(row) {
        if (row.price !== 1) return;
        Object.assign(row, { n: 1, s: 'x', b: true, i: 7n });
      },
    }).create({}, TRADES, context);
    const set = { n: 1, s: 'x', b: true, i: 7n };
    const unset = { n: null, s: null, b: false, i: 0n };
    for (let round = 0; round < 3; round++) {
      const prices = round % 2 === 0 ? [1, 2] : [2, 1];
      const [out] = run(operator, [
        batchOf(
          TRADES,
          prices.map((price) => trade('A', price)),
          dictionaries,
          { capacity: 4 },
        ),
      ]);
      expect(out!.rows).toEqual(
        prices.map((price) => ({ ...trade('A', price), ...(price === 1 ? set : unset) })),
      );
    }
  });

  it('goes on from a snapshot as if nothing had happened', () => {
    const { dictionaries, context } = setUp();
    const batches = () => batchOf(TRADES, [trade('A', 10), trade('B', 20)], dictionaries, { capacity: 4 });
    const first = changes.create({}, TRADES, context);
    run(first, [batches()]);
    const saved = JSON.parse(JSON.stringify(first.snapshot?.()));
    run(first, [batches()]);
    const second = changes.create({}, TRADES, context);
    second.restore?.(saved);
    expect(run(second, [batches()])).toEqual(run(first, [batches()]));
    expect(saved).toEqual({ last: { A: 10, B: 20 } });
  });

  it('lets state that is no plain data say how it is kept', () => {
    const { dictionaries, context } = setUp();
    const distinct = defineRowOperator<unknown, Set<string>>({
      state: () => new Set(),
      onRow(row, { state }) {
        const symbol = String(row.symbol);
        if (state.has(symbol)) return false;
        state.add(symbol);
        return true;
      },
      snapshot: (state) => [...state],
      restore: (saved) => new Set(saved as string[]),
    });
    const first = distinct.create({}, TRADES, context);
    run(first, [batchOf(TRADES, [trade('A', 1)], dictionaries)]);
    const second = distinct.create({}, TRADES, context);
    second.restore?.(first.snapshot!());
    const [out] = run(second, [batchOf(TRADES, [trade('A', 1), trade('B', 1)], dictionaries)]);
    expect(out!.rows).toEqual([trade('B', 1)]);
  });

  it('keeps the state of two pipelines apart', () => {
    const { dictionaries, context } = setUp();
    const [one, two] = [changes.create({}, TRADES, context), changes.create({}, TRADES, context)];
    const batch = () => batchOf(TRADES, [trade('A', 1)], dictionaries, { capacity: 4 });
    run(one, [batch()]);
    expect(run(two, [batch()])).toEqual([]);
  });

  it('says which row it failed at, and releases the batch', () => {
    const { dictionaries, pool, context } = setUp();
    const operator = defineRowOperator({
      onRow(row) {
        if (row.price === 13) throw new Error('unlucky');
      },
    }).create({}, TRADES, context);
    const batch = (...prices: number[]) =>
      batchOf(
        TRADES,
        prices.map((price) => trade('A', price)),
        dictionaries,
        { pool },
      );
    run(operator, [batch(1, 2, 3)]);
    expect(() => run(operator, [batch(4, 13, 5)])).toThrow(
      expect.objectContaining({
        code: 'OPERATOR_FAILED',
        message: 'The operator failed at row 5 of its input (row 2 of the batch): unlucky',
        cause: expect.objectContaining({ message: 'unlucky' }),
      }),
    );
    expect(pool.outstanding).toBe(0);
  });

  it('refuses to emit a row that lacks a value', () => {
    const { dictionaries, context } = setUp();
    const operator = defineRowOperator({
      columns: [{ name: 'n', type: 'int32' }],
      onRow: (_, { emit }) => emit({ symbol: 'A' }),
    }).create({}, TRADES, context);
    expect(() => run(operator, [batchOf(TRADES, [trade('A', 1)], dictionaries, { capacity: 4 })])).toThrow(
      'emit(…) expected a value for column "n" (int32), found undefined',
    );
  });

  it('reports what is wrong with its options and columns', () => {
    const operator = defineRowOperator<{ factor?: number }>({
      columns: [{ name: 'price', type: 'float64' }],
      check({ factor }, _, problems) {
        if (factor === undefined) problems.add(['factor'], 'expected a number');
      },
      onRow() {},
    });
    expect(plan(operator, {}, TRADES).problems).toEqual([
      ': the operator adds a column "price", which already exists',
      'factor: expected a number',
    ]);
  });

  it('puts what it emits before the row or control at hand, in order, whatever the batches', () => {
    const marks = fc.array(fc.record({ emits: fc.nat(6), keeps: fc.boolean(), controls: fc.nat(2) }), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(
        fc.array(marks, { minLength: 1, maxLength: 3 }),
        fc.nat(2),
        fc.boolean(),
        (batches, last, widens) => {
          const { dictionaries, pool, context } = setUp();
          const operator = defineRowOperator<unknown, undefined>({
            columns: widens ? [{ name: 'extra', type: 'float64', nullable: true }] : [],
            onRow(row, { emit }) {
              const mark = batches[Math.floor(Number(row.price) / 10)]![Number(row.price) % 10]!;
              for (let i = 0; i < mark.emits; i++) emit({ symbol: `made ${i}`, price: row.price! });
              return mark.keeps;
            },
            onControl(record, { emit }) {
              if (record.type === 'reset') emit({ symbol: record.reason });
            },
          }).create({}, TRADES, context);
          const wanted: unknown[] = [];
          const found: unknown[] = [];
          const row = (symbol: string, price: number | null): Row =>
            widens ? { symbol, price, extra: null } : { symbol, price };
          batches.forEach((rows, n) => {
            const controls: { row: number; record: ControlRecord }[] = [];
            const control = (at: number, count: number) => {
              // All that is made for control records of one place stands before the first of them.
              const records = Array.from(
                { length: count },
                (_, i): ControlRecord => ({
                  type: 'reset',
                  at: nanos(0n),
                  reason: `control ${n}/${at}/${i}`,
                }),
              );
              wanted.push(
                ...records.map((record) => row((record as { reason: string }).reason, null)),
                ...records,
              );
              controls.push(...records.map((record) => ({ row: at, record })));
            };
            rows.forEach(({ emits, keeps, controls: count }, i) => {
              control(i, count);
              for (let k = 0; k < emits; k++) wanted.push(row(`made ${k}`, n * 10 + i));
              if (keeps) wanted.push(row('kept', n * 10 + i));
            });
            control(rows.length, last);
            const batch = batchOf(
              TRADES,
              rows.map((_, i) => trade('kept', n * 10 + i)),
              dictionaries,
              { pool, controls },
            );
            operator.process(batch, (out: Batch) => {
              expect(out.isEmpty).toBe(false);
              found.push(...streamOf([out]));
            });
          });
          expect(found).toEqual(wanted);
          expect(pool.outstanding).toBe(0);
          const dropped = batches.flat().filter(({ keeps }) => !keeps).length;
          expect(operator.tally?.().filtered).toBe(dropped);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('an operator over columns', () => {
  it('gives the columns that it is given unless it plans others', () => {
    const { context } = setUp();
    const operator = defineOperator({
      create: (_, input) => ({ output: input, process: (batch, emit) => emit(batch) }),
    });
    expect(plan(operator, {}, TRADES).output).toBe(TRADES);
    expect(operator.create({}, TRADES, context).output).toBe(TRADES);
  });

  it('says that it changes time where its definition does, unless the operator says otherwise itself', () => {
    const { context } = setUp();
    class Own implements Operator {
      readonly output = TRADES;
      #seen = 0;
      process(batch: Batch, emit: Emit): void {
        this.#seen += batch.length;
        emit(batch);
      }
      tally = () => ({ filtered: this.#seen });
    }
    const made = defineOperator({ changesTime: true, create: () => new Own() }).create({}, TRADES, context);
    expect(made.changesTime).toBe(true);
    expect(made.tally?.()).toEqual({ filtered: 0 });
    const says = () => Object.assign(new Own(), { changesTime: false });
    expect(defineOperator({ changesTime: true, create: says }).create({}, TRADES, context).changesTime).toBe(
      false,
    );
    const byRows = (changesTime?: true) =>
      defineRowOperator({ ...(changesTime && { changesTime }), onRow: () => true }).create(
        {},
        TRADES,
        context,
      );
    expect(byRows(true).changesTime).toBe(true);
    expect(byRows().changesTime).toBe(false);
  });
});
