import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import { ColumnMemory } from '../../src/columns/column-memory.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { EventOrder } from '../../src/columns/event-order.js';
import { type Row, RowView } from '../../src/columns/row-view.js';
import { bytesPerRow, type Schema } from '../../src/columns/schema.js';
import { selectRows } from '../../src/columns/selection.js';
import { shareBatch } from '../../src/columns/shared-batch.js';
import { systemClock } from '../../src/core/clock.js';
import { nanos } from '../../src/core/units.js';
import type { Batcher } from '../../src/engine/batcher.js';
import type { OperatorFactory } from '../../src/engine/factories.js';
import type { Input } from '../../src/engine/input.js';
import type { Operator } from '../../src/engine/operator.js';
import { OperatorChain } from '../../src/engine/operator-chain.js';
import type { StageContext } from '../../src/engine/stage.js';
import { asOfFactory } from '../../src/stages/operators/asof/asof.js';
import { AsOfOptions } from '../../src/stages/operators/asof/options.js';
import { barsOperator } from '../../src/stages/operators/bars/bars.js';
import { BarsOptions } from '../../src/stages/operators/bars/options.js';
import { deriveOperator } from '../../src/stages/operators/derive/derive.js';
import { DeriveOptions } from '../../src/stages/operators/derive/options.js';
import { filterOperator } from '../../src/stages/operators/filter/filter.js';
import { guardOperator } from '../../src/stages/operators/module/guard-operator.js';
import {
  defineOperator,
  defineRowOperator,
} from '../../src/stages/operators/row-operator/define-operator.js';
import { SelectOptions } from '../../src/stages/operators/select/options.js';
import { selectOperator } from '../../src/stages/operators/select/select.js';
import { batchOf, streamOf } from '../support/batch-rows.js';
import { hashOf } from '../support/column-hash.js';
import { namedOperators } from '../support/named-operators.js';
import { feedOf, pipelineOf } from '../support/pipeline-rig.js';
import { stageContext } from '../support/stage-context.js';

const TRADES: Schema = {
  kind: 'trade',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'price', type: 'float64', nullable: true },
    { name: 'size', type: 'float64' },
    { name: 'flag', type: 'boolean' },
  ],
};
const QUOTES: Schema = {
  kind: 'quote',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string' },
    { name: 'bid', type: 'float64' },
  ],
};
const IN_ORDER: EventOrder = { scope: 'all', maxDelayNs: 0 };
const CAPACITY = 16;
const START = 10_000_000_000n;
const timeOf = (row: number): bigint => START + BigInt(row) * 100_000_000n;

/** A second source with a row every second. */
function quotesFor({ dictionaries }: StageContext, delivery: 'replayable' | 'live-only'): Input {
  let read = 0;
  return {
    title: 'Source "side"',
    schema: QUOTES,
    order: IN_ORDER,
    capabilities: { delivery, bounded: true },
    rowsRejected: 0,
    rowsLeftOut: 0,
    bytesIn: 0,
    heldNs: 0n,
    read() {
      if (read++ > 0) return null;
      const rows = Array.from({ length: 8 }, (_, i) => ({ time: timeOf(10 * i), symbol: 'A', bid: i }));
      return batchOf(QUOTES, dictionaries, rows);
    },
  };
}

const asOf =
  (delivery: 'replayable' | 'live-only', options: object = {}) =>
  (input: Schema, context: StageContext): Operator => {
    const inputs = { with: quotesFor(context, delivery) };
    const parsed = AsOfOptions.parse({ with: { use: 'quotes' }, ...options });
    return asOfFactory.create(parsed, input, { ...context, inputs });
  };

/** An operator of a user's module. */
const ofModule =
  (factory: OperatorFactory<unknown>, mayShare = false) =>
  (input: Schema, context: StageContext): Operator =>
    guardOperator(factory.create({}, input, context), { where: 'module', who: 'The operator', mayShare });

const doubledPrices = defineOperator({
  create: (_options, input) => ({
    output: input,
    readsOnly: true, // a lie, for which nobody else must pay
    process(batch, emit) {
      const prices = batch.float64('price');
      for (let row = 0; row < batch.length; row++) prices[row] = 2 * prices[row]!;
      emit(batch);
    },
  }),
});

const OPERATORS: Readonly<Record<string, (input: Schema, context: StageContext) => Operator>> = {
  'filter, most rows stay': (...given) => filterOperator.create({ where: 'size > 1' }, ...given),
  'filter, few rows stay': (...given) => filterOperator.create({ where: 'size > 7' }, ...given),
  'derive, overwrites': (...given) =>
    deriveOperator.create(DeriveOptions.parse({ columns: { price: 'price * 2' } }), ...given),
  'derive, adds': (...given) =>
    deriveOperator.create(DeriveOptions.parse({ columns: { more: 'price + size' } }), ...given),
  select: (...given) =>
    selectOperator.create(
      SelectOptions.parse({ columns: { time: 'time', symbol: 'symbol', price: 'price', size: 'price' } }),
      ...given,
    ),
  asof: asOf('replayable'),
  'asof, without unmatched rows': asOf('replayable', { unmatched: 'drop' }),
  'asof, nearest': asOf('replayable', { direction: 'nearest' }),
  'asof, live': asOf('live-only'),
  'module, in place': ofModule(doubledPrices),
  'module, cuts off rows': ofModule(
    defineOperator({
      create: (_options, input) => ({
        output: input,
        process(batch, emit) {
          batch.length >>= 1;
          emit(batch);
        },
      }),
    }),
  ),
  'row operator, in place': ofModule(
    defineRowOperator({
      onRow(row) {
        row.price = 1;
        return row.size !== 3;
      },
    }),
  ),
  'row operator, adds': ofModule(
    defineRowOperator({
      columns: [{ name: 'double', type: 'float64' }],
      onRow(row, { emit }) {
        row.double = 2 * (row.size as number);
        row.size = 0;
        if (row.flag === true) emit({ ...row });
      },
    }),
  ),
  bars: (input, context) => barsOperator.create(BarsOptions.parse({ every: '1s' }), input, context),
};
const NAMES = Object.keys(OPERATORS);

const anyRows = fc.array(
  fc.record({
    symbol: fc.constantFrom('A', 'B'),
    price: fc.option(fc.integer({ min: 1, max: 9 })),
    size: fc.integer({ min: 0, max: 9 }),
    flag: fc.boolean(),
  }),
  { maxLength: 60 },
);

interface Given {
  readonly rows: readonly Row[];
  /** Places of control records. */
  readonly places: readonly number[];
  /** Rows that are selected, once the batch is shared. */
  readonly keep: Uint8Array | undefined;
}

const given = fc.record({
  rows: anyRows,
  places: fc.array(fc.nat({ max: 60 }), { maxLength: 4 }),
  keep: fc.option(fc.uint8Array({ minLength: CAPACITY, maxLength: CAPACITY, max: 1 }), { nil: undefined }),
});

/** The batches of a case, from a pool. */
function batchesOf({ rows, places }: Given, pool: BatchPool): Batch[] {
  const batches: Batch[] = [];
  for (let from = 0; from === 0 || from < rows.length; from += CAPACITY) {
    const batch = pool.acquire();
    const view = new RowView(TRADES).over(batch);
    const own = rows.slice(from, from + CAPACITY);
    batch.length = own.length;
    own.forEach((row, i) => {
      Object.assign(view.at(i), row, { time: timeOf(from + i) });
    });
    batch.controls = places
      .filter((place) => place >= from && place < from + CAPACITY)
      .map((place) => Math.min(place - from, batch.length))
      .sort((a, b) => a - b)
      .map((row) => ({ row, record: { type: 'reset', at: nanos(START), reason: 'test' } }));
    batches.push(batch);
  }
  return batches;
}

/** Gives each batch to a chain, all of which must come out before the next one. */
async function passThrough(
  names: readonly string[],
  of: Given,
  give: (chain: OperatorChain, batch: Batch, settle: () => Promise<void>) => Promise<void>,
) {
  const dictionaries = new DictionarySet();
  const context = stageContext({ dictionaries, batchRows: CAPACITY });
  const operators: Operator[] = [];
  let schema = TRADES;
  for (const name of names) {
    const operator = OPERATORS[name]!(schema, context);
    operators.push(operator);
    schema = operator.output;
  }
  const pool = new BatchPool(TRADES, CAPACITY, dictionaries);
  const named = namedOperators(operators);
  const chain = new OperatorChain(named, {
    input: TRADES,
    dictionaries,
    order: IN_ORDER,
    clock: systemClock,
  });
  const out: ReturnType<typeof streamOf> = [];
  const settle = async () => {
    do {
      for (let made = chain.take(); made; made = chain.take()) out.push(...streamOf([made]));
    } while (await chain.step());
  };
  for (const operator of operators) await operator.open?.();
  for (const batch of batchesOf(of, pool)) await give(chain, batch, settle);
  chain.finish('completed');
  await settle();
  for (const operator of operators) await operator.close?.();
  expect(pool.outstanding).toBe(0);
  dictionaries.memory.close();
  expect(dictionaries.memory.current).toBe(0);
  return out;
}

function selectIn(batch: Batch, keep: Uint8Array | undefined): void {
  if (keep) selectRows(batch, keep);
}

/** The output for batches that nobody else has. */
const alone = (names: readonly string[], of: Given) =>
  passThrough(names, of, async (chain, batch, settle) => {
    selectIn(batch, of.keep);
    chain.give(batch);
    await settle();
  });

/** The output for batches whose columns another owner has, and still has afterwards, unchanged. */
const shared = (names: readonly string[], of: Given) =>
  passThrough(names, of, async (chain, batch, settle) => {
    const [mine, others] = shareBatch(batch, 2) as [Batch, Batch];
    const before = hashOf(others.columns);
    const controls = [...others.controls];
    selectIn(mine, of.keep);
    chain.give(mine);
    await settle();
    expect(hashOf(others.columns)).toBe(before);
    expect(others.controls).toEqual(controls);
    others.release();
  });

describe('a chain of operators that is given batches which others read, too', () => {
  it.each(NAMES)('gives the same as for its own batches, and changes nothing for the others: %s', (name) =>
    fc.assert(
      fc.asyncProperty(given, async (of) => {
        expect(await shared([name], of)).toEqual(await alone([name], of));
      }),
      { numRuns: 40 },
    ),
  );

  it('does so in any order of operators', async () => {
    // These add no column of a fixed name and need none that another removes.
    const plain = NAMES.filter((name) => !/select|asof|adds|bars/.test(name));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...plain), { minLength: 2, maxLength: 4 }),
        fc.constantFrom(...NAMES),
        given,
        async (first, last, of) => {
          const names = [...first, last];
          expect(await shared(names, of)).toEqual(await alone(names, of));
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('an operator of a user', () => {
  const seenBy = async (mayShare: boolean, readsOnly: boolean) => {
    let isShared: boolean | undefined;
    const factory = defineOperator({
      create: (_options, input) => ({
        output: input,
        readsOnly,
        process(batch) {
          isShared ??= batch.isShared;
          batch.release();
        },
      }),
    });
    const dictionaries = new DictionarySet();
    const operator = ofModule(factory, mayShare)(TRADES, stageContext({ dictionaries }));
    const named = namedOperators([operator]);
    const chain = new OperatorChain(named, {
      input: TRADES,
      dictionaries,
      order: IN_ORDER,
      clock: systemClock,
    });
    const row = { time: START, symbol: 'A', price: 1, size: 1, flag: true };
    const [mine, others] = shareBatch(batchOf(TRADES, dictionaries, [row]), 2) as [Batch, Batch];
    chain.give(mine);
    await chain.step();
    others.release();
    return isShared;
  };

  it('never sees a shared batch if it is a module, whatever it declares', async () => {
    expect(await seenBy(false, false)).toBe(false);
    expect(await seenBy(false, true)).toBe(false);
  });

  it('sees one if it is a component that declares to read only', async () => {
    expect(await seenBy(true, false)).toBe(false);
    expect(await seenBy(true, true)).toBe(true);
  });
});

describe('a batcher or a sink', () => {
  /** Whether each of them saw a shared batch, in a pipeline whose operator shares its batches. */
  const seenBy = async (readsOnly: { batcher?: boolean; sink?: boolean }) => {
    const others: Batch[] = [];
    const sharing: Operator = {
      output: TRADES,
      process(batch, emit) {
        const [mine, other] = shareBatch(batch, 2) as [Batch, Batch];
        others.push(other);
        emit(mine);
      },
    };
    const seen: { batcher: boolean[]; sink: boolean[] } = { batcher: [], sink: [] };
    const passing: Batch[] = [];
    const ownBatcher: Batcher = {
      ...(readsOnly.batcher !== undefined && { readsOnly: readsOnly.batcher }),
      due: undefined,
      flushes: { rows: 0, bytes: 0, age: 0, keys: 0, control: 0, drain: 0 },
      add(batch) {
        seen.batcher.push(batch.isShared);
        passing.push(batch);
      },
      take: () => passing.shift(),
      flush() {},
    };
    const feed = feedOf(TRADES);
    const pipeline = pipelineOf({
      source: feed.make,
      operators: () => [sharing],
      ownBatcher,
      sink: {
        capabilities: { delivery: 'append' },
        ...(readsOnly.sink !== undefined && { readsOnly: readsOnly.sink }),
        write(batch) {
          if (batch.length > 0) seen.sink.push(batch.isShared);
          batch.release();
        },
        flush: () => ({ rows: 0, position: null }),
      },
    });
    feed.push({ time: START, symbol: 'A', price: 1, size: 1, flag: true });
    feed.end();
    await pipeline.run();
    for (const other of others) other.release();
    return { batcher: seen.batcher[0], sink: seen.sink[0] };
  };

  it('never sees a shared batch unless it declares to read only', async () => {
    expect(await seenBy({})).toEqual({ batcher: false, sink: false });
    expect(await seenBy({ batcher: false, sink: true })).toEqual({ batcher: false, sink: false });
    expect(await seenBy({ batcher: true, sink: true })).toEqual({ batcher: true, sink: true });
    expect(await seenBy({ batcher: true })).toEqual({ batcher: true, sink: false });
  });
});

describe('a chain without memory for a copy', () => {
  it('fails, and releases its share', async () => {
    const memory = new ColumnMemory(2 * bytesPerRow(TRADES));
    const dictionaries = new DictionarySet(memory);
    const operator = ofModule(doubledPrices)(TRADES, stageContext({ dictionaries }));
    const named = namedOperators([operator]);
    const chain = new OperatorChain(named, {
      input: TRADES,
      dictionaries,
      order: IN_ORDER,
      clock: systemClock,
    });
    const row = { time: START, symbol: 'A', price: 1, size: 1, flag: true };
    const batch = batchOf(TRADES, dictionaries, [row], { capacity: 2 });
    const [mine, others] = shareBatch(batch, 2) as [Batch, Batch];
    chain.give(mine);
    expect(() => chain.step()).toThrow('maxMemoryMb');
    expect(mine.isReleased).toBe(true);
    others.release();
    expect(memory.current).toBe(0);
  });
});
