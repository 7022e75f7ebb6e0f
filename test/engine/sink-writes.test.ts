import { describe, expect, it } from 'vitest';
import type { Batch } from '../../src/columns/batch.js';
import { BatchPool } from '../../src/columns/batch-pool.js';
import { DictionarySet } from '../../src/columns/dictionary.js';
import { systemClock } from '../../src/core/clock.js';
import type { Sink } from '../../src/engine/sink.js';
import { SinkWrites } from '../../src/engine/sink-writes.js';
import { NUMBERS } from '../support/nested-stages.js';

/** A write that a test lets end or fail. */
function heldWrite() {
  let end = () => {};
  let fail = (_: Error) => {};
  const write = new Promise<void>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  return { write, end: () => end(), fail: (error: Error) => fail(error) };
}

/** Writes of a sink that does with each batch what a test wants. */
function writesOf(write: (batch: Batch) => Promise<void> | void, branches?: Record<string, never>) {
  const told: string[] = [];
  const pool = new BatchPool(NUMBERS, 4, new DictionarySet());
  const stage: Sink = {
    capabilities: { delivery: 'append' },
    write(batch) {
      batch.release();
      return write(batch);
    },
    flush: () => ({ rows: 0, position: null }),
  };
  const writes = new SinkWrites({
    clock: systemClock,
    sink: { id: 'sink', use: 'kept', stage, branches },
    onWritten: (rows) => void told.push(`written ${rows}`),
    onFailure: (error) => void told.push(`failed: ${(error as Error).message}`),
  });
  const begin = (rows = 2) => {
    const batch = pool.acquire();
    batch.length = rows;
    return writes.begin(batch);
  };
  return { writes, begin, told };
}

describe('the writes of a sink', () => {
  it('end at once, without a promise, where the sink answers without one', () => {
    const { writes, begin, told } = writesOf(() => {});
    expect(begin()).toBeUndefined();
    expect(writes.underWay).toBeUndefined();
    expect(begin(3)).toBeUndefined();
    expect(told).toEqual(['written 2', 'written 3']);
  });

  it('let branches have their turn before more comes', async () => {
    const { writes, begin, told } = writesOf(() => {}, {});
    const turn = begin();
    expect(turn).toBeInstanceOf(Promise);
    expect(writes.underWay).toBeUndefined();
    expect(told).toEqual(['written 2']);
    await turn;
  });

  it('are waited for if they end within the turn, whatever they await in it', async () => {
    const { writes, begin, told } = writesOf(async () => {
      for (let i = 0; i < 50; i++) await undefined;
    });
    await begin();
    expect(told).toEqual(['written 2']);
    expect(writes.underWay).toBeUndefined();
  });

  it('are waited for in a timer, too, if they end within the turn', async () => {
    const { begin, told } = writesOf(async () => {
      for (let i = 0; i < 50; i++) await undefined;
    });
    await new Promise<void>((resolve) => {
      setTimeout(() => void begin()?.then(resolve), 1);
    });
    expect(told).toEqual(['written 2']);
  });

  it('let go on who gave the batch if they take longer, and tell when they have ended', async () => {
    const held = heldWrite();
    const { writes, begin, told } = writesOf(() => held.write);
    await begin();
    expect(writes.underWay).toBeDefined();
    expect(told).toEqual([]);
    held.end();
    await writes.underWay;
    expect(writes.underWay).toBeUndefined();
    expect(told).toEqual(['written 2']);
  });

  it('are one at a time, and none after a failure', async () => {
    const held = heldWrite();
    const { writes, begin, told } = writesOf(() => held.write);
    await begin();
    expect(() => begin()).toThrow('one batch at a time');
    held.fail(new Error('no room'));
    await writes.underWay;
    const message = 'Sink "kept" failed: no room';
    expect(told).toEqual([`failed: ${message}`]);
    expect(writes.hasFailed).toBe(true);
    expect(() => writes.throwIfFailed()).toThrow(
      expect.objectContaining({ code: 'SINK_FAILED', message, retryable: true }),
    );
    expect(() => begin()).toThrow('none after a failure');
  });

  it('throw at once what the sink throws at once', () => {
    const { writes, begin, told } = writesOf(() => {
      throw new Error('no room');
    });
    expect(() => begin()).toThrow('Sink "kept" failed: no room');
    expect(() => writes.throwIfFailed()).toThrow('Sink "kept" failed: no room');
    expect(told).toEqual([]);
  });
});
