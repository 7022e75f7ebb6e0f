import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/columns/batch.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { EventOrder } from '../../src/columns/event-order.js';
import type { Row } from '../../src/columns/row-view.js';
import { type Schema, STANDARD_COLUMNS } from '../../src/columns/schema.js';
import { systemClock } from '../../src/core/clock.js';
import { nanos } from '../../src/core/units.js';
import type { Operator } from '../../src/engine/operator.js';
import { OperatorChain } from '../../src/engine/operator-chain.js';
import { barsOperator } from '../../src/stages/operators/bars/bars.js';
import { BarsOptions } from '../../src/stages/operators/bars/options.js';
import { deriveOperator } from '../../src/stages/operators/derive/derive.js';
import { filterOperator } from '../../src/stages/operators/filter/filter.js';
import { selectOperator } from '../../src/stages/operators/select/select.js';
import { batchOf, rowsIn, streamOf } from '../support/batch-rows.js';
import { namedOperators } from '../support/named-operators.js';
import { stageContext } from '../support/stage-context.js';

const TRADES: Schema = {
  kind: 'trade',
  columns: [
    ...STANDARD_COLUMNS.trade.required.map((column) =>
      column.name === 'symbol' ? { ...column, nullable: true } : column,
    ),
    { name: 'size', type: 'float64' },
    { name: 'flag', type: 'boolean' },
  ],
};

/** Without the declaration: it gets rows that stand together. */
const asOfUser = (operator: Operator): Operator => ({
  output: operator.output,
  process: (batch, emit) => operator.process(batch, emit),
  get hasMore() {
    return operator.hasMore === true;
  },
  emitMore: (emit) => operator.emitMore?.(emit),
  flush: (emit) => operator.flush?.(emit),
});

const IN_ORDER: EventOrder = { scope: 'all', maxDelayNs: 0 };

function chainOf(operators: readonly Operator[], input: Schema, dictionaries: DictionarySet): OperatorChain {
  return new OperatorChain(namedOperators(operators), {
    input,
    dictionaries,
    order: IN_ORDER,
    clock: systemClock,
  });
}

/** All that comes out, step by step. */
async function settle(chain: OperatorChain): Promise<Batch[]> {
  const out: Batch[] = [];
  do {
    for (let made = chain.take(); made; made = chain.take()) out.push(made);
  } while (await chain.step());
  return out;
}

/** A row every 100 ms, the odd one late, without a price or of another symbol. */
const anyRows = fc.array(
  fc.record({
    symbol: fc.constantFrom('A', 'B', 'C', null),
    price: fc.oneof({ arbitrary: fc.integer({ min: 1, max: 9 }), weight: 9 }, fc.constant(Number.NaN)),
    size: fc.integer({ min: 0, max: 9 }),
    lateBy: fc.constantFrom(0, 0, 0, 0, 700),
  }),
  { minLength: 1, maxLength: 60 },
);

function setUp(rows: readonly (Row & { lateBy: number })[], selection: readonly number[]) {
  const dictionaries = new DictionarySet();
  const context = stageContext({ dictionaries });
  const trades = rows.map(({ lateBy, ...row }, i) => ({
    ...row,
    time: BigInt(100 * i - lateBy) * 1_000_000n + 10_000_000_000n,
    flag: i % 3 === 0,
  }));
  const controls = selection
    .map((place) => Math.min(place, rows.length))
    .sort((a, b) => a - b)
    .map((row) => ({ row, record: { type: 'reset', at: nanos(10_000_000_000n), reason: 'test' } as const }));
  return { context, batch: batchOf(TRADES, dictionaries, trades, { controls }) };
}

describe('a chain of operators', () => {
  it('gives the same whether rows are left where they are or are moved together for each operator', async () => {
    const operators = (context: ReturnType<typeof stageContext>): Operator[] => {
      const filter = filterOperator.create({ where: 'size > 2' }, TRADES, context);
      const derive = deriveOperator.create(
        { columns: { mid: 'price + 1', big: 'size > 5', name: 'symbol' } },
        TRADES,
        context,
      );
      const columns = {
        time: 'time',
        symbol: 'symbol',
        price: 'mid',
        size: 'size',
        twice: 'mid',
        big: 'big',
      };
      const select = selectOperator.create({ columns }, derive.output, context);
      const again = filterOperator.create({ where: 'price < 9 or big' }, select.output, context);
      const bars = barsOperator.create(
        BarsOptions.parse({ every: '1s', late: 'keep' }),
        again.output,
        context,
      );
      return [filter, derive, select, again, bars];
    };
    await fc.assert(
      fc.asyncProperty(anyRows, fc.array(fc.nat(60), { maxLength: 3 }), async (rows, selection) => {
        const results = [];
        for (const wrap of [(operator: Operator) => operator, asOfUser]) {
          const { context, batch } = setUp(rows, selection);
          const made = operators(context);
          const chain = chainOf(made.map(wrap), TRADES, context.dictionaries);
          chain.give(batch);
          chain.finish('completed');
          const out = await settle(chain);
          results.push({
            out: streamOf(out),
            rejects: context.rejects,
            tallies: made.map((operator) => operator.tally?.()),
          });
        }
        expect(results[0]).toEqual(results[1]);
      }),
      { numRuns: 200 },
    );
  });

  it('gives out rows that stand together', async () => {
    const rows = [3, 0, 5, 0, 7].map((size) => ({ symbol: 'A', price: 1, size, lateBy: 0 }));
    const { context, batch } = setUp(rows, []);
    const filter = filterOperator.create({ where: 'size > 0' }, TRADES, context);
    const chain = chainOf([filter], TRADES, context.dictionaries);
    chain.give(batch);
    const [out] = await settle(chain);
    expect(out?.selection).toBeUndefined();
    expect(rowsIn(out!).map(({ size }) => size)).toEqual([3, 5, 7]);
  });
});
