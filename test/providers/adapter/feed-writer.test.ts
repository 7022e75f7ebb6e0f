import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/columns/batch.js';
import { ColumnMemory } from '../../../src/columns/column-memory.js';
import type { ControlRecord } from '../../../src/columns/control-record.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import { copyRow, type Row, rowsOf } from '../../../src/columns/row-view.js';
import { FeedBuffer } from '../../../src/providers/adapter/feed-buffer.js';
import { FeedWriter } from '../../../src/providers/adapter/feed-writer.js';
import { feedSchema } from '../../../src/providers/contract/feed-schema.js';
import type { RowCapabilities, StreamKind } from '../../../src/wire/provider-capabilities.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

const MS = 1_700_000_000_000;
const NS = 1_700_000_000_000_000_000n;
const SEQUENCE = { space: 'test', scope: 'symbol', step: 'one' } as const;

interface Rig extends RowCapabilities {
  readonly kind?: StreamKind;
  readonly untimed?: boolean;
  readonly batchRows?: number;
  readonly rowsMax?: number;
  readonly memory?: ColumnMemory;
  readonly onLag?: (lagMs: number) => void;
}

function rig({ kind = 'trades', batchRows = 4, rowsMax, memory, onLag, ...capabilities }: Rig = {}) {
  const clock = new SimulatedClock();
  const dictionaries = new DictionarySet(memory);
  const schema = feedSchema(kind, capabilities);
  const buffer = new FeedBuffer({
    schema,
    batchRows,
    dictionaries,
    clock,
    ...(rowsMax !== undefined && { rowsMax }),
    ...(onLag && { onLag }),
  });
  const writer = new FeedWriter(buffer);
  return { clock, buffer, writer, symbol: writer.symbolId('BTC') };
}

/** Takes all that waits: rows and records in their order. */
function taken(buffer: FeedBuffer): (Row | ControlRecord)[] {
  const all: (Row | ControlRecord)[] = [];
  for (let batch = buffer.take(); batch; batch = buffer.take()) {
    const { controls } = batch;
    const rows = batch.length;
    for (let row = 0; row <= rows; row++) {
      all.push(...controls.filter((one) => one.row === row).map(({ record }) => record));
      if (row < rows) all.push(rowAt(batch, row));
    }
    batch.release();
  }
  return all;
}

const rowAt = (batch: Batch, at: number): Row => {
  let row = 0;
  for (const each of rowsOf(batch)) if (row++ === at) return copyRow(each);
  throw new RangeError(`no row ${at}`);
};

/** The microtask with which rows that came in one go end. */
const endOfGo = () => Promise.resolve();

describe('the writer of a provider', () => {
  it('gives the same rows from numbers, objects and columns, of every kind', () => {
    const columns = ['size', 'side', 'bidSize', 'askSize', 'level', 'action', 'volume', 'vwap', 'count'];
    const by = (kind: StreamKind, write: (writer: FeedWriter, symbol: number) => void) => {
      const { buffer, writer, symbol } = rig({ kind, columns, sequence: SEQUENCE });
      write(writer, symbol);
      return taken(buffer);
    };
    const at = { symbol: 'BTC', timeNs: NS + 7n, sequence: 2 ** 40 + 5 };
    const whole = { time: BigInt64Array.of(NS + 7n), sequence: BigInt64Array.of(2n ** 40n + 5n) };
    const number = 2 ** 40 + 5;

    const trade = { price: 1.5, size: 2, side: 'sell' } as const;
    const trades = by('trades', (w, id) => w.trade(id, MS, 7, 1.5, 2, 2, number));
    expect(trades).toEqual([{ time: NS + 7n, symbol: 'BTC', ...trade, sequence: 2n ** 40n + 5n }]);
    expect(by('trades', (w) => w.write({ ...at, ...trade }))).toEqual(trades);
    expect(
      by('trades', (w, symbol) =>
        w.writeColumns(1, { ...whole, symbol, price: Float64Array.of(1.5), size: 2, side: 2 }),
      ),
    ).toEqual(trades);

    const quote = { bid: 1, ask: 2, bidSize: 3, askSize: 4 };
    const quotes = by('quotes', (w, id) => w.quote(id, MS, 7, 1, 2, 3, 4, number));
    expect(quotes).toEqual([{ time: NS + 7n, symbol: 'BTC', ...quote, sequence: 2n ** 40n + 5n }]);
    expect(by('quotes', (w) => w.write({ ...at, ...quote }))).toEqual(quotes);
    expect(by('quotes', (w, symbol) => w.writeColumns(1, { ...whole, symbol, ...quote }))).toEqual(quotes);

    const level = { side: 'ask', price: 9, size: 0, level: 3, action: 'delete' } as const;
    const book = by('book', (w, id) => w.level(id, MS, 7, 1, 9, 0, 3, 2, number));
    expect(book).toEqual([{ time: NS + 7n, symbol: 'BTC', ...level, sequence: 2n ** 40n + 5n }]);
    expect(by('book', (w) => w.write({ ...at, ...level }))).toEqual(book);
    expect(
      by('book', (w, symbol) =>
        w.writeColumns(1, { ...whole, symbol, ...level, side: 1, action: Uint8Array.of(2) }),
      ),
    ).toEqual(book);

    const bar = { open: 1, high: 4, low: 1, close: 2, volume: null, vwap: 2.5, count: 6 };
    const bars = by('bars', (w, id) => w.bar(id, MS, 7, 1, 4, 1, 2, Number.NaN, 2.5, 6, number));
    expect(bars).toEqual([{ time: NS + 7n, symbol: 'BTC', ...bar, sequence: 2n ** 40n + 5n }]);
    expect(by('bars', (w) => w.write({ ...at, ...bar }))).toEqual(bars);
    expect(
      by('bars', (w, symbol) => w.writeColumns(1, { ...whole, symbol, ...bar, volume: Number.NaN })),
    ).toEqual(bars);
  });

  it('marks trades that do not come from the market, from numbers, objects and columns', () => {
    const { buffer, writer, symbol } = rig({ columns: ['offMarket'] });
    const flags = () => taken(buffer).map((row) => (row as Row).offMarket);
    writer.trade(symbol, MS, 0, 1, 1, 0, Number.NaN, 1);
    writer.trade(symbol, MS, 0, 1);
    writer.write({ symbol: 'BTC', timeMs: MS, price: 1, offMarket: true });
    writer.write({ symbol: 'BTC', timeMs: MS, price: 1 });
    const time = Float64Array.of(MS, MS);
    writer.writeColumns(2, { time, symbol, price: 1, offMarket: Uint8Array.of(1, 0) });
    expect(flags()).toEqual([true, false, true, false, true, false]);
    expect(() => writer.trade(symbol, MS, 0, 1, 1, 0, Number.NaN, 2)).toThrow('"offMarket", found 2');
    expect(() => writer.write({ symbol: 'BTC', timeMs: MS, price: 1, offMarket: 1 as never })).toThrow(
      '"offMarket"',
    );
    expect(flags()).toEqual([]);
  });

  it('gives the same rows and the same gap from columns as row by row, over full batches and past its bound', () => {
    const settings = {
      untimed: true,
      columns: ['received', 'size'],
      batchRows: 3,
      rowsMax: 7,
      sequence: SEQUENCE,
    };
    const rows = 11;
    const times = Float64Array.from({ length: rows }, (_, i) => (i % 4 === 1 ? Number.NaN : MS + i + 0.25));
    const prices = Float64Array.from({ length: rows }, (_, i) => 100 + i);
    const one = rig(settings);
    const other = one.writer.symbolId('ETH');
    for (let i = 0; i < rows; i++) {
      const symbol = i % 3 === 0 ? other : one.symbol;
      const ms = Math.floor(times[i]!);
      one.writer.trade(symbol, ms, Number.isNaN(ms) ? 0 : 250_000, prices[i]!, 2, 0, i);
    }
    const whole = rig(settings);
    whole.writer.symbolId('ETH');
    whole.writer.writeColumns(rows, {
      time: times,
      symbol: Int32Array.from({ length: rows }, (_, i) => (i % 3 === 0 ? 1 : 0)),
      price: prices,
      size: 2,
      sequence: BigInt64Array.from({ length: rows }, (_, i) => BigInt(i)),
    });
    expect(one.buffer.rowsDropped).toBeGreaterThan(0);
    expect(whole.buffer.rowsDropped).toBe(one.buffer.rowsDropped);
    const rowByRow = taken(one.buffer);
    expect(rowByRow.some((each) => 'untimed' in each && each.untimed === true)).toBe(true);
    expect(taken(whole.buffer)).toEqual(rowByRow);
  });

  it('ignores values of columns that the capabilities do not have', () => {
    const { buffer, writer, symbol } = rig();
    writer.trade(symbol, MS, 0, 1, 2, 1, 5);
    writer.write({ symbol: 'BTC', timeMs: MS, price: 1, size: 2, side: 'buy', sequence: 5 });
    const row = { time: NS, symbol: 'BTC', price: 1 };
    expect(taken(buffer)).toEqual([row, row]);
  });

  it('gives a row without a time that at which it was received, marked where there is a column', async () => {
    const { clock, buffer, writer, symbol } = rig({ untimed: true, columns: ['received'] });
    writer.trade(symbol, Number.NaN, 0, 1);
    writer.trade(symbol, MS + 5, 0, 2);
    await endOfGo();
    await clock.advance(2);
    writer.write({ symbol: 'BTC', price: 3 });
    expect(taken(buffer)).toEqual([
      { time: NS, symbol: 'BTC', price: 1, received: NS, untimed: true },
      { time: NS + 5_000_000n, symbol: 'BTC', price: 2, received: NS, untimed: false },
      { time: NS + 2_000_000n, symbol: 'BTC', price: 3, received: NS + 2_000_000n, untimed: true },
    ]);
  });

  it('takes a time with a part of a millisecond, before 1970 too', () => {
    const { buffer, writer } = rig();
    writer.write({ symbol: 'BTC', timeMs: 1.25, price: 1 });
    writer.write({ symbol: 'BTC', timeMs: -0.25, price: 1 });
    writer.write({ symbol: 'BTC', timeNs: -1n, price: 1 });
    expect(taken(buffer).map((row) => (row as Row).time)).toEqual([1_250_000n, -250_000n, -1n]);
  });

  it.each<[string, (writer: FeedWriter, symbol: number) => void, string]>([
    [
      'a price that is none',
      (w, id) => w.trade(id, MS, 0, Number.NaN, 1),
      'expected a value of "price", found NaN',
    ],
    ['a text for a price', (w) => w.write({ symbol: 'BTC', timeMs: MS, price: '1' as never }), '"price"'],
    ['a size that is missing', (w, id) => w.trade(id, MS, 0, 1), 'expected a value of "size", found NaN'],
    ['an unknown side', (w, id) => w.trade(id, MS, 0, 1, 1, 3), 'expected a value of "side", found 3'],
    [
      'an unknown id',
      (w, id) => w.trade(id + 1, MS, 0, 1, 1),
      'expected the id of a symbol, as symbolId returns it, found 1',
    ],
    ['an id that is none', (w) => w.trade(undefined as never, MS, 0, 1, 1), 'found undefined'],
    ['a time in ns', (w, id) => w.trade(id, MS * 1e6, 0, 1, 1), 'expected whole ms since 1970'],
    ['a part of a ms', (w, id) => w.trade(id, MS + 0.5, 0, 1, 1), 'expected whole ms since 1970'],
    [
      'a row of another kind',
      (w, id) => w.quote(id, MS, 0, 1, 2),
      'expected rows of kind trade, found one of kind quote',
    ],
    ['no object', (w) => w.write(7 as never), 'expected a row as an object, found 7'],
    [
      'an unknown id in a column',
      (w) =>
        w.writeColumns(1, {
          time: new Float64Array(1),
          symbol: Int32Array.of(7),
          size: 1,
          side: 0,
          price: 1,
        }),
      'expected ids as symbolId returns them, found 7 in row 0',
    ],
    [
      'a time in ns in a column',
      (w, symbol) =>
        w.writeColumns(1, { time: Float64Array.of(MS * 1e6), symbol, size: 1, side: 0, price: 1 }),
      'expected ms since 1970',
    ],
    [
      'an unknown column',
      (w) => w.writeColumns(1, { symbol: 0, cost: 1 }),
      'expected columns time, symbol, price, size, side, found "cost"',
    ],
    [
      'a column that is missing',
      (w) => w.writeColumns(1, { time: new Float64Array(1), symbol: 0, size: 1, side: 0 }),
      'column "price": expected a number, or a Float64Array of 1, found nothing',
    ],
    [
      'a column that is too short',
      (w) =>
        w.writeColumns(2, {
          time: new Float64Array(2),
          symbol: 0,
          size: 1,
          side: 0,
          price: new Float64Array(1),
        }),
      'found Float64Array of 1',
    ],
    [
      'an unknown code in a column',
      (w) =>
        w.writeColumns(1, {
          time: new Float64Array(1),
          symbol: 0,
          size: 1,
          side: Uint8Array.of(9),
          price: 1,
        }),
      'expected the index of one of unknown, buy, sell, found 9',
    ],
  ])('refuses %s as a fault of the protocol, and delivers nothing of it', (_, write, message) => {
    const { buffer, writer, symbol } = rig({ columns: ['size', 'side'] });
    writer.trade(symbol, MS, 0, 1, 1, 0);
    let thrown: unknown;
    try {
      write(writer, symbol);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'PROVIDER_PROTOCOL', message: expect.stringContaining(message) });
    expect(taken(buffer)).toHaveLength(1);
  });

  const NOTHING = { open: 1, high: 1, low: 1, close: 1 };
  it.each<[string, StreamKind, (writer: FeedWriter, symbol: number) => void, string]>([
    ['a price without end', 'trades', (w, id) => w.trade(id, MS, 0, Infinity), '"price", found Infinity'],
    [
      'one in a column',
      'trades',
      (w, symbol) => w.writeColumns(1, { time: BigInt64Array.of(NS), symbol, price: -Infinity }),
      'found -Infinity',
    ],
    [
      'a text for a value of a bar',
      'bars',
      (w, id) => w.bar(id, MS, 0, '100.5' as never, 1, 1, 1),
      '"open", found a text',
    ],
    [
      'another in an object',
      'bars',
      (w) => w.write({ symbol: 'BTC', timeMs: MS, ...NOTHING, close: 'x' as never }),
      '"close", found a text',
    ],
    ['a high without end', 'bars', (w, id) => w.bar(id, MS, 0, 1, Infinity, 1, 1), '"high", found Infinity'],
    [
      'a code below 0 for all rows',
      'book',
      (w, symbol) => w.writeColumns(1, { time: BigInt64Array.of(NS), symbol, side: -1, price: 1, size: 1 }),
      'found -1',
    ],
    [
      'a part of a code',
      'book',
      (w, symbol) => w.writeColumns(1, { time: BigInt64Array.of(NS), symbol, side: 0.5, price: 1, size: 1 }),
      'found 0.5',
    ],
    [
      'a count of more than 32 bits',
      'bars',
      (w, symbol) => w.writeColumns(1, { time: BigInt64Array.of(NS), symbol, ...NOTHING, count: 3e9 }),
      'found 3000000000',
    ],
    [
      'a count that is none',
      'bars',
      (w, symbol) => w.writeColumns(1, { time: BigInt64Array.of(NS), symbol, ...NOTHING, count: NaN }),
      'found NaN',
    ],
    ['a count below 0', 'bars', (w, id) => w.bar(id, MS, 0, 1, 1, 1, 1, 1, 1, -1), '"count", found -1'],
    [
      'a count below 0 in a column',
      'bars',
      (w, symbol) => w.writeColumns(1, { time: BigInt64Array.of(NS), symbol, ...NOTHING, count: -1 }),
      'expected a whole number of 0 to 2147483647, found -1',
    ],
    [
      'a time past the year 2248 in a column',
      'trades',
      (w, symbol) => w.writeColumns(1, { time: BigInt64Array.of(2n ** 63n - 1n), symbol, price: 1 }),
      'expected ns since 1970',
    ],
    [
      'a gap that ends before it begins',
      'trades',
      (w) => w.gap({ fromMs: 10, toMs: 5, reason: 'x' }),
      'expected "toMs" after "fromMs" (10), found 5',
    ],
    [
      'a gap past all times',
      'trades',
      (w) => w.gap({ fromMs: 10, toMs: 1e14, reason: 'x' }),
      'expected ms since 1970',
    ],
    [
      'a gap of no symbol',
      'trades',
      (w) => w.gap({ fromMs: 1, toMs: 2, reason: 'x', symbol: 7 as never }),
      'expected a symbol',
    ],
  ])('refuses what cannot be meant: %s', (_, kind, write, message) => {
    const { buffer, writer, symbol } = rig({ kind, columns: kind === 'bars' ? ['count'] : [] });
    expect(() => write(writer, symbol)).toThrow(message);
    expect(taken(buffer)).toEqual([]);
  });

  it('refuses a number of more than 64 bits', () => {
    const { buffer, writer } = rig({ sequence: SEQUENCE });
    const row = { symbol: 'BTC', timeMs: MS, price: 1, sequence: 2n ** 64n + 5n };
    expect(() => writer.write(row)).toThrow('"sequence", found 18446744073709551621');
    expect(taken(buffer)).toEqual([]);
  });

  it('keeps the beginning of a long reason, and one instant of a gap without a length', () => {
    const { buffer, writer } = rig();
    writer.gap({ fromMs: 1, toMs: 1, reason: 'x'.repeat(1_000_000) });
    const [gap] = taken(buffer);
    expect(gap).toMatchObject({ from: 1_000_000n, to: 1_000_001n });
    expect((gap as { reason: string }).reason).toHaveLength(500);
  });

  it('resets a delayed feed at the time of its rows', async () => {
    const { buffer, writer, symbol, clock } = rig({ onLag: () => {} });
    const wallMs = () => Number(clock.wall()) / 1e6;
    writer.trade(symbol, wallMs() - 900_000, 0, 1);
    await clock.advance(2_000);
    writer.trade(symbol, wallMs() - 900_000, 0, 2);
    await clock.advance(1_000);
    writer.reset('snapshot');
    const reset = taken(buffer).at(-1) as { at: bigint };
    expect(Number(reset.at) / 1e6).toBe(wallMs() - 900_000 + 1_000);
  });

  it('keeps records and rows in their order, over the ends of batches', () => {
    const { buffer, writer, symbol } = rig({ batchRows: 2 });
    writer.reset('snapshot');
    for (let i = 1; i <= 3; i++) {
      writer.trade(symbol, MS, 0, i);
      writer.stale(MS, String(i));
    }
    const order = taken(buffer).map((one) => ('type' in one ? one.type : one.price));
    expect(order).toEqual(['reset', 1, 'stale', 2, 'stale', 3, 'stale']);
  });

  it('fills a batch with whatever has arrived by the time at which it is taken', () => {
    const { buffer, writer, symbol } = rig({ batchRows: 4 });
    const lengths: number[] = [];
    const take = () => {
      const batch = buffer.take();
      lengths.push(batch?.length ?? 0);
      batch?.release();
    };
    take();
    writer.trade(symbol, MS, 0, 1);
    take();
    for (let i = 0; i < 6; i++) writer.trade(symbol, MS, 0, 1);
    take();
    take();
    take();
    expect(lengths).toEqual([0, 1, 4, 2, 0]);
  });

  it('wakes who waits for an arrival once for all rows of a go', async () => {
    const { buffer, writer, symbol } = rig();
    let woken = 0;
    void buffer.arrival().then(() => woken++);
    writer.trade(symbol, MS, 0, 1);
    writer.trade(symbol, MS, 0, 2);
    expect(woken).toBe(0);
    await endOfGo();
    await endOfGo();
    expect([woken, buffer.rowsWaiting]).toEqual([1, 2]);
  });

  it('drops rows past its bound, and tells of exactly these in their place', () => {
    const { buffer, writer, symbol } = rig({ batchRows: 2, rowsMax: 4 });
    const write = (i: number) => writer.trade(symbol, MS + i, i, i);
    for (let i = 1; i <= 4; i++) write(i);
    expect([writer.hasRoom, buffer.isDropping]).toEqual([false, false]);
    for (let i = 5; i <= 7; i++) write(i);
    expect([buffer.isDropping, buffer.rowsDropped]).toEqual([true, 3]);
    buffer.take()?.release(); // half of them: there is room
    expect([writer.hasRoom, buffer.isDropping]).toEqual([true, false]);
    write(8);
    expect(taken(buffer).map((one) => ('type' in one ? one : one.price))).toEqual([
      3,
      4,
      {
        type: 'gap',
        from: NS + 5_000_005n,
        to: NS + 7_000_008n,
        symbol: 'BTC',
        reason: 'overflow: the source was read too slowly',
      },
      8,
    ]);
  });

  it('tells of rows dropped last though no further row comes, and breaks a book off', () => {
    const { buffer, writer, symbol } = rig({ kind: 'book', batchRows: 2, rowsMax: 2 });
    const other = writer.symbolId('ETH');
    for (let i = 1; i <= 3; i++) writer.level(symbol, MS, 0, 0, i, 1);
    writer.level(other, MS + 9, 0, 0, 4, 1);
    const all = taken(buffer);
    expect(all.map((one) => ('type' in one ? one.type : one.price))).toEqual([1, 2, 'gap']);
    expect(all[2]).toMatchObject({ from: NS, to: NS + 9_000_001n });
    expect(all[2]).not.toHaveProperty('symbol');
    writer.level(symbol, MS + 10, 0, 0, 5, 1); // a change of a book that nobody knows
    expect(taken(buffer)).toEqual([]);
    expect(buffer.failure?.error).toMatchObject({ code: 'PROVIDER_DISCONNECTED', retryable: true });
  });

  it('lets a provider wait for room instead, and then drops nothing', async () => {
    const { buffer, writer, symbol } = rig({ batchRows: 2, rowsMax: 4 });
    for (let i = 0; i < 3; i++) writer.trade(symbol, MS, 0, i);
    let hasRoom = false;
    const waiting = writer.whenRoom().then(() => {
      hasRoom = true;
    });
    await endOfGo();
    expect(hasRoom).toBe(false);
    buffer.take()?.release();
    await waiting;
    expect([hasRoom, buffer.rowsDropped]).toEqual([true, 0]);
  });

  it('ends every wait for room when nothing more is wanted', async () => {
    const { buffer, writer, symbol } = rig({ batchRows: 2, rowsMax: 2 });
    for (let i = 0; i < 2; i++) writer.trade(symbol, MS, 0, i);
    const waiting = writer.whenRoom();
    buffer.close();
    await waiting;
    writer.trade(symbol, MS, 0, 3);
    expect(buffer.rowsWaiting).toBe(2);
  });

  it('takes nothing more in once it is closed, behind a record either', () => {
    const { buffer, writer, symbol } = rig({ kind: 'book' });
    buffer.close();
    writer.reset('snapshot');
    writer.level(symbol, MS, 0, 0, 1, 1);
    expect(taken(buffer)).toEqual([]);
  });

  it('takes nothing more in without memory, and says why', () => {
    const { buffer, writer, symbol } = rig({ batchRows: 1_000, memory: new ColumnMemory(1_000) });
    writer.trade(symbol, MS, 0, 1);
    expect(buffer.take()).toBeUndefined();
    expect(buffer.failure?.error).toMatchObject({ code: 'MEMORY_EXHAUSTED' });
  });

  it('fails rather than hold any number of records', () => {
    const { buffer, writer } = rig();
    for (let i = 0; i < 65_537; i++) writer.stale(MS);
    expect(buffer.failure?.error).toMatchObject({ code: 'PROVIDER_PROTOCOL' });
    expect(taken(buffer)).toHaveLength(65_536);
  });

  it('leaves out the first rows of a page, with the records before them', () => {
    const { buffer, writer, symbol } = rig({ batchRows: 2 });
    for (let i = 1; i <= 5; i++) {
      writer.stale(MS, String(i));
      writer.trade(symbol, MS, 0, i);
    }
    expect(buffer.skip(3)).toBe(true);
    expect(
      taken(buffer).map((one) => ('type' in one ? (one as { symbol?: string }).symbol : one.price)),
    ).toEqual(['4', 4, '5', 5]);
    expect(buffer.skip(1)).toBe(false);
  });
});
