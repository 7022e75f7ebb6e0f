import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../../src/columns/batch.js';
import type { ControlRecord } from '../../../../src/columns/control-record.js';
import { DictionarySet } from '../../../../src/columns/dictionary.js';
import type { EventOrder } from '../../../../src/columns/event-order.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { nanos } from '../../../../src/core/units.js';
import { silentLogger } from '../../../../src/telemetry/logger.js';
import { rowsIn } from '../../../support/batch-rows.js';
import { isRow, type Stream } from '../../../support/pipeline-rig.js';
import { type Feed, IN_ORDER, mergeOf, readAll, rowsWith, SEQUENCES, saved } from './merge-rig.js';

/** An instant whose low word overflows within the range of the tests. */
const START = (398_000_000n << 32n) - 20n;

/** A row of an input: when it happens, and how much later than rows of that time it comes. */
interface Drawn {
  readonly at: number;
  readonly delay: number;
  readonly sequence: number;
}
interface DrawnInput {
  readonly kind: 'sorted' | 'delayed' | 'symbols';
  readonly rows: readonly Drawn[];
  /** Rows of each batch, over and over. */
  readonly cuts: readonly number[];
  readonly isSlow: boolean;
  readonly isRoomy: boolean;
}

const DELAY = 5;
const drawnInput = fc.record<DrawnInput>({
  kind: fc.constantFrom('sorted', 'delayed', 'symbols'),
  rows: fc.array(
    fc.record({ at: fc.nat(40), delay: fc.nat(DELAY), sequence: fc.integer({ min: -2, max: 2 }) }),
    { maxLength: 60 },
  ),
  cuts: fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 }),
  isSlow: fc.boolean(),
  isRoomy: fc.boolean(),
});

const ORDERS: Readonly<Record<DrawnInput['kind'], EventOrder>> = {
  sorted: IN_ORDER,
  delayed: { scope: 'all', maxDelayNs: DELAY },
  symbols: { scope: 'symbol', maxDelayNs: 0 },
};

/** What an input reads: its rows keep its promise, and its watermarks are true. */
function feedOf(
  { kind, rows, cuts, isSlow, isRoomy }: DrawnInput,
  input: number,
  sequence: (typeof SEQUENCES)[number] | undefined,
): Feed {
  const delayOf = ({ delay }: Drawn) => (kind === 'sorted' ? 0 : delay);
  const arrived = [...rows].sort((a, b) => a.at + delayOf(a) - (b.at + delayOf(b)));
  const made: Row[] = arrived.map((drawn, i) => ({
    time: START + BigInt(drawn.at),
    symbol: 'ABC'[i % 3]!,
    price: input * 1_000 + i,
    ...(sequence && { sequence: sequence === 'int64' ? BigInt(drawn.sequence) : drawn.sequence }),
  }));
  const batches: Stream[] = [];
  for (let start = 0, cut = 0; start < made.length; cut++) {
    const end = start + cuts[cut % cuts.length]!;
    const batch: Stream = made.slice(start, end);
    const later = made.slice(end).map(({ time }) => time as bigint);
    if (kind === 'symbols' && later.length > 0) {
      const [least] = later.sort((a, b) => (a < b ? -1 : 1)) as [bigint];
      batch.push({ type: 'watermark', at: nanos(least) });
    }
    batches.push(batch);
    start = end;
  }
  return { batches, order: ORDERS[kind], isSlow, ...(isRoomy && { capacity: 64 }) };
}

const isRecord = (entry: Row | ControlRecord): entry is ControlRecord => !isRow(entry);

const rowsOf = (feeds: readonly Feed[]): Row[] =>
  feeds.flatMap(({ batches }) => batches.flat().filter(isRow));

/** Rows in order of time, sequence and input; equal ones as they came. */
function sorted(rows: readonly Row[]): Row[] {
  const keys = ['time', 'sequence'] as const;
  return [...rows].sort((a, b) => {
    for (const key of keys) {
      const [x, y] = [a[key] ?? 0, b[key] ?? 0] as [bigint | number, bigint | number];
      if (x !== y) return x < y ? -1 : 1;
    }
    return (a.price as number) - (b.price as number);
  });
}

/** No row is earlier than a watermark before it. */
function expectTrueWatermarks(stream: Stream): void {
  let at = -(2n ** 63n);
  for (const entry of stream) {
    if (isRow(entry)) expect(((entry as Row).time as bigint) >= at).toBe(true);
    if (!isRecord(entry) || entry.type !== 'watermark') continue;
    expect(entry.at > at).toBe(true);
    at = entry.at;
  }
}

const cases = fc.record({
  inputs: fc.array(drawnInput, { minLength: 1, maxLength: 4 }),
  batchRows: fc.constantFrom(1, 7, 8_192),
  sequence: fc.option(fc.constantFrom(...SEQUENCES), { nil: undefined }),
});

describe('merged rows', () => {
  it('are all rows, sorted by time, sequence and place of their source in the list', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ inputs, batchRows, sequence }) => {
        const feeds = inputs.map((input, i) => feedOf(input, i, sequence));
        const merge = mergeOf(feeds, { schema: rowsWith(sequence), batchRows });
        const stream = await readAll(merge);
        expect(stream.filter(isRow)).toEqual(sorted(rowsOf(feeds)));
        expectTrueWatermarks(stream);
        expect(merge.source.statistics?.()).toMatchObject({ rowsHeld: 0, rowsLate: 0 });
        merge.source.close?.();
        merge.context.memory.close();
        expect(merge.context.memory.holders).toEqual({});
      }),
      { numRuns: 400 },
    );
  });

  it('go on after a checkpoint between any two reads as if nothing had been', async () => {
    await fc.assert(
      fc.asyncProperty(cases, fc.nat(30), async ({ inputs, batchRows, sequence }, readsMax) => {
        const feeds = inputs.map((input, i) => feedOf(input, i, sequence));
        const settings = { schema: rowsWith(sequence), batchRows };
        const dictionaries = new DictionarySet();
        const first = mergeOf(feeds, settings, { dictionaries });
        const before = await readAll(first, readsMax);
        await new Promise(setImmediate); // reads that are in progress arrive
        const position = saved(first.source.position());
        first.source.close?.();
        const second = mergeOf(feeds, { ...settings, at: first.reads }, { dictionaries });
        second.source.resume(position);
        const after = await readAll(second);
        expect([...before, ...after].filter(isRow)).toEqual(sorted(rowsOf(feeds)));
        expectTrueWatermarks([...before, ...after]);
        second.source.close?.();
        second.context.memory.close();
        expect(second.context.memory.holders).toEqual({});
      }),
      { numRuns: 300 },
    );
  });

  it('lose and double none that come late, and count those', async () => {
    const arbitrary = fc.array(
      fc.record({ rows: fc.array(fc.nat(30), { maxLength: 40 }), batch: fc.integer({ min: 1, max: 9 }) }),
      { minLength: 1, maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(arbitrary, async (inputs) => {
        const feeds = inputs.map(({ rows, batch }, input): Feed => {
          const made = rows.map((at, i) => ({
            time: START + BigInt(at),
            symbol: 'A',
            price: input * 1_000 + i,
          }));
          const batches: Stream[] = [];
          for (let start = 0; start < made.length; start += batch) {
            batches.push(made.slice(start, start + batch));
          }
          return { batches };
        });
        let late = 0;
        for (const { batches } of feeds) {
          let latest = -(2n ** 63n);
          for (const rows of batches) {
            const times = rows.filter(isRow).map(({ time }) => time as bigint);
            late += times.filter((time) => time < latest).length;
            for (const time of times) if (time > latest) latest = time;
          }
        }
        const merge = mergeOf(feeds);
        const found = (await readAll(merge)).filter(isRow);
        expect(sorted(found)).toEqual(sorted(rowsOf(feeds)));
        expect(merge.source.statistics?.()).toMatchObject({ rowsLate: late });
      }),
      { numRuns: 200 },
    );
  });
});

describe('merged batches', () => {
  it('know where each of their rows was read', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async ({ inputs, batchRows, sequence }) => {
        const feeds = inputs.map((input, i): Feed => {
          const feed = feedOf(input, i, sequence);
          const lines: number[] = [];
          let line = 0;
          for (const batch of feed.batches) {
            lines.push(line);
            line += batch.filter(isRow).length;
          }
          const originOf = (batch: number) => ({
            at: (place: number) => ({ file: `input ${i}`, line: lines[batch]! + place }),
          });
          return { ...feed, originOf };
        });
        const { source } = mergeOf(feeds, { schema: rowsWith(sequence), batchRows });
        for (let batch = await source.read(); batch; batch = await source.read()) {
          const { origin } = batch;
          const found = rowsIn(batch).map((_, row) => origin?.at(row));
          const expected = rowsIn(batch).map(({ price }) => ({
            file: `input ${Math.floor((price as number) / 1_000)}`,
            line: (price as number) % 1_000,
          }));
          expect(found).toEqual(expected);
          batch.release();
        }
      }),
      { numRuns: 300 },
    );
  });

  it('are those of an input where no other one comes between', async () => {
    const rows = (from: number, price: number): Stream =>
      Array.from({ length: 8 }, (_, i) => ({ time: START + BigInt(from + i), symbol: 'A', price }));
    const given: Batch[] = [];
    const note = (batch: number) => ({ at: () => ({ file: `${batch}`, line: 1 }) });
    const { source } = mergeOf([
      { batches: [rows(0, 1), rows(8, 1), rows(40, 1)], originOf: note, capacity: 8 },
      { batches: [rows(16, 2), rows(24, 2), rows(36, 2)], originOf: note, capacity: 8 },
    ]);
    for (let batch = await source.read(); batch; batch = await source.read()) given.push(batch);
    expect(given.map(({ length }) => length)).toEqual([8, 8, 8, 8, 8, 4, 4]);
    // A batch that is passed on has the origin that it came with, which knows its batch alone.
    const isPassed = given.map(({ origin }) => origin?.at.length === 0);
    expect(isPassed).toEqual([true, true, true, true, false, false, false]);
    for (const batch of given) batch.release();
  });
});

describe('control records of an input', () => {
  const gap = (n: number): ControlRecord => ({
    type: 'gap',
    from: nanos(BigInt(n)),
    to: nanos(BigInt(n)),
    reason: 'r',
  });
  const row = (at: number, price = at): Row => ({ time: START + BigInt(at), symbol: 'A', price });

  it('stand behind the rows before them and before the rows behind them', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(drawnInput, { minLength: 1, maxLength: 3 }),
        fc.array(fc.record({ input: fc.nat(2), batch: fc.nat(9), row: fc.nat(20) }), { maxLength: 8 }),
        fc.constantFrom(1, 7, 8_192),
        async (inputs, marks, batchRows) => {
          const feeds = inputs.map((input, i) => {
            const feed = feedOf(input, i, undefined);
            return { ...feed, batches: feed.batches.map((stream) => [...stream]) };
          });
          marks.forEach(({ input, batch, row: place }, n) => {
            const stream = feeds[input % feeds.length]!.batches[batch];
            stream?.splice(Math.min(place, stream.length), 0, gap(n * 10 + (input % feeds.length)));
          });
          const stream = await readAll(mergeOf(feeds, { batchRows }));
          expect(sorted(stream.filter(isRow))).toEqual(sorted(rowsOf(feeds)));
          feeds.forEach(({ batches }, input) => {
            const isOwn = (entry: Stream[number]) =>
              isRecord(entry)
                ? entry.type === 'gap' && Number(entry.from) % 10 === input
                : Math.floor((entry.price as number) / 1_000) === input;
            // Which rows are before each record, of this input.
            const parts = (entries: Stream) => {
              const found: number[][] = [[]];
              for (const entry of entries.filter(isOwn)) {
                if (isRow(entry)) found.at(-1)!.push((entry as Row).price as number);
                else found.push([]);
              }
              return found.map((prices) => prices.sort((a, b) => a - b));
            };
            expect(parts(stream)).toEqual(parts(batches.flat()));
          });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('pass as soon as the rows before them have, without waiting for rows behind them', async () => {
    const { source } = mergeOf([
      { batches: [[row(1), gap(7)], [row(9)]] },
      { batches: [[row(2), row(3)], [row(10)]] },
    ]);
    const stream = await readAll({ source });
    expect(stream).toEqual([row(1), gap(7), row(2), row(3), row(9), row(10)]);
  });

  it('pass where an input has nothing else', async () => {
    const { source } = mergeOf([{ batches: [[gap(1)], [gap(2)]] }, { batches: [[row(2)]] }]);
    expect(await readAll({ source })).toEqual([gap(1), gap(2), row(2)]);
  });
});

describe('rows of an input behind its own time', () => {
  const row = (at: number) => ({ time: START + BigInt(at), symbol: 'A', price: at });
  const lines = { at: (place: number) => ({ file: 'late.csv', line: 10 + place }) };

  /** Reads a merge of an input in order and one that is not, and what it warns of. */
  async function warned(late: Omit<Feed, 'batches'>, batches: readonly Stream[]) {
    const logged: object[] = [];
    const log = { ...silentLogger, warn: (fields: object) => void logged.push(fields) };
    const merge = mergeOf([{ batches: [[row(1), row(9)]] }, { ...late, batches }], {}, { id: 'source', log });
    await readAll(merge);
    return { logged, statistics: merge.source.statistics?.() };
  }

  it('are counted and told once, with the input and the place of one of them', async () => {
    const batches = [[row(2), row(5)], [row(6), row(4), row(3)], [row(1)]];
    const { logged, statistics } = await warned({ originOf: () => lines }, batches);
    expect(statistics).toMatchObject({ rowsLate: 3 });
    const latest = expect.stringMatching(/^late\.csv:12: the row at .* came late$/);
    expect(logged).toEqual([{ input: 'source.sources[1]', rows: 2, latest }]);
  });

  it('are named by their ordinal where their place is not known', async () => {
    const { logged } = await warned({}, [
      [row(2), row(5)],
      [row(6), row(4)],
    ]);
    expect(logged).toMatchObject([{ latest: expect.stringMatching(/^row 4 of source\.sources\[1\]: /) }]);
  });

  it('are not late as far as its order allows', async () => {
    const order = { scope: 'all', maxDelayNs: 2 } as const;
    const { logged, statistics } = await warned({ order }, [
      [row(2), row(5)],
      [row(4), row(3)],
    ]);
    expect(statistics).toMatchObject({ rowsLate: 0 });
    expect(logged).toEqual([]);
  });
});
