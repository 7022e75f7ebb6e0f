import { Writable } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import { PipelineError } from '../../../src/core/errors.js';
import { callbackSink } from '../../../src/stages/sinks/callback.js';
import { consoleSink } from '../../../src/stages/sinks/console/console.js';
import { ConsoleSinkOptions } from '../../../src/stages/sinks/console/options.js';
import { nullSink } from '../../../src/stages/sinks/null/null.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { ALL_TYPES, batchOf, contextOf, pooledBatch, poolOf, TICKS, ticks } from './sink-rows.js';

function consoleOf(rows: number, schema = TICKS) {
  let printed = '';
  const stream = {
    write(text: string, done: () => void) {
      printed += text;
      done();
    },
    on() {},
    off() {},
  };
  const sink = consoleSink.create(ConsoleSinkOptions.parse({ rows }), schema, contextOf(), stream);
  return { sink, lines: () => printed.split('\n').slice(0, -1) };
}

describe('the console sink', () => {
  it('prints a table with numbers to the right', async () => {
    const { sink, lines } = consoleOf(10);
    await sink.write(batchOf(TICKS, ticks(2)));
    expect(lines()).toEqual([
      '┌────────────────────────────────┬─────────┬────────┐',
      '│ time                           │ symbol  │  price │',
      '├────────────────────────────────┼─────────┼────────┤',
      '│ 2024-01-01T00:00:00.000000000Z │ EUR/USD │    100 │',
      '│ 2024-01-01T00:00:01.000000000Z │ GBP/USD │ 100.01 │',
      '└────────────────────────────────┴─────────┴────────┘',
    ]);
  });

  it('shows so many rows in all, then says how many more there were', async () => {
    const { sink, lines } = consoleOf(3);
    for (let i = 0; i < 4; i++) await sink.write(batchOf(TICKS, ticks(2, 2 * i)));
    expect((await sink.flush()).rows).toBe(8);
    expect(lines().filter((line) => line.includes('2024-01-01'))).toHaveLength(3);
    expect(lines().at(-1)).toBe('… and 5 more rows');
    await sink.flush();
    expect(lines().filter((line) => line.startsWith('…'))).toHaveLength(1);
  });

  it('prints nothing that a terminal would obey, and cuts what is long', async () => {
    const { sink, lines } = consoleOf(3, ALL_TYPES);
    const row = {
      time: 0n,
      symbol: '\u001b[31m\nred',
      note: 'x'.repeat(100),
      price: 1,
      size: null,
      level: 1,
      id: 1n,
    };
    await sink.write(batchOf(ALL_TYPES, [{ ...row, side: 'buy', ok: true }]));
    expect(lines()).toHaveLength(5);
    expect(lines()[3]).toContain('│ �[31m�red │');
    expect(lines()[3]).toContain(`│ ${'x'.repeat(39)}… │`);
  });

  it('goes on when its reader has left, by an error or without one', async () => {
    const gone = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    const clock = new SimulatedClock();
    const context = contextOf('job', { clock });
    const options = ConsoleSinkOptions.parse({ rows: 10 });
    const sink = consoleSink.create(options, TICKS, context, gone);
    sink.open();
    await sink.write(batchOf(TICKS, ticks(2)));
    await sink.write(batchOf(TICKS, ticks(2)));
    expect(await sink.flush()).toMatchObject({ rows: 4 });
    sink.close();
    expect(gone.listenerCount('error')).toBe(0);

    let shown = 0;
    const deaf = { write: () => shown++, on() {}, off() {} };
    const held = consoleSink.create(options, TICKS, context, deaf);
    const first = held.write(batchOf(TICKS, ticks(2)));
    await vi.waitUntil(() => shown === 1); // the table's library is loaded first
    await clock.advance(5_000);
    await first;
    await held.write(batchOf(TICKS, ticks(2)));
    expect(shown).toBe(2);
    expect(clock.timersPending).toBe(0);
  });

  it('gives every batch back to its pool', async () => {
    const pool = poolOf(TICKS);
    const { sink } = consoleOf(1);
    await sink.write(pooledBatch(pool, ticks(3)));
    await sink.write(pooledBatch(pool, ticks(3)));
    expect(pool.outstanding).toBe(0);
  });
});

describe('the null sink', () => {
  it('counts rows and gives every batch back to its pool', async () => {
    const pool = poolOf(TICKS);
    const sink = nullSink.create({}, TICKS, contextOf());
    await sink.write(pooledBatch(pool, ticks(3)));
    await sink.write(pooledBatch(pool, ticks(4)));
    expect(await sink.flush()).toEqual({ rows: 7, position: null });
    expect(pool.outstanding).toBe(0);
  });
});

describe('the callback sink', () => {
  it('waits for the callback before it gives the batch back', async () => {
    const pool = poolOf(TICKS);
    const seen: number[] = [];
    const sink = callbackSink(async (batch) => {
      await Promise.resolve();
      seen.push(batch.length, pool.outstanding);
    }).create({}, TICKS, contextOf());
    await sink.write(pooledBatch(pool, ticks(3)));
    expect(seen).toEqual([3, 1]);
    expect(pool.outstanding).toBe(0);
    expect((await sink.flush()).rows).toBe(3);
  });

  it('fails with what the callback threw, and gives the batch back all the same', async () => {
    const pool = poolOf(TICKS);
    const cause = new TypeError('no such thing');
    const sink = callbackSink(() => {
      throw cause;
    }).create({}, TICKS, contextOf());
    await expect(sink.write(pooledBatch(pool, ticks(3)))).rejects.toMatchObject({
      code: 'SINK_FAILED',
      cause,
    });
    expect(pool.outstanding).toBe(0);
    expect((await sink.flush()).rows).toBe(0);
  });

  it('passes on an error that has a code of its own', async () => {
    const own = new PipelineError('SOURCE_FAILED', 'mine', { retryable: true });
    const sink = callbackSink(() => Promise.reject(own)).create({}, TICKS, contextOf());
    await expect(sink.write(batchOf(TICKS, ticks(1)))).rejects.toBe(own);
  });
});
