import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../../src/columns/batch.js';
import { ColumnMemory } from '../../../../src/columns/column-memory.js';
import type { ControlRecord } from '../../../../src/columns/control-record.js';
import { DictionarySet } from '../../../../src/columns/dictionary.js';
import type { RowOrigin } from '../../../../src/columns/row-origin.js';
import type { Row } from '../../../../src/columns/row-view.js';
import type { Schema } from '../../../../src/columns/schema.js';
import { barsOperator } from '../../../../src/stages/operators/bars/bars.js';
import { BarsOptions } from '../../../../src/stages/operators/bars/options.js';
import { batchOf, streamOf } from '../../../support/batch-rows.js';
import { SimulatedClock } from '../../../support/simulated-clock.js';
import { RecordedRejects, stageContext } from '../../../support/stage-context.js';
import {
  at,
  barsOf,
  contextWithIds,
  gap,
  type Item,
  inShort,
  isRecord,
  type Options,
  openBars,
  stale,
  trade,
  trades,
} from './bars-rig.js';

const watermark = (seconds: number, symbol?: string): ControlRecord => ({
  type: 'watermark',
  at: at(seconds),
  ...(symbol !== undefined && { symbol }),
});
const END: ControlRecord = { type: 'end', how: 'completed' };

/** What is given of a stream whose rows speak for their own symbol alone. */
const bySymbol = (overrides: object = {}) =>
  contextWithIds({ stream: { order: { scope: 'symbol', maxDelayNs: 0 }, bounded: true }, ...overrides });

/** As `inShort`, with the instants of watermarks. */
const told = (items: readonly Item[]): string[] =>
  items.map((item) =>
    isRecord(item) && item.type === 'watermark'
      ? `W${item.symbol ?? ''} ${Number(item.at) / 1e9}`
      : inShort([item])[0]!,
  );

const run = (items: readonly Item[], options: Options = {}, context = contextWithIds(), schema = trades) => {
  const bars = openBars(options, context, schema);
  void bars.process(items);
  bars.flush();
  return bars.emitted();
};

describe('open and close', () => {
  it('are of the first and last instant, in whatever order rows come', () => {
    const items = [trade(1, 10), trade(3, 30), trade(2, 20), trade(0.5, 5)];
    expect(barsOf(items, { every: '1m' })).toMatchObject([
      { open: 5, high: 30, low: 5, close: 30, count: 4 },
    ]);
  });

  it('are of the first and last arrival where rows are of one instant', () => {
    const items = [trade(1, 10), trade(1, 20), trade(0, 1), trade(0, 2)];
    expect(barsOf(items, { every: '1m' })).toMatchObject([{ open: 1, close: 20 }]);
  });

  it.each(['int64', 'int32', 'float64'] as const)('follow a sequence of %s within an instant', (type) => {
    const schema: Schema = { ...trades, columns: [...trades.columns, { name: 'sequence', type }] };
    const numbered = (price: number, sequence: number): Row => ({
      ...trade(1, price),
      sequence: type === 'int64' ? BigInt(sequence) : sequence,
    });
    const items = [numbered(20, 2), numbered(40, 4), numbered(10, 1), numbered(30, 3)];
    expect(run(items, { every: '1m' }, contextWithIds(), schema)).toMatchObject([{ open: 10, close: 40 }]);
  });

  it('are by arrival among rows of one instant whose sequence is null', () => {
    const columns = [...trades.columns, { name: 'sequence', type: 'float64', nullable: true } as const];
    const unnumbered = (price: number): Row => ({ ...trade(1, price), sequence: null });
    const items = [unnumbered(10), unnumbered(20), unnumbered(30)];
    expect(run(items, { every: '1m' }, contextWithIds(), { ...trades, columns })).toMatchObject([
      { open: 10, close: 30 },
    ]);
  });

  it('are right before 1970 and across it', () => {
    const items = [trade(-1, 3), trade(-3, 1), trade(-2, 2), trade(1, 6), trade(0, 5), trade(2, 7)];
    expect(barsOf(items, { every: '1h' })).toMatchObject([
      { open: 1, close: 3 },
      { open: 5, close: 7 },
    ]);
  });
});

describe('volume and vwap', () => {
  it('are those of the decimals', () => {
    const sizes = [100.1, 0.0001, 0.2, 0.3, 33.3333, 31.6517];
    const items = Array.from({ length: 600 }, (_, i) => trade(i / 10, 0.1, sizes[i % 6]!));
    const [bar] = barsOf(items, { every: '1m' });
    expect(bar).toMatchObject({ volume: 16_558.51 });
    expect((bar as Row).vwap).toBeCloseTo(0.1, 15);
  });
});

describe('a watermark', () => {
  it('closes windows that end at it or before, without any row', () => {
    const { process, emitted } = openBars({}, bySymbol());
    void process([trade(0), watermark(0.999999999)]);
    expect(told(emitted())).toEqual(['W 0']);
    void process([watermark(1)]);
    expect(told(emitted())).toEqual(['0 A 1 complete', 'W 1']);
  });

  it('is held back to the begin of the first window that is not closed', () => {
    const { process, emitted, operator } = openBars({ every: '1m', lateness: '10s' }, bySymbol());
    void process([trade(0), watermark(30), watermark(69), watermark(70), watermark(75), watermark(131)]);
    expect(told(emitted())).toEqual(['W 0', '0 A 1 complete', 'W 60', 'W 120']);
    expect(operator.watermark?.()).toBe(120_000_000_000n);
  });

  it('of one symbol closes windows of that one', () => {
    const items = [trade(0, 1, 1, 'A'), trade(0, 1, 1, 'B'), watermark(5, 'B')];
    const { process, emitted } = openBars({}, bySymbol());
    void process(items);
    expect(told(emitted())).toEqual(['0 B 1 complete', 'WB 5']);
  });

  it('waits for the lateness', () => {
    const { process, emitted } = openBars({ lateness: '2s' }, bySymbol());
    void process([trade(0), watermark(2.5), trade(0.5)]);
    expect(told(emitted())).toEqual(['W 0']);
    void process([watermark(3)]);
    expect(told(emitted())).toEqual(['0 A 2 complete', 'W 1']);
  });

  it('of rows stands behind them by the delay that their source promises', () => {
    const context = contextWithIds({ stream: { order: { scope: 'all', maxDelayNs: 2e9 }, bounded: true } });
    const { process, emitted, operator } = openBars({}, context);
    void process([trade(0), trade(2.5), trade(0.9), trade(3), trade(1)]);
    expect(told(emitted())).toEqual(['0 A 2 complete']);
    expect(operator.order).toEqual({ scope: 'all', maxDelayNs: 0 }); // bars themselves come in order
  });
});

describe('where a row speaks for its own symbol alone', () => {
  it('no symbol closes the windows of another', () => {
    const items = [trade(0, 1, 1, 'A'), trade(5, 1, 1, 'A'), trade(0, 1, 1, 'B'), trade(1, 1, 1, 'B')];
    const { process, emitted } = openBars({}, bySymbol());
    void process(items);
    expect(told(emitted())).toEqual(['0 A 1 complete', '0 B 1 complete']);
  });

  it('a symbol that is quiet for a day holds up no bar of another, and a watermark brings its own', () => {
    const { process, emitted } = openBars({}, bySymbol());
    void process([trade(0, 1, 1, 'B'), trade(0, 1, 1, 'A'), trade(1, 1, 1, 'A'), trade(86_400, 1, 1, 'A')]);
    expect(told(emitted())).toEqual(['0 A 1 complete', '1 A 1 complete']);
    void process([watermark(86_400)]);
    expect(told(emitted())).toEqual(['0 B 1 complete', 'W 86400']);
  });

  it('a row is late behind a watermark of all, also the first of its symbol', () => {
    const { process, operator } = openBars({ late: 'drop' }, bySymbol());
    void process([trade(5), watermark(5), trade(4, 1, 1, 'B'), trade(5, 1, 1, 'B'), trade(4.9)]);
    expect(operator.tally?.()).toMatchObject({ folded: 2, dropped: 2, late: 2 });
  });

  it('the silence of all symbols ends with a row of any', () => {
    const items = [
      trade(0, 1, 1, 'A'),
      trade(0, 1, 1, 'B'),
      stale(0),
      trade(3, 1, 1, 'A'),
      trade(5, 1, 1, 'A'),
      trade(5, 1, 1, 'B'),
      watermark(9),
    ];
    expect(told(run(items, {}, bySymbol())).filter((bar) => bar.includes('B'))).toEqual([
      '0 B 1 gap',
      '1 B 0 gap',
      '2 B 0 gap',
      '3 B 0 gap',
      '5 B 1 complete',
    ]);
  });

  it('the silence of all symbols ends in the window that it began in, if a row comes in it', () => {
    const items = [trade(0, 1, 1, 'A'), trade(0, 1, 1, 'B'), stale(0.2), trade(0.5, 1, 1, 'A')];
    const behind = [trade(1, 1, 1, 'A'), trade(1, 1, 1, 'B'), watermark(9)];
    expect(told(run([...items, ...behind], {}, bySymbol())).filter((bar) => bar.includes('B'))).toEqual([
      '0 B 1 gap',
      '1 B 1 complete',
    ]);
  });

  it('a gap of all symbols counts for those that come after it', () => {
    const items = [
      trade(0, 1, 1, 'A'),
      gap(0.5, 2),
      trade(1, 1, 1, 'B'),
      trade(2, 1, 1, 'B'),
      trade(3, 1, 1, 'B'),
    ];
    const bars = told(run(items, {}, bySymbol())).filter((bar) => bar.includes('B'));
    expect(bars).toEqual(['1 B 1 gap', '2 B 1 complete', '3 B 1 partial']);
  });

  it('only the last window of the whole stream was not seen to its end', () => {
    const items = [
      trade(0, 1, 1, 'A'),
      trade(7, 1, 1, 'A'),
      trade(0, 1, 1, 'B'),
      trade(3, 1, 1, 'B'),
      watermark(7),
    ];
    expect(told(run([...items, END], {}, bySymbol()))).toEqual([
      '0 A 1 complete',
      '0 B 1 complete',
      '3 B 1 complete',
      'W 7',
      '7 A 1 partial',
      'end',
    ]);
  });
});

/** Rows of a file, one a line from line 2 on. */
const fromFile = (file: string): RowOrigin => ({ at: (place) => ({ file, line: place + 2 }) });

function give(operator: ReturnType<typeof openBars>['operator'], batch: Batch): void {
  void operator.process(batch, (made) => made.release());
}

describe('a late row', () => {
  const late = [trade(60, 1, 1, 'B'), trade(59, 2, 1, 'A')];

  function lateError(options: Options, context = contextWithIds(), origin = fromFile('ticks.csv')) {
    const { operator } = openBars(options, context);
    const batch = batchOf(trades, context.dictionaries, late);
    batch.origin = origin;
    try {
      give(operator, batch);
    } catch (error) {
      return { error, operator, batch };
    }
    return { operator, batch };
  }

  it('stops a bounded run, and is named with the row that closed its bar and what to set', () => {
    const { error, operator, batch } = lateError({ every: '1m' });
    expect(error).toMatchObject({ code: 'LATE_ROW', retryable: false });
    expect((error as Error).message).toBe(
      'ticks.csv:3: the row of "A" at 1970-01-01T00:00:59.000000000Z came late for stage: its bar ended at ' +
        '1970-01-01T00:01:00.000000000Z, and the watermark stood at 1970-01-01T00:01:00.000000000Z, moved there ' +
        'by the row of "B" at 1970-01-01T00:01:00.000000000Z (ticks.csv:2). Set "lateness" of bars to 1m (for ' +
        'this row; later ones may need more); or "maxDelay" of replay to 1m, if rows may be this far out of ' +
        'order; or "order: listed" of replay, if the symbols come one after the other; or "late" of bars to "drop" ' +
        'or "keep", to continue without such rows',
    );
    expect(operator.tally?.()).toMatchObject({ folded: 1, rejected: 1, late: 1 });
    expect(batch.isReleased).toBe(true);
  });

  it('is taken with the lateness that its error names', () => {
    expect(lateError({ every: '1m', lateness: '60s' }).error).toBeUndefined();
    expect(lateError({ every: '1m', lateness: '1s' }).error).toBeUndefined();
    expect(lateError({ every: '1m', lateness: '0s' }).error).toBeDefined();
  });

  it('is taken with the delay of its source that its error names, beside the lateness that there is', () => {
    const runWith = (maxDelayNs: number): unknown => {
      const stream = { order: { scope: 'all', maxDelayNs }, bounded: true };
      try {
        run([trade(0), trade(20), trade(0)], { lateness: '3s' }, contextWithIds({ stream }));
      } catch (error) {
        return error;
      }
    };
    expect(runWith(5e9)).toMatchObject({ message: expect.stringContaining('"lateness" of bars to 15s') });
    expect(runWith(5e9)).toMatchObject({
      message: expect.stringContaining('"maxDelay" of replay to 17s'),
    });
    expect(runWith(5e9)).toMatchObject({
      message: expect.stringContaining('stood at 1970-01-01T00:00:15.0'),
    });
    expect(runWith(17e9)).toBeUndefined();
  });

  it.each([
    ['of all symbols', watermark(9), contextWithIds],
    ['of all symbols, where each speaks for itself', watermark(9), bySymbol],
    ['of its symbol', watermark(9, 'A'), bySymbol],
  ])('is told of a record %s that closed its bar', (_, record, context) => {
    expect(() => run([trade(0), record, trade(0.5)], {}, context())).toThrow(
      'the watermark stood at 1970-01-01T00:00:09.000000000Z, moved there by a record of its source',
    );
  });

  it('goes to the dead letters with its file and line where it is to be kept', () => {
    const rejects = new RecordedRejects();
    lateError({ every: '1m', late: 'keep' }, contextWithIds({ rejects }));
    expect(rejects.rows).toMatchObject([{ file: 'ticks.csv', line: 3, field: 'time' }]);
  });

  it('goes to the dead letters and is counted in a column where there are both', () => {
    const rejects = new RecordedRejects();
    const items = [trade(60), trade(59), trade(130)];
    const options = { every: '1m', late: 'keep', lateColumn: 'late' } as const;
    const bars = openBars(options, contextWithIds({ rejects }));
    void bars.process(items);
    bars.flush();
    expect((bars.emitted() as Row[]).map(({ late }) => late)).toEqual([1, 0]);
    expect(rejects.rows).toHaveLength(1);
    expect(bars.operator.tally?.()).toMatchObject({ rejected: 1, dropped: 0, late: 1 });
  });

  it('says that the other row may be the wrong one where that is far ahead', () => {
    const bars = openBars({ every: '1m' });
    const batch = batchOf(trades, bars.context.dictionaries, [trade(90_000, 1), trade(60, 2)]);
    batch.origin = fromFile('ticks.csv');
    expect(() => give(bars.operator, batch)).toThrow(
      /If the time at ticks\.csv:2 is wrong, remove that row, or set "maxJump".*else set "lateness" of bars to/,
    );
  });

  it('is told to have its files merged where they are read as listed', () => {
    const bars = openBars({ every: '1m' }, bySymbol());
    expect(() => bars.process([trade(120), trade(1)])).toThrow(
      /"order: time" of replay, if it reads its files as listed/,
    );
  });

  it('is counted in a column where that is asked for, in the next bar of its symbol', () => {
    const items = [trade(60, 1, 1, 'B'), trade(59), trade(58), trade(70, 1, 1, 'B'), trade(65), trade(130)];
    const rejects = new RecordedRejects({ keepsRows: false });
    const options = { every: '1m', late: 'keep', lateColumn: 'late' } as const;
    const bars = run(items, options, contextWithIds({ rejects })) as Row[];
    expect(bars.map(({ time, symbol, late }) => [Number(time) / 1e9, symbol, late])).toEqual([
      [60, 'A', 2],
      [60, 'B', 0],
      [120, 'A', 0],
    ]);
  });

  it('of a live source is dropped, counted, and told at once and then at most once a minute', async () => {
    const warned: object[] = [];
    const clock = new SimulatedClock();
    const log = { ...stageContext().log, warn: (fields: object) => void warned.push(fields) };
    const stream = { order: { scope: 'symbol' as const, maxDelayNs: 0 }, bounded: false };
    const { process, operator } = openBars({}, contextWithIds({ clock, log, stream }));
    void process([trade(9), trade(1), trade(2)]);
    expect(warned).toMatchObject([{ rows: 1, latest: expect.stringContaining('came late') }]);
    await clock.advance(59_999);
    void process([trade(3)]);
    expect(warned).toHaveLength(1);
    await clock.advance(1);
    void process([trade(4)]);
    expect(warned).toMatchObject([{ rows: 1 }, { rows: 3 }]);
    expect(operator.tally?.()).toMatchObject({ dropped: 4, late: 4 });
  });
});

describe('vwap', () => {
  it('lies within its bar, however it was rounded', () => {
    const prices = Array.from({ length: 300 }, (_, i) => 100.1 + i / 1_000);
    for (const price of prices) {
      const bars = barsOf([0.1, 0.2, 0.3, 0.7, 0.9].map((size, i) => trade(i / 10, price, size)));
      expect(bars).toMatchObject([{ vwap: price }]);
    }
  });
});

describe('very many bars', () => {
  it('come in steps, each of a few batches, and all of them', () => {
    const context = contextWithIds({ batchRows: 8_192 });
    const operator = barsOperator.create(
      BarsOptions.parse({ every: '1s', emptyBars: 'emit', fillMax: 10_000_000 }),
      trades,
      context,
    );
    let rows = 0;
    let step = 0;
    let stepMax = 0;
    const emit = (batch: Batch) => {
      step += batch.length;
      rows += batch.length;
      batch.release();
    };
    void operator.process(batchOf(trades, context.dictionaries, [trade(0), trade(2_000_000)]), emit);
    for (stepMax = step; operator.hasMore; stepMax = Math.max(stepMax, step)) {
      step = 0;
      void operator.emitMore?.(emit);
    }
    expect(rows).toBe(2_000_000);
    expect(stepMax).toBeLessThanOrEqual(9 * 1_024);
  });
});

describe('the windows that a lateness keeps open', () => {
  it('are as many as the memory of the job holds, and the error says what to lower', () => {
    const memory = new ColumnMemory(8 * 1_048_576);
    const dictionaries = new DictionarySet(memory);
    const { process, operator } = openBars({ lateness: '1d' }, contextWithIds({ memory, dictionaries }));
    const items = Array.from({ length: 86_000 }, (_, i) => trade(i));
    expect(() => process(items)).toThrow(
      expect.objectContaining({
        code: 'MEMORY_EXHAUSTED',
        message: expect.stringMatching(/in use: bars .* MB.*; requested: .* for bars.*"lateness" of bars/),
      }),
    );
    operator.close?.();
    expect(memory.holders).not.toHaveProperty('bars');
  });

  it('are given back as they close', () => {
    const memory = new ColumnMemory();
    const { process } = openBars({ lateness: '100s' }, contextWithIds({ memory }));
    void process(Array.from({ length: 10_000 }, (_, i) => trade(i)));
    const held = memory.holders.bars!;
    void process(Array.from({ length: 10_000 }, (_, i) => trade(i + 10_000)));
    expect(memory.holders.bars).toBe(held);
    void process([trade(30_000)]); // all of them at once
    expect(memory.holders.bars).toBeLessThan(held / 10);
  });
});

interface Draft {
  readonly symbol: 'A' | 'B' | 'C';
  readonly tenths: number;
  readonly cents: number;
  readonly size: number;
}
const drafts: fc.Arbitrary<Draft[]> = fc.array(
  fc.record({
    symbol: fc.constantFrom('A', 'B', 'C'),
    tenths: fc.integer({ min: 0, max: 300 }),
    cents: fc.integer({ min: 1, max: 9_999 }),
    size: fc.integer({ min: 0, max: 50 }),
  }),
  { minLength: 1, maxLength: 60 },
);
const toTrades = (rows: readonly Draft[]): Row[] =>
  rows.map(({ symbol, tenths, cents, size }) => trade(tenths / 10, cents / 100, size / 10, symbol));
const inTime = (rows: readonly Draft[]): Draft[] => rows.toSorted((a, b) => a.tenths - b.tenths);

/** Bars by window and symbol, sums rounded to what may differ. */
const asSet = (items: readonly Item[]): Record<string, Row> =>
  Object.fromEntries(
    items
      .filter((item): item is Row => !isRecord(item))
      .map((bar) => [
        `${bar.time} ${bar.symbol}`,
        {
          ...bar,
          volume: bar.volume === null ? null : Number((bar.volume as number).toPrecision(12)),
          vwap: bar.vwap === null ? null : Number((bar.vwap as number).toPrecision(12)),
        },
      ]),
  );

/** Feeds one operator what another made. */
function chained(
  items: readonly Item[],
  first: Options,
  second: Options,
  context: ReturnType<typeof contextWithIds>,
  schema = trades,
): Item[] {
  const upper = barsOperator.create(BarsOptions.parse(first), schema, context);
  const stream = { order: upper.order!, bounded: true };
  const lower = openBars(second, { ...context, stream }, upper.output);
  const made: Item[] = [];
  const pass = (batch: Batch) => made.push(...streamOf([batch]));
  const rows: Row[] = [];
  const controls: { row: number; record: ControlRecord }[] = [];
  for (const item of items) {
    if (isRecord(item)) controls.push({ row: rows.length, record: item });
    else rows.push(item);
  }
  void upper.process(batchOf(schema, context.dictionaries, rows, { controls }), pass);
  while (upper.hasMore) void upper.emitMore?.(pass);
  void upper.flush?.(pass);
  void lower.process(made);
  lower.flush();
  return lower.emitted();
}

describe('bars of any stream', () => {
  const records = fc.array(
    fc.tuple(
      fc.nat(60),
      fc.oneof(
        fc.tuple(fc.nat(30), fc.nat(8)).map(([from, length]) => gap(from, from + length)),
        fc.tuple(fc.nat(30), fc.nat(8)).map(([from, length]) => gap(from, from + length, 'A')),
        fc.nat(30).map((seconds): ControlRecord => ({ type: 'reset', at: at(seconds), reason: '' })),
      ),
    ),
    { maxLength: 3 },
  );

  it('are the same made in one step as in two', () => {
    fc.assert(
      fc.property(drafts, records, fc.boolean(), (rows, controls, isShared) => {
        const items: Item[] = [...toTrades(inTime(rows))];
        // A gap in the first second hides that the stream began in it; and where each symbol speaks for
        // itself, only rows at the very begin tell when all of them did.
        if (!isShared || controls.length > 0)
          items.unshift(...['A', 'B', 'C'].map((symbol) => trade(0, 1, 1, symbol)));
        // A record stands where its time does, as sources place them.
        for (const [, record] of controls) {
          const from = record.type === 'gap' ? record.from : (record as { at: bigint }).at;
          const place = items.findIndex((item) => !isRecord(item) && (item.time as bigint) >= from);
          items.splice(place < 0 ? items.length : place, 0, record);
        }
        const context = isShared ? contextWithIds() : bySymbol();
        const once = run([...items, END], { every: '5s' }, context);
        const twice = chained([...items, END], { every: '1s' }, { every: '5s' }, context);
        expect(asSet(twice)).toEqual(asSet(once));
      }),
      { numRuns: 300, seed: 11 },
    );
  });

  it('are the same made in two steps of rows without sizes: no volume, not one of 0', () => {
    const unsized: Schema = { ...trades, columns: trades.columns.slice(0, 3) };
    const items = [trade(0), trade(7), trade(16)].map(({ size: _, ...row }) => row as Row);
    const options = { every: '5s', emptyBars: 'emit' } as const;
    const twice = chained([...items, END], { ...options, every: '1s' }, options, contextWithIds(), unsized);
    expect(twice).toEqual(run([...items, END], options, contextWithIds(), unsized));
    expect(twice).toMatchObject([
      { volume: null },
      { volume: null },
      { volume: null },
      { volume: null },
      END,
    ]);
  });

  it('have the gaps of shorter bars, also of a symbol that had no row yet', () => {
    const schema = openBars().operator.output;
    const shorter = (seconds: number, symbol: string, mark: string, price: number | null): Row => ({
      ...{ time: at(seconds), symbol, open: price, high: price, low: price, close: price, mark },
      ...{ volume: price === null ? 0 : 1, vwap: price, count: price === null ? 0 : 1 },
    });
    const items = [
      shorter(0, 'A', 'complete', 1),
      shorter(0, 'B', 'gap', null),
      shorter(5, 'A', 'complete', 1),
    ];
    expect(inShort(run(items, { every: '5s' }, contextWithIds(), schema))).toEqual([
      '0 A 1 complete',
      '0 B 0 gap',
      '5 A 1 partial',
    ]);
  });

  it('do not depend on how symbols are interleaved, where each speaks for itself', () => {
    fc.assert(
      fc.property(drafts, fc.infiniteStream(fc.nat(2)), (rows, picks) => {
        const sorted = inTime(rows);
        const bySymbols = ['A', 'B', 'C'].map((symbol) => sorted.filter((row) => row.symbol === symbol));
        const shuffled: Draft[] = [];
        while (shuffled.length < rows.length) {
          const queue = bySymbols[picks.next().value]!;
          const next = queue.shift() ?? bySymbols.find(({ length }) => length > 0)!.shift()!;
          shuffled.push(next);
        }
        const last = Math.max(...rows.map(({ tenths }) => tenths)) / 10;
        // Where the stream begins depends on the interleaving: all begin together here.
        const begin = ['A', 'B', 'C'].map((symbol) => trade(0, 1, 1, symbol));
        const shared = run([...begin, ...toTrades(sorted), END]);
        const own = run([...begin, ...toTrades(shuffled), watermark(last), END], {}, bySymbol());
        expect(asSet(own)).toEqual(asSet(shared));
      }),
      { numRuns: 300, seed: 12 },
    );
  });

  it('do not depend on the order of arrival within the lateness, nor on where it is cut', () => {
    const delays = fc.array(fc.nat(20), { minLength: 60, maxLength: 60 });
    const cuts = fc.constantFrom(1, 7, 8_192);
    fc.assert(
      fc.property(drafts, delays, cuts, fc.boolean(), (rows, delay, size, isShared) => {
        const sorted = inTime(rows);
        // Rows of one instant have one delay, and so keep their order.
        const arrived = sorted
          .map((row) => ({ row, at: row.tenths + delay[row.tenths % 60]! }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ row }) => row);
        const context = () => (isShared ? contextWithIds() : bySymbol());
        const bars = openBars({ lateness: '2s' }, context());
        const items = toTrades(arrived);
        for (let i = 0; i < items.length; i += size) void bars.process(items.slice(i, i + size));
        void bars.process([END]);
        bars.flush();
        expect(bars.operator.tally?.()).toMatchObject({ late: 0 });
        expect(asSet(bars.emitted())).toEqual(asSet(run([...toTrades(sorted), END], {}, context())));
      }),
      { numRuns: 300, seed: 13 },
    );
  });

  it('go on from a snapshot at any row, through JSON, symbol by symbol', () => {
    fc.assert(
      fc.property(drafts, fc.nat(60), records, (rows, when, controls) => {
        const items: Item[] = [...toTrades(inTime(rows))];
        for (const [place, record] of controls) items.splice(Math.min(place, items.length), 0, record);
        const first = openBars({ late: 'drop' }, bySymbol());
        void first.process(items.slice(0, when));
        const state = JSON.parse(JSON.stringify(first.operator.snapshot?.()));
        const second = openBars({ late: 'drop' }, bySymbol());
        second.operator.restore?.(state);
        void second.process(items.slice(when));
        second.flush();
        const whole = run(items, { late: 'drop' }, bySymbol());
        expect([...first.emitted(), ...second.emitted()]).toEqual(whole);
      }),
      { numRuns: 200, seed: 14 },
    );
  });

  it('go on from a snapshot of rows without sizes', () => {
    const schema: Schema = { ...trades, columns: trades.columns.slice(0, 3) };
    const rows = [trade(0, 1), trade(0.5, 2), trade(0.7, 3)].map(({ size: _, ...row }) => row);
    const first = openBars({}, contextWithIds(), schema);
    void first.process(rows.slice(0, 2));
    const second = openBars({}, contextWithIds(), schema);
    second.operator.restore?.(first.operator.snapshot?.() ?? null);
    void second.process(rows.slice(2));
    second.flush();
    expect(second.emitted()).toMatchObject([{ open: 1, close: 3, count: 3, volume: null }]);
  });

  it('have volumes after a snapshot of a window that had no row with a price', () => {
    const first = openBars();
    void first.process([trade(0, null)]);
    const second = openBars();
    second.operator.restore?.(JSON.parse(JSON.stringify(first.operator.snapshot?.())));
    void second.process([trade(0.5, 10, 3)]);
    second.flush();
    expect(second.emitted()).toMatchObject([{ volume: 3, vwap: 10 }]);
  });

  it('refuses the state of another order', () => {
    const state = openBars().operator.snapshot?.() ?? null;
    expect(() => openBars({}, bySymbol()).operator.restore?.(state)).toThrow(
      expect.objectContaining({ code: 'CHECKPOINT_INVALID', message: expect.stringContaining('order') }),
    );
  });
});
