import { describe, expect, it } from 'vitest';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { loadBatch, saveBatch } from '../../src/columns/saved-batch.js';
import type { Schema } from '../../src/columns/schema.js';
import { nanos } from '../../src/core/units.js';
import { batchOf, streamOf } from '../support/batch-rows.js';

const SCHEMA: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'symbol', type: 'string', nullable: true },
    { name: 'price', type: 'float64', nullable: true },
    { name: 'side', type: 'enum', values: ['buy', 'sell'] },
    { name: 'level', type: 'int32' },
    { name: 'isLast', type: 'boolean' },
  ],
};
const ROWS = [
  { time: 1_700_000_000_123_456_789n, symbol: 'A', price: 0.1, side: 'sell', level: -7, isLast: true },
  { time: -1n, symbol: null, price: null, side: 'buy', level: 2 ** 31 - 1, isLast: false },
];
const CONTROLS = [
  {
    row: 0,
    record: {
      type: 'switched',
      at: nanos(5n),
      since: nanos(4n),
      from: 'a',
      to: 'b',
      reason: 'silence',
      seam: 'exact',
    },
  },
  { row: 1, record: { type: 'gap', from: nanos(1n), to: nanos(2n), symbol: 'A', reason: 'a cut' } },
  { row: 2, record: { type: 'watermark', at: nanos(-9n) } },
] as const;

describe('a saved batch', () => {
  it('comes back through JSON as it was, with its records in their places', () => {
    const dictionaries = new DictionarySet();
    const batch = batchOf(SCHEMA, dictionaries, ROWS, { capacity: 50, controls: [...CONTROLS] });
    const saved = JSON.parse(JSON.stringify(saveBatch(batch)));
    const stream = streamOf([batch]);
    expect(streamOf([loadBatch(saved, SCHEMA, dictionaries)])).toEqual(stream);
    expect(stream).toHaveLength(5);
  });

  it('may have records alone', () => {
    const dictionaries = new DictionarySet();
    const batch = batchOf(SCHEMA, dictionaries, [], { controls: [{ ...CONTROLS[2], row: 0 }] });
    const loaded = loadBatch(saveBatch(batch), SCHEMA, dictionaries);
    expect(streamOf([loaded])).toEqual([CONTROLS[2].record]);
  });

  it('of another schema is refused, and what is none', () => {
    const dictionaries = new DictionarySet();
    const saved = saveBatch(batchOf(SCHEMA, dictionaries, ROWS));
    const fewer = { ...SCHEMA, columns: SCHEMA.columns.slice(1) };
    const others = { ...SCHEMA, columns: [...SCHEMA.columns.slice(1), SCHEMA.columns[0]!] };
    for (const attempt of [
      () => loadBatch(saved, fewer, dictionaries),
      () => loadBatch(saved, others, dictionaries),
      () => loadBatch(null, SCHEMA, dictionaries),
      () => loadBatch([], SCHEMA, dictionaries),
    ]) {
      expect(attempt).toThrow(expect.objectContaining({ code: 'CHECKPOINT_INVALID' }));
    }
  });
});
