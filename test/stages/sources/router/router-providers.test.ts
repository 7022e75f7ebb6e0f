import { describe, expect, it, onTestFinished } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import type { Row } from '../../../../src/columns/row-view.js';
import { uncheckedSpec } from '../../../../src/plan/typed-spec.js';
import type { TradeRow } from '../../../../src/providers/contract/row-writers.js';
import { ResilienceCoordinator } from '../../../../src/resilience/resilience-coordinator.js';
import { createPipeline } from '../../../../src/runtime/pipeline-builder.js';
import { fakeProvider } from '../../../../src/testing/fake-provider.js';
import type { FakeScript } from '../../../../src/testing/fake-script.js';
import type { ProviderCapabilities } from '../../../../src/wire/provider-capabilities.js';
import { isRow, keepingSink, type Stream } from '../../../support/pipeline-rig.js';
import { SimulatedClock } from '../../../support/simulated-clock.js';
import { at, START_MS } from './router-rig.js';

const capabilities: ProviderCapabilities = {
  assetClasses: ['crypto'],
  streams: {
    trades: {
      delivery: 'live-only',
      columns: [],
      sequence: { space: 'fake-trades', scope: 'symbol', step: 'one' },
    },
  },
};

const trade = (n: number): { trade: TradeRow } => ({
  trade: { symbol: 'A', price: n, sequence: n, timeMs: START_MS + 100 * n },
});
const trades = (from: number, to: number, afterMs = 100) =>
  Array.from({ length: to - from + 1 }, (_, i) => ({ afterMs, ...trade(from + i) }));

/** A router of fake providers `a` and `b`, each with a breaker of its own. */
async function routedProviders(a: FakeScript, b: FakeScript, options: object = {}, more: object = {}) {
  const clock = new SimulatedClock({ now: 1_000_000n, wall: at(0) });
  const resilience = new ResilienceCoordinator({
    clock,
    seed: 1,
    breakers: { a: { failuresInRow: 2, openMs: 5_000, openJitter: 0 } },
  });
  onTestFinished(() => resilience.close());
  const kept = keepingSink();
  const source = { stream: 'trades', symbols: ['A'] };
  const pipeline = createPipeline(
    uncheckedSpec({
      name: 'routed',
      source: {
        use: 'router',
        sources: { main: { use: 'a', ...source, breaker: 'a' }, backup: { use: 'b', ...source } },
        backOff: '1s',
        hold: '1s',
        ...options,
      },
      batcher: { maxDelayMs: 1 },
      sink: { use: 'null' },
    }),
    {
      clock,
      resilience,
      components: [
        fakeProvider({ name: 'a', capabilities, ...a }),
        fakeProvider({ name: 'b', capabilities, ...b }),
      ],
      sink: { create: () => kept.sink },
      ...more,
    },
  );
  await pipeline.build();
  const run = pipeline.run();
  const pass = async (ms: number) => {
    for (let left = ms; left > 0; left -= 50) await clock.advance(Math.min(50, left));
  };
  await pass(5);
  const stream = kept.stream as Stream;
  return {
    clock,
    pass,
    stream,
    prices: () => (stream.filter(isRow) as Row[]).map(({ price }) => price),
    switched: () => stream.filter(({ type }) => type === 'switched'),
    async suspend() {
      const suspended = pipeline.suspend();
      await pass(300);
      await suspended;
      return run;
    },
    async stop() {
      pipeline.stop();
      await pass(50);
      return run;
    },
  };
}

describe('a router of providers', () => {
  it('goes to the next one and back, by the numbers that both declare', async () => {
    const { pass, prices, switched, stop, clock, stream } = await routedProviders(
      {
        trades: (start) =>
          start === 0 ? [...trades(1, 5), { fail: 'disconnected' }] : [...trades(3, 5, 1), ...trades(6, 60)],
      },
      { trades: () => [...trades(4, 6, 1), ...trades(7, 40)] },
    );
    await pass(6_500);
    const given = prices();
    expect(given).toEqual(given.map((_, i) => i + 1));
    expect(given.length).toBeGreaterThan(30);
    expect(switched()).toMatchObject([
      { from: 'main', to: 'backup', reason: 'error', seam: 'exact' },
      { from: 'backup', to: 'main', reason: 'failback', seam: 'exact' },
    ]);
    expect(stream.filter(({ type }) => type === 'gap')).toEqual([]);
    await stop();
    expect(clock.timersPending).toBe(0);
  });

  const resumable = {
    ...capabilities,
    streams: { trades: { ...capabilities.streams!.trades!, delivery: 'resumable' as const } },
    history: { trades: { sequence: capabilities.streams!.trades!.sequence! } },
  };
  const history = { trades: trades(1, 100).map(({ trade: one }) => one) };
  const down = { connectFaults: Array.from({ length: 100 }, () => ({ fail: 'unavailable' as const })) };

  it('has one that can be resumed fetch what it missed, if no other one gave rows meanwhile', async () => {
    const { pass, stream, prices, stop } = await routedProviders(
      {
        capabilities: resumable,
        history,
        trades: (start) => (start === 0 ? [...trades(1, 3), { fail: 'disconnected' }] : trades(8, 12)),
      },
      down,
    );
    await pass(8_000);
    expect(prices()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(stream.filter(({ type }) => type === 'gap' || type === 'switched')).toEqual([]);
    await stop();
  });

  it('tells no gap of a restart which such a source fills', async () => {
    const more = { store: new MemoryCheckpointStore() };
    const script: FakeScript = {
      capabilities: resumable,
      history,
      trades: () => [...trades(1, 3), { trade: { ...trade(7).trade, symbol: 'B' } }],
    };
    const source = { stream: 'trades', symbols: ['A', 'B'] };
    const options = { sources: { main: { use: 'a', ...source }, backup: { use: 'b', ...source } } };
    const first = await routedProviders(script, down, options, more);
    await first.pass(1_000);
    await first.suspend();
    const second = await routedProviders({ ...script, trades: () => trades(8, 12) }, down, options, more);
    await second.pass(8_000);
    expect([...first.prices(), ...second.prices()]).toEqual([1, 2, 3, 7, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(second.stream.filter(({ type }) => type === 'gap' || type === 'switched')).toEqual([]);
    await second.stop();
  });

  it.each([
    ['with', { store: new MemoryCheckpointStore() }],
    ['without', {}],
  ])('delivers what one held back that fails while it fetches missing rows, %s a store', async (_, more) => {
    const { pass, stream, stop } = await routedProviders(
      {
        capabilities: {
          ...capabilities,
          streams: { trades: { ...capabilities.streams!.trades!, delivery: 'resumable' } },
          history: { trades: { sequence: capabilities.streams!.trades!.sequence! } },
        },
        history: { trades: trades(1, 20).map(({ trade: one }) => one), pageMs: 60_000 },
        trades: () => [...trades(1, 2), ...trades(5, 15), { fail: 'disconnected' }],
      },
      { trades: () => trades(17, 20) },
      { backOff: '1h', backOffMax: '1h' },
      more,
    );
    await pass(5_000);
    const told = stream.flatMap((entry) => {
      const { type } = entry;
      if (type === 'gap' || type === 'switched') return [type];
      return isRow(entry) ? [(entry as Row).price] : [];
    });
    const held = Array.from({ length: 11 }, (_, i) => i + 5);
    expect(told).toEqual([1, 2, 'gap', ...held, 'switched', 'gap', 17, 18, 19, 20]);
    await stop();
  });

  it('has each go on behind the rows of the one before, and fetch what came in between', async () => {
    const outages = [...trades(1, 3), { fail: 'disconnected' as const }];
    const { pass, prices, switched, stream, stop } = await routedProviders(
      {
        capabilities: resumable,
        history,
        // Down for a while: nothing of it overlaps.
        trades: (start) => (start === 0 ? outages : [{ afterMs: 3_000, ...trade(40) }, ...trades(41, 80)]),
      },
      {
        capabilities: resumable,
        history,
        trades: () => [{ afterMs: 500, ...trade(9) }, ...trades(10, 30), { fail: 'disconnected' }],
      },
    );
    await pass(9_000);
    const given = prices();
    expect(given).toEqual(given.map((_, i) => i + 1));
    expect(given.length).toBeGreaterThan(60);
    expect(switched()).toMatchObject([
      { from: 'main', to: 'backup', seam: 'exact' },
      { from: 'backup', to: 'main', seam: 'exact' },
    ]);
    expect(stream.filter(({ type }) => type === 'gap')).toEqual([]);
    await stop();
  });

  it('opens one again that was open beside the last one, if its numbers show a hole, and has that fetched', async () => {
    const starts: number[] = [];
    const { pass, prices, switched, stream, stop } = await routedProviders(
      { capabilities: resumable, history, trades: [...trades(1, 6), { fail: 'disconnected' }] },
      {
        capabilities: resumable,
        history,
        trades: (start) => {
          starts.push(start);
          return start === 0 ? [{ afterMs: 900, ...trade(9) }] : [{ afterMs: 100, ...trade(12) }];
        },
      },
      { standby: 'hot', backOff: '1h', backOffMax: '1h' },
    );
    await pass(3_000);
    expect(prices()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(starts).toEqual([0, 1]);
    expect(switched()).toMatchObject([{ from: 'main', to: 'backup', seam: 'exact' }]);
    expect(stream.filter(({ type }) => type === 'gap')).toEqual([]);
    await stop();
  });

  it('has the preferred one fetch what the one that it leaves held back', async () => {
    const { pass, prices, switched, stream, stop } = await routedProviders(
      {
        capabilities: resumable,
        history,
        trades: (start) => (start === 0 ? [...trades(1, 3), { fail: 'disconnected' }] : trades(14, 60)),
      },
      {
        capabilities: resumable,
        // It waits for 7 when it is left.
        history: { trades: trades(1, 6).map(({ trade: one }) => one) },
        trades: () => [...trades(4, 6, 1), ...trades(8, 60)],
      },
      { backOff: '10ms', backOffMax: '10ms' },
    );
    await pass(9_000);
    const given = prices();
    expect(given).toEqual(given.map((_, i) => i + 1));
    expect(given.length).toBeGreaterThan(40);
    expect(switched().at(-1)).toMatchObject({ to: 'main', seam: 'exact' });
    expect(stream.filter(({ type }) => type === 'gap')).toEqual([]);
    await stop();
  });

  it('does not take one for silent that waits for missing rows', async () => {
    const { pass, switched, prices, stop } = await routedProviders(
      {
        capabilities: resumable,
        history: { ...history, pageMs: 2_500 },
        trades: [...trades(1, 3), ...trades(5, 60)],
      },
      { capabilities: resumable, history, trades: () => trades(1, 60) },
      { silence: '1s' },
    );
    await pass(5_000);
    expect(switched()).toEqual([]);
    expect(prices().slice(0, 6)).toEqual([1, 2, 3, 4, 5, 6]);
    await stop();
  });

  it('tells what was missed where the next one may not fetch it', async () => {
    const { pass, prices, switched, stream, stop } = await routedProviders(
      { capabilities: resumable, history, trades: [...trades(1, 3), { fail: 'disconnected' }] },
      { capabilities: resumable, history, trades: () => trades(7, 12) },
      {
        sources: {
          main: { use: 'a', stream: 'trades', symbols: ['A'] },
          backup: { use: 'b', stream: 'trades', symbols: ['A'], backfill: false },
        },
        backOff: '1h',
        backOffMax: '1h',
      },
    );
    await pass(3_000);
    expect(prices()).toEqual([1, 2, 3, 7, 8, 9, 10, 11, 12]);
    expect(switched()).toMatchObject([{ seam: 'exact' }]);
    expect(stream.filter(({ type }) => type === 'gap')).toMatchObject([
      { symbol: 'A', reason: 'sequence 4 to 6 is missing between main and backup' },
    ]);
    await stop();
  });

  it('leaves one whose breaker opens, and takes it back with a gate that works', async () => {
    const { pass, prices, switched, stop } = await routedProviders(
      {
        connectFaults: Array.from({ length: 2 }, () => ({ fail: 'unavailable' as const })),
        trades: () => trades(1, 400),
      },
      { trades: () => trades(1, 400) },
    );
    await pass(20_000);
    expect(switched()).toMatchObject([
      { from: 'main', to: 'backup', reason: 'breaker' },
      { from: 'backup', to: 'main', reason: 'failback' },
    ]);
    expect(prices().length).toBeGreaterThan(100);
    await stop();
  });
});
