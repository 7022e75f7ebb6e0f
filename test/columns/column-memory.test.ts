import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { Batch } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import { ColumnMemory, megabytes } from '../../src/columns/column-memory.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import type { Schema } from '../../src/columns/schema.js';
import { turnOfTheLoop } from '../../src/core/clock.js';

const SCHEMA: Schema = {
  kind: 'custom',
  columns: [
    { name: 'time', type: 'timestamp' },
    { name: 'price', type: 'float64' },
  ],
};
const ROW_BYTES = 16;

describe('the account of column memory', () => {
  it('knows what is held now, by whom, and what was held at most', () => {
    const memory = new ColumnMemory();
    memory.take(30, 'bars');
    memory.take(50, 'batches');
    memory.give(30, 'bars');
    memory.take(10, 'batches');
    expect(memory.holders).toEqual({ batches: 60 });
    expect(memory).toMatchObject({ current: 60, peak: 80 });
  });

  it('names the limit, what was asked, who holds how much and what to do', () => {
    const memory = new ColumnMemory(megabytes(64));
    memory.take(megabytes(40), 'batches');
    memory.take(megabytes(20.5), 'bars');
    expect(() => memory.take(megabytes(3.6), 'parquet row group')).toThrow(
      expect.objectContaining({
        code: 'MEMORY_EXHAUSTED',
        retryable: false,
        message:
          'Columns would need more than the 64 MB that the job may use ("maxMemoryMb"): in use: batches ' +
          '40.0 MB, bars 20.5 MB; requested: 3.6 MB for parquet row group. Raise "maxMemoryMb", or ' +
          'lower "batchRows", or "maxKeys" and "maxRows" of the batcher',
      }),
    );
  });

  it('takes nothing where it refuses, and all that is left to the last byte', () => {
    const memory = new ColumnMemory(100);
    const share = memory.share('bars');
    share.resize(60);
    expect(() => share.resize(101)).toThrow('MB');
    expect([share.bytes, memory.current]).toEqual([60, 60]);
    share.resize(100);
    share.resize(0);
    expect(memory).toMatchObject({ current: 0, peak: 100, holders: {} });
  });

  it('takes no more back than it gave', () => {
    const memory = new ColumnMemory();
    memory.take(1, 'bars');
    expect(() => memory.give(2, 'bars')).toThrow('"bars" gives back no more memory than it took');
  });
});

describe('memory of batches', () => {
  it('is in the account from the first use of a pool until the pool has no use for it', () => {
    const dictionaries = new DictionarySet();
    const { memory } = dictionaries;
    const pool = new BatchPool(SCHEMA, 10, dictionaries, 2);
    expect(memory.current).toBe(0);
    const batches = [pool.acquire(), pool.acquire(), pool.acquire()];
    expect(memory.holders).toEqual({ batches: 3 * 10 * ROW_BYTES });
    for (const batch of batches) batch.release();
    expect(memory.current).toBe(2 * 10 * ROW_BYTES); // spares
    const batch = pool.acquire();
    pool.close();
    expect(memory.current).toBe(10 * ROW_BYTES);
    batch.release();
    expect(memory).toMatchObject({ current: 0, peak: 3 * 10 * ROW_BYTES });
  });

  it('is in the account until the release of a batch without a pool', () => {
    const dictionaries = new DictionarySet();
    const batch = new Batch(SCHEMA, 10, dictionaries);
    expect(dictionaries.memory.current).toBe(10 * ROW_BYTES);
    batch.release();
    expect(dictionaries.memory.current).toBe(0);
  });

  it('that lies idle is given up before anybody is refused', () => {
    const dictionaries = new DictionarySet(new ColumnMemory(10 * ROW_BYTES));
    const pools = [4, 6, 10].map((rows) => new BatchPool(SCHEMA, rows, dictionaries));
    for (const batch of [pools[0]!.acquire(), pools[1]!.acquire()]) batch.release();
    const large = pools[2]!.acquire();
    expect(() => pools[0]!.acquire()).toThrow('"maxMemoryMb"');
    large.release();
    expect(pools[0]!.acquire().capacity).toBe(4);
    expect(dictionaries.memory.current).toBe(4 * ROW_BYTES);
  });

  it('is kept by no pool once the pipeline has ended', () => {
    const dictionaries = new DictionarySet();
    const pool = new BatchPool(SCHEMA, 10, dictionaries);
    const [early, late] = [pool.acquire(), pool.acquire()];
    early.release();
    dictionaries.memory.close();
    expect(dictionaries.memory.current).toBe(10 * ROW_BYTES);
    late.release();
    expect(dictionaries.memory.current).toBe(0);
  });

  it('is given back, too, when a batch that was never released is collected', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const dictionaries = new DictionarySet();
    const pool = new BatchPool(SCHEMA, 1_024, dictionaries);
    for (let i = 0; i < 10; i++) pool.acquire().length = 1;
    expect(dictionaries.memory.current).toBe(10 * 1_024 * ROW_BYTES);
    for (let i = 0; i < 100 && dictionaries.memory.current > 0; i++) {
      collect();
      await turnOfTheLoop();
    }
    expect(dictionaries.memory.current).toBe(0);
  });
});
