// A process that records a live feed with checkpoints in a folder until it is told to stop:
// node live-process.mjs FOLDER FEED_START_MS OVERFLOW

import { FileCheckpointStore } from '../../dist/src/checkpoints/checkpoints.js';
import { createPipeline } from '../../dist/src/index.js';
import { BatchPool, STANDARD_COLUMNS, writeEpochMillis } from '../../dist/src/stages.js';

const [folder, feedStart, overflow] = process.argv.slice(2);
const TRADES = { kind: 'trade', columns: STANDARD_COLUMNS.trade.required };
const BATCH_ROWS = 100;

/** Trades in each millisecond of the wall clock since the feed started. The price of each is its number. */
const PER_MS = 20;
const sent = () => (Date.now() - Number(feedStart)) * PER_MS;

/** Keeps what is sent until it is read, as long as the process lives. */
const feed = {
  plan: () => TRADES,
  create(_options, { dictionaries }) {
    const pool = new BatchPool(TRADES, BATCH_ROWS, dictionaries, 16);
    const symbol = dictionaries.get('symbol').idOf('A');
    let next = sent();
    let isStopped = false;
    return {
      schema: TRADES,
      capabilities: { delivery: 'live-only', bounded: false },
      async read() {
        for (;;) {
          if (isStopped) return null;
          const rows = Math.min(BATCH_ROWS, sent() - next);
          if (rows > 0) {
            const batch = pool.acquire();
            batch.length = rows;
            for (let row = 0; row < rows; row++, next++) {
              const ms = Math.floor(next / PER_MS);
              const subNanos = (next % PER_MS) * (1e6 / PER_MS);
              writeEpochMillis(batch.int32('time'), row, Number(feedStart) + ms, subNanos);
              batch.float64('price')[row] = next;
              batch.int32('symbol')[row] = symbol;
            }
            return batch;
          }
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      },
      stop() {
        isStopped = true;
      },
      position: () => null,
      resume() {},
    };
  },
};

const pipeline = createPipeline(
  {
    name: 'live',
    source: { queue: { batches: 6, overflow } },
    // Each file is synced: the disk is slower than the feed.
    batcher: { maxRows: 10 },
    sink: {
      use: 'jsonl',
      path: `${folder}/out`,
      controls: true,
      timeFormat: 'us',
      rotate: { rows: 10 },
      ifExists: 'append',
    },
  },
  { source: feed, store: new FileCheckpointStore(`${folder}/checkpoints`), checkpointEveryMs: 20 },
);
process.on('SIGTERM', () => void pipeline.drain());
const { outcome, reason, error, counters } = await pipeline.run();
process.stdout.write(
  JSON.stringify({ outcome, reason, error: error?.message, overflowed: counters.rowsOverflowed }),
);
