import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import type { Row } from '../../../src/columns/row-view.js';
import type { Schema } from '../../../src/columns/schema.js';
import { InvalidRowError } from '../../../src/core/errors.js';
import { barsOperator } from '../../../src/stages/operators/bars/bars.js';
import { BarsOptions } from '../../../src/stages/operators/bars/options.js';
import { collectProblems, RecordedRejects, stageContext } from '../../support/stage-context.js';
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
  SECOND,
  stale,
  trade,
  trades,
} from './bars/bars-rig.js';

describe('bars', () => {
  it('have open, high, low, close, volume, vwap and count of the rows of a window', () => {
    const items = [trade(0, 10, 1), trade(0.5, 13, 2), trade(0.7, 9, 3), trade(0.999999999, 11, 4), trade(1)];
    expect(barsOf(items)[0]).toEqual({
      time: 0n,
      symbol: 'A',
      open: 10,
      high: 13,
      low: 9,
      close: 11,
      volume: 10,
      vwap: (10 + 26 + 27 + 44) / 10,
      count: 4,
      mark: 'complete',
    });
  });

  it('begin at whole multiples of their length since 1970, before it as well', () => {
    const items = [-2.5, -2, -0.000000001, 0, 61.5].map((seconds) => trade(seconds));
    const begins = barsOf(items, { every: '2s' }).map(({ time }: Row) => Number(time) / 1e9);
    expect(begins).toEqual([-4, -2, 0, 60]);
  });

  it('come in order of window and symbol id, not of appearance in the window', () => {
    const items = [
      trade(0, 1, 1, 'A'),
      trade(0, 1, 1, 'B'),
      trade(0, 1, 1, 'C'),
      trade(1, 1, 1, 'C'),
      trade(1, 1, 1, 'A'),
      trade(2, 1, 1, 'B'),
      trade(2, 1, 1, 'A'),
    ];
    const order = barsOf(items).map((bar) => `${Number((bar as Row).time) / 1e9}${(bar as Row).symbol}`);
    expect(order).toEqual(['0A', '0B', '0C', '1A', '1C', '2A', '2B']);
  });

  it('are emitted by the first row past their end, and no earlier', () => {
    const { process, emitted } = openBars();
    void process([trade(0), trade(0.999999999)]);
    expect(emitted()).toEqual([]);
    void process([trade(1)]);
    expect(inShort(emitted())).toEqual(['0 A 2 complete']);
  });

  it('wait for the lateness, and take rows until then', () => {
    const { process, emitted, operator } = openBars({ lateness: '500ms', late: 'drop' });
    void process([trade(0), trade(1.2), trade(0.9), trade(1.499999999)]);
    expect(emitted()).toEqual([]);
    void process([trade(1.5), trade(0.95), trade(1.1)]);
    expect(inShort(emitted())).toEqual(['0 A 2 complete']);
    expect(operator.tally?.()).toMatchObject({ folded: 6, dropped: 1 });
  });

  it('have no volume and vwap without a column of sizes', () => {
    const columns = trades.columns.filter(({ name }) => name !== 'size');
    const bars = openBars({}, stageContext(), { kind: 'trade', columns });
    void bars.process([trade(0), trade(1)].map(({ size: _, ...row }) => row));
    expect(bars.emitted()[0]).toMatchObject({ close: 100, volume: null, vwap: null, count: 1 });
  });

  it('leave out trades that do not come from the market, in every batch, which still move event time', () => {
    const schema: Schema = {
      ...trades,
      columns: [...trades.columns, { name: 'offMarket', type: 'boolean' }],
    };
    const { process, emitted, flush, operator } = openBars({}, contextWithIds(), schema);
    const row = (seconds: number, price: number, offMarket: boolean) => ({
      ...trade(seconds, price, 2),
      offMarket,
    });
    void process([row(0, 10, false), row(0.1, 0, true), row(0.2, 11, false)]);
    void process([row(0.3, 99, true), row(0.4, 12, false)]);
    void process([row(0.5, 9, false), row(1, 0, true)]);
    const [bar] = emitted() as Row[];
    expect(bar).toMatchObject({ open: 10, high: 12, low: 9, close: 9, count: 4, volume: 8, vwap: 10.5 });
    expect(operator.tally?.()).toMatchObject({ folded: 4, filtered: 3 });
    flush();
    expect(emitted()).toEqual([]);
  });

  it('leave out rows without a finite price, which still move event time', () => {
    const { process, emitted, operator } = openBars();
    void process([
      trade(0, 1),
      trade(0.1, null),
      trade(0.2, Number.POSITIVE_INFINITY),
      trade(0.3, 3),
      trade(1, null),
    ]);
    expect(emitted()).toMatchObject([{ open: 1, high: 3, close: 3, count: 2, volume: 2 }]);
    expect(operator.tally?.()).toEqual({
      folded: 2,
      derived: 1,
      filtered: 3,
      dropped: 0,
      rejected: 0,
      late: 0,
    });
  });

  it('count a row without a size, at size 0', () => {
    const bars = barsOf([trade(0, 10, null), trade(0.1, 20, 2), trade(1, 5, null)]);
    expect(bars).toMatchObject([
      { count: 2, volume: 2, vwap: 20 },
      { count: 1, volume: 0, vwap: null },
    ]);
  });

  it('fill as many batches as they need', () => {
    const bars = openBars({}, stageContext({ batchRows: 3 }));
    void bars.process(Array.from({ length: 11 }, (_, i) => trade(i)));
    expect(bars.emitted()).toHaveLength(10);
  });

  it('let control records pass where they stand between the bars', () => {
    const switched: ControlRecord = {
      type: 'switched',
      at: at(1.5),
      since: at(1),
      from: 'a',
      to: 'b',
      reason: 'silence',
      seam: 'exact',
    };
    const end: ControlRecord = { type: 'end', how: 'completed' };
    const items = [trade(0), trade(1), switched, trade(2), end];
    expect(inShort(barsOf(items))).toEqual([
      '0 A 1 complete',
      'switched',
      '1 A 1 complete',
      '2 A 1 partial',
      'end',
    ]);
  });

  it('keep symbols apart that appear at any time, and rows without one', () => {
    const items = [
      ...Array.from({ length: 60 }, (_, i) => trade(0, i, 1, `S${i}`)),
      { ...trade(0.5, 7), symbol: null },
      trade(1),
    ];
    const bars = barsOf(items).filter((bar) => (bar as Row).time === 0n) as Row[];
    expect(bars.map(({ symbol }) => symbol)).toEqual([
      null,
      ...Array.from({ length: 60 }, (_, i) => `S${i}`),
    ]);
    expect(bars.map(({ open }) => open)).toEqual([7, ...Array.from({ length: 60 }, (_, i) => i)]);
  });
});

describe('a late row', () => {
  it('is dropped and counted where that is asked for', () => {
    const { process, flush, emitted, operator } = openBars({ late: 'drop' });
    void process([trade(5), trade(4.9), trade(5.1)]);
    flush();
    expect(inShort(emitted())).toEqual(['5 A 2 partial']);
    expect(operator.tally?.()).toMatchObject({ folded: 2, dropped: 1, rejected: 0, late: 1 });
    expect(operator.statistics?.()).toMatchObject({ rowsLate: 1 });
  });

  it('goes to the dead letters with its time, what was too late about it, and its values', async () => {
    const rejects = new RecordedRejects();
    const { process, operator } = openBars({ late: 'keep' }, stageContext({ rejects }));
    await process([trade(5)]);
    expect(rejects.flushes).toBe(0);
    await process([trade(6), trade(5.000000001, 42, 7)]);
    expect(rejects.rows).toEqual([
      {
        file: 'stage',
        line: 3,
        field: 'time',
        expected: 'a row whose bar is still open',
        found: 'a row of 1970-01-01T00:00:05.000000001Z, whose bar closed at 1970-01-01T00:00:06.000000000Z',
        raw: '{"time":"1970-01-01T00:00:05.000000001Z","symbol":"A","price":42,"size":7}',
      },
    ]);
    expect(rejects.flushes).toBe(1);
    expect(operator.tally?.()).toMatchObject({ folded: 2, dropped: 0, rejected: 1 });
  });

  it('stops the job where bad rows do', () => {
    const rejects = new RecordedRejects({ keepsRows: false });
    const { process } = openBars({ late: 'keep' }, stageContext({ rejects }));
    expect(() => process([trade(5), trade(4)])).toThrow(InvalidRowError);
  });
});

describe('the mark of a bar', () => {
  it('is partial where the stream began and ended', () => {
    expect(inShort(barsOf([trade(0.5), trade(1), trade(2)]))).toEqual([
      '0 A 1 partial',
      '1 A 1 complete',
      '2 A 1 partial',
    ]);
  });

  it('is complete where the first row stands at the very begin', () => {
    expect(inShort(barsOf([trade(1), trade(2)]))[0]).toBe('1 A 1 complete');
  });

  it('is complete at the end for windows that event time had passed and lateness kept open', () => {
    const items = [trade(1), trade(2.4)];
    expect(inShort(barsOf(items, { lateness: '10s' }))).toEqual(['1 A 1 complete', '2 A 1 partial']);
  });

  it('is gap for windows that a gap touches, before partial and complete', () => {
    const items = [trade(0.5), trade(1), gap(1.5, 3), trade(3), trade(4), trade(5)];
    expect(inShort(barsOf(items))).toEqual([
      '0 A 1 partial',
      'gap',
      '1 A 1 gap',
      '2 A 0 gap',
      '3 A 1 complete',
      '4 A 1 complete',
      '5 A 1 partial',
    ]);
  });

  it('is gap around a switch of sources whose seam is unknown, also where the rows overlap', () => {
    const switched = (since: number, to: number, seam: 'exact' | 'unknown'): ControlRecord => ({
      type: 'switched',
      at: at(to),
      since: at(since),
      from: 'a',
      to: 'b',
      reason: 'error',
      seam,
    });
    const marksOf = (...items: Item[]) =>
      inShort(barsOf([...items, trade(9)])).filter((bar) => bar !== 'switched');
    const before = [trade(0.5), trade(1), trade(2), trade(3.5)];
    expect(marksOf(...before, switched(3.5, 5.5, 'unknown'), trade(5.5), trade(6))).toEqual(
      expect.arrayContaining(['2 A 1 complete', '3 A 1 gap', '4 A 0 gap', '5 A 1 gap', '6 A 1 complete']),
    );
    expect(marksOf(...before, switched(3.5, 3.2, 'unknown'), trade(3.5), trade(4))).toEqual(
      expect.arrayContaining(['2 A 1 complete', '3 A 2 gap', '4 A 1 complete']),
    );
    expect(marksOf(...before, switched(3.5, 5.5, 'exact'), trade(5.5), trade(6))).toEqual(
      expect.arrayContaining(['3 A 1 complete', '5 A 1 complete']),
    );
  });

  it('is gap for windows behind the last row, which was then not the end', () => {
    const items = [trade(1), trade(2.5), gap(4.5, 6)];
    expect(inShort(barsOf(items))).toEqual([
      '1 A 1 complete',
      'gap',
      '2 A 1 complete',
      '4 A 0 gap',
      '5 A 0 gap',
    ]);
    expect(inShort(barsOf(items, { emptyBars: 'emit' })).slice(2)).toEqual([
      '2 A 1 complete',
      '3 A 0 empty',
      '4 A 0 gap',
      '5 A 0 gap',
    ]);
    expect(inShort(barsOf([trade(2), gap(2.5, 6, 'B'), { type: 'end', how: 'completed' }]))).toEqual([
      'gap',
      '2 A 1 complete',
      '2 B 0 gap',
      '3 B 0 gap',
      '4 B 0 gap',
      '5 B 0 gap',
      'end',
    ]);
    expect(inShort(barsOf([gap(1, 3)]))).toEqual(['gap']);
  });

  it('is gap for the symbol of the gap alone', () => {
    const items = [
      trade(1, 1, 1, 'A'),
      trade(1, 1, 1, 'B'),
      gap(2, 3.5, 'B'),
      trade(2, 1, 1, 'A'),
      trade(3, 1, 1, 'A'),
      trade(3.6, 1, 1, 'B'),
      trade(4, 1, 1, 'A'),
    ];
    expect(inShort(barsOf(items)).slice(0, 7)).toEqual([
      'gap',
      '1 A 1 complete',
      '1 B 1 complete',
      '2 A 1 complete',
      '2 B 0 gap',
      '3 A 1 complete',
      '3 B 1 gap',
    ]);
  });

  it('has no prices, and no volume, where a gap left no rows', () => {
    const [, , bar] = barsOf([trade(1), gap(2, 3), trade(3)]);
    expect(bar).toEqual({
      time: 2n * SECOND,
      symbol: 'A',
      open: null,
      high: null,
      low: null,
      close: null,
      volume: 0,
      vwap: null,
      count: 0,
      mark: 'gap',
    });
  });

  it('is gap from a silence to the window in which rows come again', () => {
    const items = [trade(1), trade(1.5), stale(1.5), stale(1.5), trade(4.5), trade(5), trade(6)];
    expect(inShort(barsOf(items))).toEqual([
      'stale',
      'stale',
      '1 A 2 gap',
      '2 A 0 gap',
      '3 A 0 gap',
      '4 A 1 gap',
      '5 A 1 complete',
      '6 A 1 partial',
    ]);
  });

  it('is gap in one window alone for a silence that ends within it', () => {
    const items = [trade(1), stale(1), trade(1.8), trade(2), trade(3)];
    expect(inShort(barsOf(items))).toEqual(['stale', '1 A 2 gap', '2 A 1 complete', '3 A 1 partial']);
  });

  it('is gap for as long as a symbol is silent, whatever the others do', () => {
    const items = [
      trade(1, 1, 1, 'A'),
      trade(1, 1, 1, 'B'),
      stale(1, 'B'),
      trade(2),
      trade(3),
      trade(3.5, 1, 1, 'B'),
      trade(4),
      trade(5),
      trade(5, 1, 1, 'B'),
    ];
    expect(inShort(barsOf(items)).filter((bar) => bar.includes('B'))).toEqual([
      '1 B 1 gap',
      '2 B 0 gap',
      '3 B 1 gap',
      '5 B 1 partial',
    ]);
  });

  it('is partial around a reset', () => {
    const reset: ControlRecord = { type: 'reset', at: at(2.5), reason: 'test' };
    expect(inShort(barsOf([trade(1), trade(2), reset, trade(2.7), trade(3), trade(4)]))).toEqual([
      '1 A 1 complete',
      'reset',
      '2 A 2 partial',
      '3 A 1 complete',
      '4 A 1 partial',
    ]);
  });

  it('is empty for a quiet symbol that was seen before, where such bars are asked for', () => {
    const items = [trade(1, 1, 1, 'A'), trade(2, 1, 1, 'B'), trade(4, 1, 1, 'A'), trade(5, 1, 1, 'A')];
    expect(inShort(barsOf(items, { emptyBars: 'emit' }))).toEqual([
      '1 A 1 complete',
      '2 A 0 empty',
      '2 B 1 complete',
      '3 A 0 empty',
      '3 B 0 empty',
      '4 A 1 complete',
      '4 B 0 empty',
      '5 A 1 partial',
      '5 B 0 partial',
    ]);
    expect(barsOf(items)).toHaveLength(4);
  });
});

describe('bars without rows', () => {
  it('are bounded in a gap of any length', () => {
    const { process, emitted, operator } = openBars({ fillMax: 3 });
    void process([trade(1), gap(2, 4_000_000_000), trade(4_000_000_000), trade(4_000_000_001)]);
    expect(inShort(emitted())).toEqual([
      'gap',
      '1 A 1 complete',
      '2 A 0 gap',
      '3 A 0 gap',
      '4 A 0 gap',
      '4000000000 A 1 complete',
    ]);
    expect(operator.statistics?.()).toMatchObject({ barsNotFilled: 3_999_999_995 });
  });

  it('are bounded in a gap at the end', () => {
    const { process, flush, emitted, operator } = openBars({ fillMax: 1 });
    void process([trade(1), gap(2, 4_000_000_000)]);
    flush();
    expect(inShort(emitted())).toEqual(['gap', '1 A 1 complete', '2 A 0 gap']);
    expect(operator.statistics?.()).toMatchObject({ barsNotFilled: 3_999_999_997 });
  });

  it('are bounded in a quiet time, and begin anew after a row', () => {
    const items = [trade(1), trade(1_000_000), trade(1_000_003), trade(1_000_004)];
    expect(inShort(barsOf(items, { emptyBars: 'emit', fillMax: 2 }))).toEqual([
      '1 A 1 complete',
      '2 A 0 empty',
      '3 A 0 empty',
      '1000000 A 1 complete',
      '1000001 A 0 empty',
      '1000002 A 0 empty',
      '1000003 A 1 complete',
      '1000004 A 1 partial',
    ]);
  });

  it('are told to the log once when some are left out', () => {
    const lines: string[] = [];
    const log = { ...stageContext().log, warn: (_: object, text: string) => void lines.push(text) };
    const { process } = openBars({ emptyBars: 'emit', fillMax: 0 }, stageContext({ log }));
    void process([trade(1), trade(5)]);
    void process([trade(9), trade(15)]);
    expect(lines).toEqual(['bars without rows left out: more in a row than fillMax']);
  });
});

describe('the plan of bars', () => {
  const plan = (options: Options, columns: Schema['columns'], kind: Schema['kind'] = 'custom') => {
    const problems = collectProblems();
    const output = barsOperator.plan(
      BarsOptions.parse({ every: '1s', ...options }),
      { kind, columns },
      problems,
      { hasDeadLetters: false, inputs: {} },
    );
    return { output, found: problems.found };
  };
  const [time, symbol] = trades.columns as [Schema['columns'][0], Schema['columns'][0]];
  const float = (name: string) => ({ name, type: 'float64' as const });

  it('names the columns of a bar', () => {
    const { output, found } = plan({}, trades.columns, 'trade');
    expect(found).toEqual([]);
    expect(output.kind).toBe('bar');
    expect(output.columns.map(({ name }) => name).join(' ')).toBe(
      'time symbol open high low close volume vwap count mark',
    );
  });

  it('takes price before mid', () => {
    expect(plan({}, [time, symbol, float('mid')]).found).toEqual([]);
    const schema: Schema = { kind: 'custom', columns: [time, symbol, float('mid'), float('price')] };
    const bars = openBars({}, stageContext(), schema);
    void bars.process([
      { time: 0n, symbol: 'A', mid: 1, price: 2 },
      { time: SECOND, symbol: 'A', mid: 1, price: 2 },
    ]);
    expect(bars.emitted()).toMatchObject([{ open: 2 }]);
  });

  it('says how to get a price from quotes', () => {
    expect(plan({}, [time, symbol, float('bid'), float('ask')]).found).toEqual([
      'price: expected a column "price" or "mid", found "time", "symbol", "bid", "ask"; put ' +
        '{ use: derive, columns: { mid: "(bid + ask) / 2" } } before it, or name the price column here',
    ]);
  });

  it('wants a place for late rows that are to be kept, and a column only for those', () => {
    const keep =
      'late: expected "deadLetter.path" in the spec, or "lateColumn", since "keep" must record late rows';
    expect(plan({ late: 'keep' }, trades.columns, 'trade').found).toEqual([keep]);
    expect(plan({ lateColumn: 'late' }, trades.columns, 'trade').found).toEqual([
      'lateColumn: expected "late: keep" as well',
    ]);
    expect(plan({ late: 'keep', lateColumn: 'mark' }, trades.columns, 'trade').found).toEqual([
      'lateColumn: expected a name that bars do not have, found "mark"',
    ]);
    expect(plan({ late: 'keep', lateColumn: 'late' }, trades.columns, 'trade').found).toEqual([]);
  });

  it('takes bars as a whole, unless a column of them is named', () => {
    const { found } = plan({}, plan({}, trades.columns, 'trade').output.columns, 'bar');
    expect(found).toEqual([]);
    expect(plan({ size: 'volume' }, plan({}, trades.columns).output.columns, 'bar').found).toEqual([
      'size: expected "price" as well: bars of bars use their volumes',
    ]);
    expect(plan({ price: 'close' }, plan({}, trades.columns).output.columns, 'bar').found).toEqual([]);
  });

  it('wants whole bars in bars of bars', () => {
    const problems = collectProblems();
    const seconds = plan({ every: '7s' }, trades.columns, 'trade').output;
    const spec = { hasDeadLetters: false, inputs: {} };
    barsOperator.plan(BarsOptions.parse({ every: '1m' }), seconds, problems, spec);
    barsOperator.plan(BarsOptions.parse({ every: '1s' }), seconds, problems, spec);
    barsOperator.plan(BarsOptions.parse({ every: '21s' }), seconds, problems, spec);
    expect(problems.found).toEqual([
      expect.stringMatching(/^every: expected a multiple of .* 7000000000 ns, found 60000000000 ns/),
      expect.stringMatching(/^every: expected a multiple of .* 7000000000 ns, found 1000000000 ns/),
    ]);
  });

  it('names every problem at once', () => {
    const found = plan({ price: 'last', size: 'symbol', lateness: '1h' }, [symbol, float('bid')]).found;
    expect(found).toEqual([
      ': expected a column "time", found "symbol", "bid"',
      'price: expected a column "last", found "symbol", "bid"',
      'size: expected column "symbol" to be a float64, found string',
    ]);
  });
});

/** Rows in order of time, some of them at the very begin of a window, over five symbols and 40 s. */
const sortedTrades = fc
  .array(
    fc.record({
      tenths: fc.integer({ min: -50, max: 350 }),
      price: fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: 1, max: 50 }) },
        { weight: 1, arbitrary: fc.constant(null) },
      ),
      size: fc.integer({ min: 0, max: 9 }),
      symbol: fc.constantFrom('A', 'B', 'C', 'D', 'E'),
    }),
    { maxLength: 80 },
  )
  .map((drafts) =>
    drafts
      .toSorted((a, b) => a.tenths - b.tenths)
      .map(({ tenths, price, size, symbol }) => trade(tenths / 10, price, size, symbol)),
  );

const control = fc.oneof(
  fc
    .tuple(
      fc.integer({ min: -5, max: 40 }),
      fc.integer({ min: 0, max: 9 }),
      fc.constantFrom('A', 'B', undefined),
    )
    .map(([from, length, symbol]) => gap(from, from + length / 2, symbol)),
  fc
    .tuple(fc.integer({ min: -5, max: 40 }), fc.constantFrom('A', 'B', undefined))
    .map(([since, symbol]) => stale(since, symbol)),
  fc
    .integer({ min: -5, max: 40 })
    .map((seconds): ControlRecord => ({ type: 'reset', at: at(seconds), reason: '' })),
);

/** A stream of rows, not always in order, and control records. */
const anyStream = fc
  .tuple(
    sortedTrades,
    fc.array(fc.tuple(fc.nat(80), control), { maxLength: 6 }),
    fc.array(fc.nat(80), { maxLength: 10 }),
  )
  .map(([rows, controls, swaps]) => {
    const items: Item[] = [...rows];
    for (const place of swaps) {
      if (place + 1 < items.length) items.splice(place, 2, items[place + 1]!, items[place]!);
    }
    for (const [place, record] of controls) items.splice(Math.min(place, items.length), 0, record);
    return items;
  });

const anyOptions: fc.Arbitrary<Options> = fc.record({
  every: fc.constantFrom('1s', '3s', '700ms'),
  lateness: fc.constantFrom('0s', '1s', '2500ms'),
  emptyBars: fc.constantFrom('skip', 'emit'),
  fillMax: fc.constantFrom(0, 2, 100),
  late: fc.constant('drop' as const),
});

/** The same items in batches that end at the cuts. */
function cut(items: readonly Item[], cuts: readonly number[]): Item[][] {
  const ends = [...new Set([...cuts.map((place) => Math.min(place, items.length)), items.length])];
  ends.sort((a, b) => a - b);
  return ends.map((end, i) => items.slice(ends[i - 1] ?? 0, end));
}

const cuts = fc.array(fc.nat(90), { maxLength: 12 });

describe('the bars of any stream', () => {
  it('do not depend on how it is cut into batches', () => {
    fc.assert(
      fc.property(anyStream, anyOptions, cuts, (items, options, selection) => {
        const bars = openBars(options, contextWithIds({ batchRows: 7 }));
        for (const part of cut(items, selection)) void bars.process(part);
        bars.flush();
        expect(bars.emitted()).toEqual(barsOf(items, options));
      }),
      { numRuns: 200, seed: 5 },
    );
  });

  it('are the same when another operator goes on from a snapshot, through JSON', () => {
    fc.assert(
      fc.property(anyStream, anyOptions, cuts, fc.nat(12), (items, options, selection, when) => {
        const parts = cut(items, selection);
        const first = openBars(options);
        for (const part of parts.slice(0, when)) void first.process(part);
        const state = JSON.parse(JSON.stringify(first.operator.snapshot?.()));
        const before = first.emitted();

        const second = openBars(options, stageContext());
        second.context.dictionaries.restore(first.context.dictionaries.snapshot());
        second.operator.restore?.(state);
        for (const part of parts.slice(when)) void second.process(part);
        second.flush();
        expect([...before, ...second.emitted()]).toEqual(barsOf(items, options));
      }),
      { numRuns: 200, seed: 6 },
    );
  });

  it('are the same for rows in disorder, as long as none is later than the lateness', () => {
    const jittered = sortedTrades.chain((rows) =>
      fc.tuple(
        fc.constant(rows),
        fc.array(fc.integer({ min: 0, max: 20 }), { minLength: rows.length, maxLength: rows.length }),
      ),
    );
    fc.assert(
      fc.property(
        jittered,
        fc.constantFrom('skip' as const, 'emit' as const),
        ([rows, delays], emptyBars) => {
          // A row arrives up to 2 s after its time. Rows of one instant keep their order: it is theirs.
          const arrival = (row: Row, i: number) => Number(row.time) + delayOf(row, i) * 1e8;
          const delayOf = (row: Row, i: number) =>
            delays[rows.findIndex(({ time }) => time === row.time)] ?? i;
          const disordered = rows
            .map((row, i) => ({ row, at: arrival(row, i) }))
            .toSorted((a, b) => a.at - b.at)
            .map(({ row }) => row);
          // Within a window, first and last follow arrival; all else is the same.
          const comparable = (items: Item[]) =>
            items.map((bar) => ({ ...(bar as Row), open: null, close: null, vwap: null }));
          const options: Options = { lateness: '2s', emptyBars };
          const context = stageContext();
          for (const symbol of 'ABCDE') context.dictionaries.get('symbol').idOf(symbol);
          const sorted = openBars(options, context);
          void sorted.process(rows);
          sorted.flush();
          const bars = openBars(options, context);
          void bars.process(disordered);
          bars.flush();
          expect(bars.operator.tally?.()).toMatchObject({ dropped: 0 });
          expect(comparable(bars.emitted())).toEqual(comparable(sorted.emitted()));
        },
      ),
      { numRuns: 200, seed: 7 },
    );
  });

  it('hold each row once: in a bar, without a price, or late', () => {
    fc.assert(
      fc.property(anyStream, anyOptions, (items, options) => {
        const bars = openBars(options);
        void bars.process(items);
        bars.flush();
        const emitted = bars.emitted().filter((item): item is Row => !isRecord(item));
        const { folded = 0, filtered = 0, dropped = 0, derived } = bars.operator.tally?.() ?? {};
        expect(folded + filtered + dropped).toBe(items.filter((item) => !isRecord(item)).length);
        expect(emitted.reduce((sum, { count }) => sum + (count as number), 0)).toBe(folded);
        expect(derived).toBe(emitted.length);
        const keys = emitted.map(({ time, symbol }) => `${time} ${symbol}`);
        expect(new Set(keys).size).toBe(keys.length);
      }),
      { numRuns: 200, seed: 8 },
    );
  });

  it('refuses the state of bars of another length', () => {
    const state = openBars({ every: '1s' }).operator.snapshot?.() ?? null;
    expect(() => openBars({ every: '2s' }).operator.restore?.(state)).toThrow(
      expect.objectContaining({
        code: 'CHECKPOINT_INVALID',
        message: expect.stringContaining('2000000000 ns'),
      }),
    );
  });
});
