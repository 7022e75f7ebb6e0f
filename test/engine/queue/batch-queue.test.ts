import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../../src/columns/batch.js';
import type { ColumnMemory } from '../../../src/columns/column-memory.js';
import type { ControlRecord, PlacedControl } from '../../../src/columns/control-record.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import type { Row } from '../../../src/columns/row-view.js';
import { type RowKind, type Schema, STANDARD_COLUMNS } from '../../../src/columns/schema.js';
import type { Nanos } from '../../../src/core/units.js';
import { BatchQueue } from '../../../src/engine/queue/batch-queue.js';
import type { QueueLimits } from '../../../src/engine/queue/queue-bounds.js';
import type { OverflowPolicy } from '../../../src/settings/overflow-policy.js';
import { batchOf, rowsIn, streamOf } from '../../support/batch-rows.js';
import { FailingMemory } from '../../support/failing-memory.js';

const QUOTES: Schema = { kind: 'quote', columns: STANDARD_COLUMNS.quote.required };
const ROOMY: QueueLimits = { batches: 1_000, rows: 100_000, bytes: 100_000_000 };

const at = (ns: number): Nanos => BigInt(ns) as Nanos;
const quote = (time: number, symbol = 'A', bid = time): Row => ({ time: at(time), symbol, bid, ask: 0 });
const watermark = (ns: number): ControlRecord => ({ type: 'watermark', at: at(ns) });
const gapOfSource = (ns: number): ControlRecord => ({
  type: 'gap',
  from: at(ns),
  to: at(ns),
  reason: 'test',
});

function queueOf(
  policy: OverflowPolicy,
  limits: Partial<QueueLimits> = {},
  mergeRows?: number,
  memory?: ColumnMemory,
) {
  const dictionaries = new DictionarySet(memory);
  const queue = new BatchQueue<number>({
    limits: { ...ROOMY, ...limits },
    policy,
    schema: QUOTES,
    dictionaries,
    title: 'Source "test"',
    ...(mergeRows !== undefined && { mergeRows }),
  });
  let note = 0;
  const put = (rows: readonly Row[], controls: PlacedControl[] = []) =>
    queue.put(batchOf(QUOTES, dictionaries, rows, { controls }), note++);
  const takeAll = () => {
    const batches: Batch[] = [];
    for (let taken = queue.take(); taken; taken = queue.take()) batches.push(taken.batch);
    return streamOf(batches);
  };
  return { queue, put, takeAll, dictionaries };
}

const timesOf = (stream: readonly (Row | ControlRecord)[]) =>
  stream.filter((item): item is Row => !('type' in item)).map(({ time }) => Number(time));

const gapsIn = (stream: readonly (Row | ControlRecord)[]) =>
  stream.flatMap((item) => ('type' in item && item.type === 'gap' ? [item as ControlRecord] : []));

describe('a queue of batches', () => {
  it('gives them back in order, each with its note', () => {
    const { queue, put } = queueOf('block', {}, 0);
    put([quote(1), quote(2)]);
    put([quote(3)]);
    const taken = [queue.take(), queue.take()];
    expect(taken.map((entry) => [rowsIn(entry!.batch).map(({ time }) => Number(time)), entry!.note])).toEqual(
      [
        [[1, 2], 0],
        [[3], 1],
      ],
    );
    expect(queue.take()).toBeUndefined();
  });

  it('has room for one batch of any size when it is empty, and is full at any of its bounds', () => {
    const rows = [quote(1), quote(2), quote(3)];
    const { queue, put } = queueOf('block', { rows: 2 });
    expect(queue.hasRoom).toBe(true);
    put(rows);
    expect(queue.hasRoom).toBe(false);

    const byBatches = queueOf('block', { batches: 2 }, 0);
    byBatches.put([quote(1)]);
    expect(byBatches.queue.hasRoom).toBe(true);
    byBatches.put([quote(2)]);
    expect(byBatches.queue.hasRoom).toBe(false);

    const byBytes = queueOf('block', { bytes: 100 });
    byBytes.put(rows);
    expect(byBytes.queue.bytes).toBe(3 * 28);
    expect(byBytes.queue.hasRoom).toBe(true);
    byBytes.put(rows);
    expect(byBytes.queue.hasRoom).toBe(false);
  });

  it('copies single rows into one batch, so that each does not hold the memory of a whole one', () => {
    const { queue, dictionaries } = queueOf('block', {}, 256);
    for (let i = 0; i < 200; i++) {
      queue.put(batchOf(QUOTES, dictionaries, [quote(i)], { capacity: 8_192 }), i);
    }
    expect(queue.batches).toBe(1);
    expect(queue.rows).toBe(200);
    expect(queue.bytes).toBe(256 * 28);
    const taken = queue.take()!;
    expect(taken.note).toBe(0);
    expect(rowsIn(taken.batch).map(({ time }) => Number(time))).toEqual(
      Array.from({ length: 200 }, (_, i) => i),
    );
  });

  it('never writes into the columns that it was given', () => {
    const { queue, dictionaries } = queueOf('block', {}, 256);
    const given = batchOf(QUOTES, dictionaries, [quote(1)], { capacity: 8 });
    const time = given.int32('time');
    const before = time.slice();
    queue.put(given, 0);
    queue.put(batchOf(QUOTES, dictionaries, [quote(2)]), 1);
    expect(time).toEqual(before);
  });

  it('keeps what stands before a seal apart from what follows it', () => {
    const { queue, put } = queueOf('block', {}, 256);
    put([quote(1)]);
    const seal = queue.seal();
    put([quote(2)]);
    expect(queue.batches).toBe(2);
    expect(queue.hasPassed(seal)).toBe(false);
    queue.take()?.batch.release();
    expect(queue.hasPassed(seal)).toBe(true);
    queue.release();
  });

  it('makes one of both sides of a seal that is taken back', () => {
    const { queue, put, takeAll } = queueOf('drop-oldest', { batches: 3 }, 256);
    for (let n = 1; n <= 20; n++) {
      put([quote(n)], [{ row: 1, record: watermark(n) }]);
      queue.seal();
      if (n % 3 === 0) put([], [{ row: 0, record: gapOfSource(n) }]);
      queue.unseal();
    }
    expect(queue.batches).toBe(1);
    const stream = takeAll();
    expect(timesOf(stream)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(gapsIn(stream)).toHaveLength(6);
    expect([queue.rows, queue.bytes, queue.rowsLeftOut]).toEqual([0, 0, 0]);
  });

  it('leaves the sides of a seal apart that is taken back where there is no memory to copy them', () => {
    const memory = new FailingMemory(2);
    const { queue, put, takeAll } = queueOf('block', {}, 256, memory);
    put([quote(1)]);
    queue.seal();
    put([quote(2)]);
    queue.unseal();
    expect([queue.batches, queue.rows]).toEqual([2, 2]);
    expect(timesOf(takeAll())).toEqual([1, 2]);
    expect(memory.current).toBe(0);
  });

  it('tells of dropped rows before the seal that they stood before', () => {
    const { queue, put, takeAll } = queueOf('drop-oldest', { rows: 2 }, 0);
    put([quote(1), quote(2)]);
    queue.seal();
    put([quote(3), quote(4)]);
    expect(queue.batches).toBe(2);
    const [gap, ...rows] = takeAll();
    expect(gap).toMatchObject({ type: 'gap', from: 1n, to: 3n });
    expect(timesOf(rows)).toEqual([3, 4]);
  });

  it('takes records without rows when it is full, and keeps the higher one of two watermarks', () => {
    const { put, takeAll } = queueOf('block', { rows: 1 });
    put([quote(1)]);
    put([], [{ row: 0, record: watermark(5) }]);
    put([], [{ row: 0, record: gapOfSource(6) }]);
    put([], [{ row: 0, record: watermark(7) }]);
    put([], [{ row: 0, record: watermark(6) }]);
    expect(takeAll().slice(1)).toEqual([gapOfSource(6), watermark(7)]);
  });

  it('fails with its name and bounds if it is told to', () => {
    const { put } = queueOf('fail', { rows: 1 });
    put([quote(1)]);
    expect(() => put([quote(2)])).toThrow(
      expect.objectContaining({
        code: 'QUEUE_FULL',
        message: expect.stringMatching(/^Source "test": the queue is full of rows: 1 row in 1 batch wait/),
      }),
    );
  });

  it('fails if records pile up that it may not drop', () => {
    const { queue, put } = queueOf('block', { rows: 1 });
    put([quote(1)]);
    const many = Array.from({ length: 65_537 }, (_, i) => ({ row: 0, record: gapOfSource(i) }));
    expect(() => put([], many)).toThrow(/full of control records \(65536 in one batch\)/);
    queue.release();
  });

  it.each([
    ['a batch of records', 'block', []],
    ['a batch of rows', 'block', [quote(2)]],
    ['a batch for which rows are dropped', 'drop-oldest', [quote(2)]],
    ['a batch for which rows are conflated', 'conflate', [quote(2)]],
  ] as const)('leaves out %s as a whole if its records are too many', (_, policy, rows) => {
    const { queue, put, takeAll, dictionaries } = queueOf(policy, { rows: policy === 'block' ? 9 : 1 }, 8);
    put([quote(1)], [{ row: 1, record: gapOfSource(0) }]);
    const many = Array.from({ length: 65_536 }, (_, i) => ({ row: 0, record: gapOfSource(i) }));
    expect(() => put(rows, many)).toThrow(/full of control records/);
    expect([queue.batches, queue.rows + queue.rowsLeftOut]).toEqual([1, 1]);
    const first = policy === 'drop-oldest' ? { type: 'gap', from: 1n } : { bid: 1 };
    expect(takeAll()).toEqual([expect.objectContaining(first), gapOfSource(0)]);
    dictionaries.memory.close();
    expect([queue.rows, queue.bytes, dictionaries.memory.current]).toEqual([0, 0, 0]);
  });

  it('takes records that make others redundant, however many it has', () => {
    const { put, takeAll } = queueOf('block');
    const many = Array.from({ length: 65_535 }, (_, i) => ({ row: 0, record: gapOfSource(i) }));
    put([], [...many, { row: 0, record: watermark(1) }]);
    put([], [{ row: 0, record: watermark(2) }]);
    expect(takeAll().at(-1)).toEqual(watermark(2));
  });

  it('frees the memory of what was left in it', () => {
    const { queue, put, dictionaries } = queueOf('block', {}, 64);
    for (let i = 0; i < 100; i++) put([quote(i)]);
    queue.release();
    dictionaries.memory.close();
    expect(dictionaries.memory.current).toBe(0);
    expect([queue.rows, queue.bytes, queue.isEmpty]).toEqual([0, 0, true]);
  });
});

describe('a full queue that drops', () => {
  it('tells of the oldest rows in a gap from their earliest time to just after their latest', () => {
    const { queue, put, takeAll } = queueOf('drop-oldest', { rows: 2 }, 0);
    put([quote(5, 'A'), quote(3, 'B')]);
    put([quote(7, 'C')]);
    put([quote(8, 'D')]);
    const reason = 'queue full: the oldest rows were dropped';
    const [gap, ...rows] = takeAll();
    expect(gap).toEqual({ type: 'gap', from: 3n, to: 6n, reason });
    expect(timesOf(rows)).toEqual([7, 8]);
    expect(queue.drops).toEqual({ conflated: 0, droppedOldest: 2, droppedNewest: 0 });
  });

  it('names the symbol of a gap if all of the rows are of one', () => {
    const { put, takeAll } = queueOf('drop-newest', { rows: 1 }, 0);
    put([quote(1, 'A')]);
    put([quote(2, 'B'), quote(4, 'B')]);
    put([quote(3, 'B')]);
    const reason = 'queue full: the newest rows were dropped';
    expect(takeAll().slice(1)).toEqual([{ type: 'gap', from: 2n, to: 5n, symbol: 'B', reason }]);
  });

  it('says a gap before the watermarks that stood behind its rows', () => {
    const { put, takeAll } = queueOf('drop-oldest', { rows: 2 }, 0);
    put(
      [quote(1), quote(2)],
      [
        { row: 0, record: watermark(1) },
        { row: 1, record: watermark(2) },
        { row: 2, record: gapOfSource(9) },
      ],
    );
    put([quote(3)], [{ row: 0, record: watermark(3) }]);
    put([quote(4)]);
    const stream = takeAll().filter((item) => 'type' in item);
    expect(stream.map((record) => ('reason' in record ? record.reason : record.type))).toEqual([
      'queue full: the oldest rows were dropped',
      'test',
      'watermark',
    ]);
  });

  it('keeps the note of the rows that are dropped, from where they can be read again', () => {
    const { queue, put } = queueOf('drop-oldest', { rows: 2 }, 0);
    put([quote(1), quote(2)]);
    put([quote(3), quote(4)]);
    const taken = queue.take()!;
    expect(taken.note).toBe(0);
    taken.batch.release();
  });
});

describe('a full queue that conflates', () => {
  it('keeps the latest row of each symbol at its place', () => {
    const { queue, put, takeAll } = queueOf('conflate', { rows: 3 }, 0);
    put([quote(1, 'A'), quote(2, 'B'), quote(3, 'A')], [{ row: 1, record: watermark(1) }]);
    put([quote(4, 'C'), quote(5, 'A')], [{ row: 1, record: watermark(4) }]);
    expect(queue.drops).toEqual({ conflated: 2, droppedOldest: 0, droppedNewest: 0 });
    expect(takeAll()).toEqual([watermark(1), quote(2, 'B'), quote(4, 'C'), watermark(4), quote(5, 'A')]);
  });

  it('takes the latest by event time, and of equal times the last to arrive', () => {
    const { put, takeAll } = queueOf('conflate', { rows: 1 }, 0);
    put([quote(9, 'A', 1)]);
    put([quote(9, 'A', 2), quote(5, 'A', 3)]);
    expect(takeAll()).toEqual([quote(9, 'A', 2)]);
  });

  it('is refused for rows that do not replace each other', () => {
    const make = (schema: Schema) =>
      new BatchQueue({
        limits: ROOMY,
        policy: 'conflate',
        schema,
        dictionaries: new DictionarySet(),
        title: 'Source "test"',
      });
    const schemaOf = (kind: Exclude<RowKind, 'custom'>): Schema => ({
      kind,
      columns: STANDARD_COLUMNS[kind].required,
    });
    expect(() => make(schemaOf('book'))).toThrow(/expected another policy than conflate for books/);
    expect(() => make({ kind: 'custom', columns: [{ name: 'time', type: 'timestamp' }] })).toThrow(
      /for rows without a column "symbol"/,
    );
    expect(() => make(schemaOf('trade'))).not.toThrow();
  });

  it('holds at most twice as many rows as there are symbols, if these are more than its bound', () => {
    const { queue, put } = queueOf('conflate', { rows: 4 });
    let most = 0;
    for (let i = 0; i < 400; i++) {
      put([quote(i, `S${i % 10}`)]);
      most = Math.max(most, queue.rows);
    }
    expect(most).toBeLessThanOrEqual(20);
    queue.release();
  });
});

describe.each(['block', 'conflate', 'drop-oldest', 'drop-newest'] as const)(
  'a queue with the policy %s',
  (policy) => {
    it('has nothing of a batch for which there is no memory', () => {
      let failures = 0;
      for (let failsAfter = 0; failsAfter < 60; failsAfter++) {
        const memory = new FailingMemory(failsAfter);
        const { queue, takeAll, dictionaries } = queueOf(policy, { rows: 4, batches: 4 }, 2, memory);
        const accepted: number[] = [];
        let failed: number | undefined;
        for (let i = 1; i <= 12 && failed === undefined; i++) {
          if (policy === 'block' && !queue.hasRoom) break;
          const batch = tryTo(() => batchOf(QUOTES, dictionaries, [quote(i, `S${i % 7}`)]));
          if (!batch) break;
          if (tryTo(() => queue.put(batch, i) ?? true)) accepted.push(i);
          else failed = i;
        }
        const { rows } = queue;
        const drops = queue.rowsLeftOut;
        const left = timesOf(takeAll());
        expect(left).not.toContain(failed);
        expect([left.length, left.length + drops]).toEqual([rows, accepted.length]);
        memory.close();
        expect([queue.bytes, memory.current]).toEqual([0, 0]);
        if (failed !== undefined) failures++;
      }
      expect(failures).toBeGreaterThan(0);
    });
  },
);

/** Returns nothing if there was no memory. */
function tryTo<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    expect(error).toMatchObject({ code: 'MEMORY_EXHAUSTED' });
    return undefined;
  }
}

/** One step of a random history of a queue. */
type Step = { readonly put: readonly Item[] } | { readonly take: true };
type Item = { readonly symbol: number; readonly jump: number } | { readonly control: 'gap' | 'watermark' };

const itemArbitrary: fc.Arbitrary<Item> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ symbol: fc.nat(3), jump: fc.integer({ min: -3, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ control: fc.constantFrom('gap' as const, 'watermark' as const) }) },
);
const stepArbitrary: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ put: fc.array(itemArbitrary, { minLength: 1, maxLength: 6 }) }) },
  { weight: 2, arbitrary: fc.constant({ take: true as const }) },
);
interface History {
  readonly steps: readonly Step[];
  readonly limits: QueueLimits;
  readonly mergeRows: number;
}
const historyArbitrary: fc.Arbitrary<History> = fc.record({
  steps: fc.array(stepArbitrary, { maxLength: 40 }),
  limits: fc.record({
    batches: fc.integer({ min: 1, max: 5 }),
    rows: fc.integer({ min: 1, max: 12 }),
    bytes: fc.integer({ min: 28, max: 600 }),
  }),
  mergeRows: fc.constantFrom(0, 1, 4, 64),
});

/** Row `i` of the stream has `bid` i. Returns what went in and what came out. */
function run(policy: OverflowPolicy, history: History) {
  const { queue, put, takeAll } = queueOf(policy, history.limits, history.mergeRows);
  const given: (Row | ControlRecord)[] = [];
  const got: (Row | ControlRecord)[] = [];
  let time = 1_000;
  let ordinal = 0;
  for (const step of history.steps) {
    if ('take' in step) {
      const taken = queue.take();
      if (taken) got.push(...streamOf([taken.batch]));
      continue;
    }
    const rows: Row[] = [];
    const controls: PlacedControl[] = [];
    for (const item of step.put) {
      ordinal++;
      if ('control' in item) {
        const record = item.control === 'gap' ? gapOfSource(ordinal) : watermark(ordinal);
        controls.push({ row: rows.length, record });
        given.push(record);
      } else {
        time += item.jump;
        const row = quote(time, `S${item.symbol}`, ordinal);
        rows.push(row);
        given.push(row);
      }
    }
    if (policy === 'block' && rows.length > 0 && !queue.hasRoom) {
      const taken = takeAll();
      got.push(...taken);
    }
    put(rows, controls);
    expect(queue.rows).toBeLessThan(Math.max(history.limits.rows, policy === 'conflate' ? 8 : 1) + 6 + 1);
  }
  got.push(...takeAll());
  return { given, got, drops: queue.drops };
}

const isRow = (item: Row | ControlRecord): item is Row => !('type' in item);
const ordinalOf = (row: Row): number => Number(row.bid);

/** Splits a stream at its rows: the records before each row, and at the end. */
function between(stream: readonly (Row | ControlRecord)[]): { row?: Row; records: ControlRecord[] }[] {
  const parts: { row?: Row; records: ControlRecord[] }[] = [];
  let records: ControlRecord[] = [];
  for (const item of stream) {
    if (!isRow(item)) records.push(item);
    else {
      parts.push({ row: item, records });
      records = [];
    }
  }
  return [...parts, { records }];
}

const POLICIES: readonly OverflowPolicy[] = ['block', 'conflate', 'drop-oldest', 'drop-newest'];

describe.each(POLICIES)('a queue with the policy %s', (policy) => {
  it('gives rows in order, and counts each that it leaves out', () => {
    fc.assert(
      fc.property(historyArbitrary, (history) => {
        const { given, got, drops } = run(policy, history);
        const ordinals = got.filter(isRow).map(ordinalOf);
        expect(ordinals).toEqual([...ordinals].sort((a, b) => a - b));
        const { conflated, droppedOldest, droppedNewest } = drops;
        expect(ordinals.length + conflated + droppedOldest + droppedNewest).toBe(given.filter(isRow).length);
        if (policy === 'block') expect(ordinals.length).toBe(given.filter(isRow).length);
      }),
      { numRuns: 300 },
    );
  });

  it('never drops a record, nor moves it past a row that stays', () => {
    fc.assert(
      fc.property(historyArbitrary, (history) => {
        const { given, got } = run(policy, history);
        const kept = new Set(got.filter(isRow).map(ordinalOf));
        const expected = between(given.filter((item) => !isRow(item) || kept.has(ordinalOf(item))));
        const found = between(got);
        found.forEach(({ records }, i) => {
          const own = records.filter((record) => !('reason' in record) || record.reason === 'test');
          const [before, after] = [expected[i]!.records, own].map((list) => ({
            gaps: list.filter(({ type }) => type === 'gap'),
            watermark: list.reduce((max, r) => (r.type === 'watermark' && r.at > max ? r.at : max), 0n),
          }));
          expect(after).toEqual(before);
        });
      }),
      { numRuns: 300 },
    );
  });
});

describe.each(['drop-oldest', 'drop-newest'] as const)('the gaps of a queue with the policy %s', (policy) => {
  it('cover exactly the rows that are missing at their place', () => {
    fc.assert(
      fc.property(historyArbitrary, (history) => {
        const { given, got } = run(policy, history);
        const kept = new Set(got.filter(isRow).map(ordinalOf));
        const missing: Row[][] = [[]];
        for (const item of given.filter(isRow)) {
          if (kept.has(ordinalOf(item))) missing.push([]);
          else missing.at(-1)!.push(item);
        }
        const gaps = between(got).map(({ records }) =>
          gapsIn(records).filter((gap) => 'reason' in gap && gap.reason !== 'test'),
        );
        const ranges = gaps.map((found) => found.map((gap) => 'to' in gap && [gap.from, gap.to]));
        expect(ranges).toEqual(
          missing.map((rows) => {
            if (rows.length === 0) return [];
            const times = rows.map(({ time }) => time as bigint).sort((a, b) => Number(a - b));
            return [[times[0], times.at(-1)! + 1n]];
          }),
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe('conflation', () => {
  it('leaves a row out only for a later one of its symbol', () => {
    fc.assert(
      fc.property(historyArbitrary, (history) => {
        const { given, got } = run('conflate', history);
        const delivered = got.filter(isRow);
        const kept = new Set(delivered.map(ordinalOf));
        for (const row of given.filter(isRow)) {
          if (kept.has(ordinalOf(row))) continue;
          const isReplaced = delivered.some(
            ({ symbol, time }) => symbol === row.symbol && (time as bigint) >= (row.time as bigint),
          );
          expect(isReplaced).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
