// Question: what does it cost to write the trades of a provider into batches: as numbers, as whole columns and as
// objects, beside a list of objects as clients have them?
import { DictionarySet } from '../src/columns/dictionary.js';
import { systemClock } from '../src/core/clock.js';
import { FeedBuffer } from '../src/providers/adapter/feed-buffer.js';
import { FeedWriter } from '../src/providers/adapter/feed-writer.js';
import { feedSchema } from '../src/providers/contract/feed-schema.js';
import type { BenchContext, BenchResult } from './support/bench-result.js';
import { measureRates } from './support/measure.js';

const ROWS = 2_000_000;
const QUICK_ROWS = 100_000;
const BATCH_ROWS = 1_024;
const SYMBOLS = 64;
const START_MS = 1_700_000_000_000;

export default async function benchRowWriter(context: BenchContext): Promise<BenchResult[]> {
  const rows = context.quick ? QUICK_ROWS : ROWS;
  const names = Array.from({ length: SYMBOLS }, (_, i) => `SYMBOL-${i}`);
  const objects = Array.from({ length: BATCH_ROWS }, (_, i) => ({
    symbol: names[i % SYMBOLS]!,
    timeMs: START_MS + i,
    price: 100 + i / 100,
    size: i % 7,
    side: 'buy' as const,
    sequence: i,
  }));
  const columns = {
    time: BigInt64Array.from(objects, ({ timeMs }) => BigInt(timeMs) * 1_000_000n),
    symbol: Int32Array.from(objects, (_, i) => i % SYMBOLS),
    price: Float64Array.from(objects, ({ price }) => price),
    size: Float64Array.from(objects, ({ size }) => size),
    side: new Uint8Array(BATCH_ROWS).fill(1),
    sequence: BigInt64Array.from(objects, ({ sequence }) => BigInt(sequence)),
  };
  const { buffer, writer, ids } = openBuffer(names);
  /** Takes each batch when it is full, as a read would. */
  const written = (write: (batch: number) => void) => {
    let length = 0;
    for (let batch = 0; batch < rows / BATCH_ROWS; batch++) {
      write(batch);
      const taken = buffer.take();
      length += taken?.length ?? 0;
      taken?.release();
    }
    if (length !== Math.ceil(rows / BATCH_ROWS) * BATCH_ROWS) throw new Error(`found ${length} rows`);
  };

  return measureRates(
    'rows',
    [
      {
        name: 'tickloom, numbers',
        ours: true,
        count: rows,
        run: async () =>
          written(() => {
            for (let i = 0; i < BATCH_ROWS; i++) {
              writer.trade(ids[i % SYMBOLS]!, START_MS + i, 0, 100 + i / 100, i % 7, 1, i);
            }
          }),
      },
      {
        name: 'tickloom, columns',
        ours: true,
        count: rows,
        run: async () => written(() => writer.writeColumns(BATCH_ROWS, columns)),
      },
      {
        name: 'tickloom, objects',
        ours: true,
        count: rows,
        run: async () =>
          written(() => {
            for (const row of objects) writer.write(row);
          }),
      },
      {
        name: 'a list of objects, made anew and not put into columns',
        ours: false,
        count: rows,
        run: async () => {
          let kept = 0;
          for (let batch = 0; batch < rows / BATCH_ROWS; batch++) {
            const list: object[] = [];
            for (let i = 0; i < BATCH_ROWS; i++) {
              const symbol = names[i % SYMBOLS]!;
              list.push({
                symbol,
                time: START_MS + i,
                price: 100 + i / 100,
                size: i % 7,
                side: 'buy',
                id: i,
              });
            }
            kept += list.length;
          }
          if (kept < rows) throw new Error(`found ${kept} rows`);
        },
      },
    ],
    context,
  );
}

function openBuffer(names: readonly string[]) {
  const sequence = { space: 'bench', scope: 'symbol', step: 'one' } as const;
  const buffer = new FeedBuffer({
    schema: feedSchema('trades', { columns: ['size', 'side'], sequence }),
    batchRows: BATCH_ROWS,
    dictionaries: new DictionarySet(),
    clock: systemClock,
  });
  const writer = new FeedWriter(buffer);
  return { buffer, writer, ids: names.map((name) => writer.symbolId(name)) };
}
