import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import { ColumnMemory } from '../../src/columns/column-memory.js';
import type { ControlRecord, PlacedControl } from '../../src/columns/control-record.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { Row } from '../../src/columns/row-view.js';
import type { Column, Schema } from '../../src/columns/schema.js';
import type { Nanos } from '../../src/core/units.js';
import { createRing, RING_BYTES_MIN } from '../../src/shared-memory/ring-memory.js';
import { RingReader } from '../../src/shared-memory/ring-reader.js';
import { RingWriter } from '../../src/shared-memory/ring-writer.js';
import { RowReceiver } from '../../src/topics/row-receiver.js';
import { RowSender } from '../../src/topics/row-sender.js';
import { batchOf, streamOf } from '../support/batch-rows.js';

const COLUMNS: readonly Column[] = [
  { name: 'flag', type: 'boolean' },
  { name: 'time', type: 'timestamp' },
  { name: 'symbol', type: 'string', nullable: true },
  { name: 'side', type: 'enum', values: ['unknown', 'buy', 'sell'] },
  { name: 'price', type: 'float64', nullable: true },
  { name: 'other', type: 'string', dictionary: 'symbol' },
  { name: 'count', type: 'int32' },
  { name: 'venue', type: 'string' },
];

const text = fc.oneof(fc.constantFrom('A', 'B', 'C'), fc.string({ unit: 'binary', maxLength: 8 }));
const row: fc.Arbitrary<Row> = fc.record({
  flag: fc.boolean(),
  time: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  symbol: fc.option(text),
  side: fc.constantFrom('unknown', 'buy', 'sell'),
  price: fc.option(fc.double({ noNaN: true })),
  other: text,
  count: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  venue: fc.oneof(text, fc.constant('x'.repeat(3_000))),
});
const instant = fc.bigInt({ min: 0n, max: 2n ** 62n }) as fc.Arbitrary<Nanos>;
const record: fc.Arbitrary<ControlRecord> = fc.oneof(
  fc.record({ type: fc.constant('watermark' as const), at: instant }),
  fc.record({
    type: fc.constant('switched' as const),
    at: instant,
    since: instant,
    from: text,
    to: text,
    reason: text,
    seam: fc.constantFrom('exact' as const, 'unknown' as const),
  }),
  fc.record({ type: fc.constant('gap' as const), from: instant, to: instant, symbol: text, reason: text }),
);
const batch = fc.array(row, { maxLength: 60 }).chain((rows) =>
  fc.record({
    rows: fc.constant(rows),
    controls: fc
      .array(fc.record({ row: fc.integer({ min: 0, max: rows.length }), record }), { maxLength: 5 })
      .map((controls) => controls.sort((a, b) => a.row - b.row) as PlacedControl[]),
  }),
);

describe('rows through a ring', () => {
  it('end a batch behind a thousand records, also if no rows come with them', () => {
    const schema: Schema = { kind: 'custom', columns: [COLUMNS[0]!] };
    const [own, other] = [new DictionarySet(new ColumnMemory()), new DictionarySet(new ColumnMemory())];
    const ring = createRing(1_048_576);
    const sender = new RowSender(new RingWriter(ring), schema, own, () => {});
    const receiver = new RowReceiver(new RingReader(ring), new BatchPool(schema, 64, other), other, () => {});
    const sent = Array.from(
      { length: 3_000 },
      (_, i) => ({ type: 'watermark', at: BigInt(i) as Nanos }) as const,
    );
    for (const record of sent) {
      expect(sender.send(batchOf(schema, own, [], { controls: [{ row: 0, record }] }))).toBe(true);
    }
    const lengths: number[] = [];
    const received: ControlRecord[] = [];
    for (let batch = receiver.receive(); batch; batch = receiver.receive()) {
      lengths.push(batch.controls.length);
      received.push(...batch.controls.map(({ record }) => record));
    }
    expect(received).toEqual(sent);
    expect(lengths).toEqual([1_024, 1_024, 952]);
  });

  it('come out as they went in, records in their places, whatever the sizes of batches and the turns', () => {
    fc.assert(
      fc.property(
        fc.array(batch, { maxLength: 12 }),
        fc.shuffledSubarray([...COLUMNS], { minLength: 1 }),
        fc.integer({ min: 1, max: 40 }),
        fc.array(fc.constantFrom('write', 'read'), { minLength: 1, maxLength: 20 }),
        fc.constantFrom(RING_BYTES_MIN, 8 * RING_BYTES_MIN),
        (batches, columns, capacity, turns, ringBytes) => {
          const schema: Schema = { kind: 'custom', columns };
          const ring = createRing(ringBytes);
          const [here, there] = [new DictionarySet(), new DictionarySet()];
          there.get('symbol').idOf('B'); // ids differ at the two ends
          let wakes = 0;
          const wake = () => void wakes++;
          const sender = new RowSender(new RingWriter(ring), schema, here, wake);
          const pool = new BatchPool(schema, capacity, there);
          const receiver = new RowReceiver(new RingReader(ring), pool, there, wake);
          const only = (row: Row) => Object.fromEntries(columns.map(({ name }) => [name, row[name]!]));
          const make = () =>
            batches.map(({ rows, controls }) => batchOf(schema, here, rows.map(only), { controls }));

          const waiting = make();
          const found: Batch[] = [];
          let hasEnded = false;
          for (let turn = 0; receiver.end === undefined; turn++) {
            // Each gets a turn of three.
            const whose = ['write', 'read', turns[turn % turns.length]][turn % 3];
            if (whose === 'write') {
              while (waiting.length > 0 && sender.send(waiting[0]!)) waiting.shift()!.release();
              if (waiting.length === 0 && !hasEnded) hasEnded = sender.end('drained');
            } else {
              const received = receiver.receive();
              if (received) found.push(received);
            }
          }
          expect(receiver.end).toBe('drained');
          expect(streamOf(found)).toEqual(streamOf(make()));
          expect(pool.outstanding).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('takes the end of a stream from its records: it comes once, after all rows', () => {
    const schema: Schema = { kind: 'custom', columns: [{ name: 'count', type: 'int32' }] };
    const ring = createRing(RING_BYTES_MIN);
    const dictionaries = new DictionarySet();
    const sender = new RowSender(new RingWriter(ring), schema, dictionaries, () => {});
    const controls: PlacedControl[] = [{ row: 1, record: { type: 'end', how: 'completed' } }];
    sender.send(batchOf(schema, dictionaries, [{ count: 1 }], { controls }));
    sender.end('completed');
    const pool = new BatchPool(schema, 8, dictionaries);
    const receiver = new RowReceiver(new RingReader(ring), pool, dictionaries, () => {});
    expect(streamOf([receiver.receive()!])).toEqual([{ count: 1 }]);
    expect(receiver.end).toBe('completed');
    expect(receiver.receive()).toBeUndefined();
  });
});
