import type { Batch } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import type { Schema } from '../../src/columns/schema.js';
import type { SourceFactory } from '../../src/engine/factories.js';
import type { Source } from '../../src/engine/source.js';

const TICK: Schema = {
  kind: 'custom',
  columns: [
    { name: 'value', type: 'float64' },
    { name: 'id', type: 'int32' },
  ],
};

/**
 * A live source in the hands of the test: each `push` is one read, `fail` makes the read reject.
 * Rows have their value as `id`, too.
 */
export function handFed({ failsOnStop = false } = {}) {
  const queue: (readonly number[] | Error | null)[] = [];
  let waiting: (() => void) | undefined;
  const put = (item: readonly number[] | Error | null) => {
    queue.push(item);
    waiting?.();
  };
  const factory: SourceFactory<unknown> = {
    plan: () => TICK,
    create: (_options, { dictionaries }) => {
      const pool = new BatchPool(TICK, 16, dictionaries);
      const source: Source = {
        schema: TICK,
        capabilities: { delivery: 'live-only', bounded: false },
        async read(): Promise<Batch | null> {
          while (queue.length === 0) {
            await new Promise<void>((resolve) => {
              waiting = resolve;
            });
          }
          const item = queue.shift();
          if (item instanceof Error) throw item;
          if (!item) return null;
          const batch = pool.acquire();
          batch.float64('value').set(item);
          batch.int32('id').set(item);
          batch.length = item.length;
          return batch;
        },
        stop: () => put(failsOnStop ? new Error('stopped') : null),
        position: () => null,
        resume() {},
      };
      return source;
    },
  };
  return {
    factory,
    push: (...values: number[]) => put(values),
    fail: (error: Error) => put(error),
    end: () => put(null),
  };
}
