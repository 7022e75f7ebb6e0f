import { describe, expect, it } from 'vitest';
import type { ControlRecord } from '../../src/columns/control-record.js';
import { copyRow, type Row, rowsOf } from '../../src/columns/row-view.js';
import { uncheckedSpec } from '../../src/plan/typed-spec.js';
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
