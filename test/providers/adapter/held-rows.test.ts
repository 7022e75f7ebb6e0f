import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Batch } from '../../../src/columns/batch.js';
import { DictionarySet } from '../../../src/columns/dictionary.js';
import { GrowingBatches } from '../../../src/columns/growing-batches.js';
import { readInt64, writeInt64 } from '../../../src/columns/int64.js';
import { columnIndex } from '../../../src/columns/schema.js';
import { HeldRows } from '../../../src/providers/adapter/backfill/held-rows.js';
import { feedSchema } from '../../../src/providers/contract/feed-schema.js';

const WAITING_MAX = 40;
const schema = feedSchema('trades', {}, undefined);
const timeAt = columnIndex(schema, 'time');

it('rows leave in order, however many have left before, and the one at the mark stays', () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ add: fc.nat(30) }) },
    { weight: 4, arbitrary: fc.constant('take' as const) },
    { weight: 1, arbitrary: fc.constant('mark' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const dictionaries = new DictionarySet();
      const batches = new GrowingBatches(schema, dictionaries, 16, WAITING_MAX + 1);
      const held = new HeldRows(batches, timeAt);
      const from = new Batch(schema, 1, dictionaries);
      from.length = 1;
      const timeOf = (row: number) => Number(readInt64(held.batch.columns[timeAt] as Int32Array, row));
      let waiting: number[] = [];
      let marked: number | undefined;
      let isMarkFree = true;
      let added = 0;
      for (const one of steps) {
        if (one === 'take' && waiting.length > 0) {
          expect(timeOf(held.first())).toBe(waiting.shift());
          held.take();
        } else if (one === 'mark') {
          held.mark();
          isMarkFree = true;
          marked = undefined;
        } else if (typeof one === 'object' && waiting.length < WAITING_MAX) {
          writeInt64(from.columns[timeAt] as Int32Array, 0, BigInt(one.add));
          held.add(from, 0);
          added++;
          if (isMarkFree) marked = one.add;
          isMarkFree = false;
          waiting = [...waiting, one.add].sort((a, b) => a - b);
        }
        expect([held.waiting, held.added]).toEqual([waiting.length, added]);
        expect(held.marked < 0 ? undefined : timeOf(held.marked)).toBe(marked);
        if (waiting.length > 0) expect(timeOf(held.last())).toBe(waiting.at(-1));
      }
      held.release();
    }),
    { numRuns: 300 },
  );
});
