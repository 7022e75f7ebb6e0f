import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../src/checkpoints/memory-checkpoint-store.js';
import type { ControlRecord } from '../../src/columns/control-record.js';
import { copyRow, type Row, rowsOf } from '../../src/columns/row-view.js';
import { uncheckedSpec } from '../../src/plan/typed-spec.js';
import type { TradeWriter } from '../../src/providers/contract/row-writers.js';
import { createPipeline, type PipelineOptions } from '../../src/runtime/pipeline-builder.js';
import { callbackSink } from '../../src/stages/sinks/callback.js';
import { fakeProvider } from '../../src/testing/fake-provider.js';
import type { FakeScript } from '../../src/testing/fake-script.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';

const START_NS = 1_700_000_000_000_000_000n;
const trade = (price: number) => ({ trade: { symbol: 'BTC', price } });

/** Runs a fake provider on a virtual clock. Time stands still until it runs. */
async function run(script: FakeScript, source: object = {}, options: PipelineOptions = {}) {
  const clock = new VirtualClock();
  const rows: Row[] = [];
  const records: ControlRecord[] = [];
  const sink = callbackSink((batch) => {
    for (const row of rowsOf(batch)) rows.push(copyRow(row));
    for (const { record } of batch.controls) records.push(record);
  });
  const spec = uncheckedSpec({
    name: 'fake',
    source: { use: 'fake', stream: 'trades', symbols: ['BTC'], ...source },
    batcher: { maxRows: 1 },
  });
  const pipeline = createPipeline(spec, { components: [fakeProvider(script)], clock, sink, ...options });
  await pipeline.build(); // loads code, which takes no virtual time
  return { clock, rows, records, pipeline, outcome: pipeline.run() };
}

const HISTORY = {
  stream: undefined,
  history: 'trades',
  from: '2024-01-01T00:00:00Z',
  to: '2024-01-02T00:00:00Z',
};

describe('a fake provider', () => {
  it('starts slowly, ticks and stalls at the times of its script', async () => {
    const { clock, rows, pipeline, outcome } = await run({
      connectMs: 3_000,
      trades: [trade(1), { afterMs: 60_000, ...trade(2) }, { afterMs: 30_000, stall: true }, trade(3)],
    });
    await clock.advance(2_999);
    expect(rows).toEqual([]);
    await clock.advance(1);
    expect(rows).toEqual([{ time: START_NS + 3_000_000_000n, symbol: 'BTC', price: 1 }]);
    await clock.advance(59_999);
    expect(rows).toHaveLength(1);
    await clock.advance(1);
    expect(rows).toHaveLength(2);
    await clock.advance(30_000);
    expect(rows.map(({ price }) => price)).toEqual([1, 2, 3]);
    await pipeline.drain();
    expect((await outcome).outcome).toBe('completed');
    expect(clock.timersPending).toBe(0);
  });

  it('fails with the kind of its script, or ends, at its time and behind its rows', async () => {
    for (const [step, code] of [
      [{ fail: 'disconnected' }, 'PROVIDER_DISCONNECTED'],
      [{ fail: 'protocol' }, 'PROVIDER_PROTOCOL'],
      [{ end: true }, 'PROVIDER_DISCONNECTED'],
    ] as const) {
      const { clock, rows, outcome } = await run({ trades: [trade(1), { afterMs: 500, ...step }] });
      await clock.advance(500);
      expect((await outcome).error?.code).toBe(code);
      expect(rows).toHaveLength(1);
    }
  });

  it('tells of gaps, resets and silence in order with its rows', async () => {
    const { clock, records, pipeline, outcome } = await run({
      trades: [
        trade(1),
        { gap: { fromMs: 1_000, toMs: 2_000, reason: 'sequence' } },
        { reset: 'again' },
        { stale: { sinceMs: 5 } },
        trade(2),
      ],
    });
    await clock.advance(10);
    await pipeline.drain();
    await outcome;
    const own = records.filter(({ type }) => type === 'gap' || type === 'reset' || type === 'stale');
    expect(own).toEqual([
      { type: 'gap', from: 1_000_000_000n, to: 2_000_000_000n, reason: 'sequence' },
      { type: 'reset', at: START_NS, reason: 'again' },
      { type: 'stale', since: 5_000_000n },
    ]);
  });

  it('tells of the symbols that it is asked for alone, at the times of its script', async () => {
    const eth = { symbol: 'ETH', price: 9 };
    const { clock, rows, records, pipeline, outcome } = await run({
      trades: [
        { trade: eth },
        { gap: { fromMs: 1_000, toMs: 2_000, symbol: 'ETH', reason: 'sequence' } },
        { stale: { sinceMs: 5, symbol: 'ETH' } },
        { gap: { fromMs: 1_000, toMs: 2_000, symbol: 'BTC', reason: 'sequence' } },
        { afterMs: 500, trade: eth },
        { afterMs: 500, ...trade(1) },
      ],
    });
    await clock.advance(1_000);
    await pipeline.drain();
    await outcome;
    expect(rows).toEqual([{ time: START_NS + 1_000_000_000n, symbol: 'BTC', price: 1 }]);
    const own = records.filter(({ type }) => type === 'gap' || type === 'stale');
    expect(own).toEqual([
      { type: 'gap', from: 1_000_000_000n, to: 2_000_000_000n, symbol: 'BTC', reason: 'sequence' },
    ]);
  });

  it('leaves out the times of rows only where its capabilities say so', async () => {
    const stream = { delivery: 'live-only', untimed: true } as const;
    for (const capabilities of [
      undefined,
      { assetClasses: ['crypto'], streams: { trades: stream } },
    ] as const) {
      const { clock, rows, pipeline, outcome } = await run({ trades: [trade(1)], capabilities });
      await clock.advance(0);
      await pipeline.drain();
      await outcome;
      const marks = capabilities ? { untimed: true } : {};
      expect(rows).toEqual([{ time: START_NS, symbol: 'BTC', price: 1, ...marks }]);
    }
  });

  it('has other steps for each start of a stream', async () => {
    const provider = fakeProvider({ trades: (start) => [trade(start + 1), { fail: 'disconnected' }] });
    const prices: unknown[] = [];
    for (let i = 0; i < 3; i++) {
      const { rows, outcome } = await run({}, {}, { components: [provider] });
      await outcome;
      prices.push(rows[0]?.price);
    }
    expect(prices).toEqual([1, 2, 3]);
  });

  it('has its faults met by the gate, which makes the call again where that helps', async () => {
    const { clock, outcome, rows } = await run(
      {
        connectFaults: [{ fail: 'throttled', retryAfterMs: 5_000 }],
        history: {
          trades: [1, 2, 3].map((i) => ({ symbol: 'BTC', timeMs: Date.UTC(2024, 0, 1) + i, price: i })),
          pageRows: 2,
          pageMs: 100,
          faults: [{ fail: 'throttled', retryAfterMs: 1_000 }],
        },
      },
      HISTORY,
    );
    await clock.advance(5_000);
    expect(rows).toEqual([]);
    await clock.advance(1_200);
    expect(rows).toHaveLength(2);
    await clock.advance(100);
    expect(await outcome).toMatchObject({ outcome: 'completed' });
    expect(rows.map(({ price }) => price)).toEqual([1, 2, 3]);
  });

  it('ends a job that may not be tried again with the kind of its fault', async () => {
    const { clock, outcome } = await run({ connectFaults: [{ fail: 'authentication' }], trades: [] });
    await clock.advance(0);
    expect((await outcome).error).toMatchObject({ code: 'PROVIDER_AUTHENTICATION', retryable: false });
  });

  it('keeps a source closing for a bounded time, though it does not listen', async () => {
    const { clock, rows, pipeline, outcome } = await run({ trades: [{ deaf: true }, trade(1)] });
    await clock.advance(0);
    expect(rows).toHaveLength(1);
    await pipeline.drain();
    await clock.advance(5_000);
    expect((await outcome).outcome).toBe('completed');
  });
});

describe('a source that a provider makes', () => {
  it('fails for a row without a time that its capabilities say nothing of', async () => {
    const provider = fakeProvider({ trades: [] });
    const untimed = {
      ...provider,
      load: async () => () => ({
        async streamTrades(_: unknown, writer: TradeWriter) {
          writer.trade(writer.symbolId('BTC'), Number.NaN, 0, 1);
        },
      }),
    };
    const { clock, rows, outcome } = await run({}, {}, { components: [untimed] });
    await clock.advance(0);
    const { error } = await outcome;
    expect([error?.code, rows]).toEqual(['PROVIDER_PROTOCOL', []]);
    expect(error?.message).toContain('expected a time of each row');
  });

  it('ends when it is drained while it connects', async () => {
    const { clock, pipeline, outcome } = await run({ connectMs: 50_000, trades: [trade(1)] });
    await clock.advance(1_000);
    await pipeline.drain();
    await clock.advance(0);
    expect(await outcome).toMatchObject({ outcome: 'completed', reason: 'drained' });
    expect(clock.timersPending).toBe(0);
  });

  it('ends when it is drained while a login that knows no gate waits', async () => {
    const provider = fakeProvider({ trades: [trade(1)] });
    const waiting = {
      ...provider,
      load: async () => () => ({
        connect: (signal: AbortSignal) =>
          new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
        streamTrades: async () => {},
      }),
    };
    const { clock, pipeline, outcome } = await run({}, {}, { components: [waiting] });
    await clock.advance(1_000);
    await pipeline.drain();
    await clock.advance(0);
    expect(await outcome).toMatchObject({ outcome: 'completed', reason: 'drained' });
  });

  it('begins with a gap where it is started again, since nobody fetches what was missed', async () => {
    const store = new MemoryCheckpointStore();
    const at = (ms: number) => ({
      trade: { symbol: 'BTC', timeMs: Number(START_NS / 1_000_000n) + ms, price: ms },
    });
    const options = {
      store,
      components: [fakeProvider({ trades: (start) => (start === 0 ? [at(1)] : [at(5)]) })],
    };
    const first = await run({}, {}, options);
    await first.clock.advance(10);
    await first.pipeline.suspend();
    expect((await first.outcome).reason).toBe('suspended');
    const second = await run({}, {}, options);
    await second.clock.advance(10);
    await second.pipeline.drain();
    await second.outcome;
    expect([first.rows.length, second.rows.length]).toEqual([1, 1]);
    expect(second.records[0]).toMatchObject({
      type: 'gap',
      from: START_NS + 1_000_000n,
      to: START_NS + 5_000_000n,
    });
  });

  it('is merged with others in order of time', async () => {
    const ms = Date.UTC(2024, 0, 1);
    const rows = (symbol: string, ...times: number[]) =>
      times.map((time) => ({ symbol, timeMs: ms + time, price: time }));
    const provider = fakeProvider({
      history: { trades: [...rows('A', 1, 4, 6), ...rows('B', 2, 3, 5)], pageRows: 2 },
    });
    const of = (symbol: string) => ({ use: 'fake', ...HISTORY, symbols: [symbol] });
    const merged: Row[] = [];
    const sink = callbackSink((batch) => {
      for (const row of rowsOf(batch)) merged.push(copyRow(row));
    });
    const spec = uncheckedSpec({ name: 'merged', source: { use: 'merge', sources: [of('A'), of('B')] } });
    const report = await createPipeline(spec, { components: [provider], sink }).run();
    expect(report.outcome).toBe('completed');
    expect(merged.map(({ price }) => price)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});
