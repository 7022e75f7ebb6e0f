import { describe, expect, it } from 'vitest';
import { MemoryCheckpointStore } from '../../../../src/checkpoints/memory-checkpoint-store.js';
import { ProviderError } from '../../../../src/core/provider-error.js';
import { SimulatedClock } from '../../../support/simulated-clock.js';
import { at, NUMBERS_BY_SYMBOL, routed, row, Scripted } from './router-rig.js';

const outage = () => new ProviderError('disconnected', 'the socket was closed');
const scripts = (...names: string[]) => names.map((name) => new Scripted(name));
const numbered = (...names: string[]) =>
  scripts(...names).map((source) => Object.assign(source, { sequences: NUMBERS_BY_SYMBOL }));

describe('a router that is asked to end', () => {
  it('delivers on a drain what the source has given, and closes all', async () => {
    const [a, b] = scripts('a', 'b') as [Scripted, Scripted];
    const { clock, pipeline, run, prices } = await routed({ sources: [a, b], options: { standby: 'hot' } });
    a.push(row(0, 1), row(1, 2));
    a.push(row(2, 3));
    pipeline.drain();
    await clock.advance(10);
    expect(await run).toMatchObject({ reason: 'drained', outcome: 'completed' });
    expect(prices()).toEqual([1, 2, 3]);
    expect([a.isOpen, b.isOpen]).toEqual([false, false]);
    expect(clock.timersPending).toBe(0);
  });

  it('ends on a drain while it reads a source that can be replayed, beside a live one', async () => {
    const [a, b] = scripts('a', 'b') as [Scripted, Scripted];
    a.delivery = 'replayable';
    const { clock, prices, finish } = await routed({ sources: [a, b] });
    a.push(row(0, 1));
    await clock.advance(5);
    expect(await finish()).toMatchObject({ reason: 'drained', outcome: 'completed' });
    expect(prices()).toEqual([1]);
  });

  it.each(['drain', 'stop'] as const)('ends on a %s while all sources are down', async (how) => {
    const [a, b] = scripts('a', 'b') as [Scripted, Scripted];
    for (const { openErrors } of [a, b]) openErrors.push(...Array.from({ length: 1_000 }, outage));
    const { clock, pass, pipeline, run } = await routed({
      sources: [a, b],
      options: { backOff: '1h', backOffMax: '1h' },
    });
    await pass(1_000);
    pipeline[how]();
    await clock.advance(10);
    expect(await run).toMatchObject({ reason: how === 'drain' ? 'drained' : 'stopped' });
    expect(clock.timersPending).toBe(0);
  });

  it.each(['drain', 'stop'] as const)(
    'ends on a %s while it opens a source, which is closed once that is done',
    async (how) => {
      const a = new Scripted('a');
      a.isSlow = true;
      const { clock, pipeline, run } = await routed({ sources: [a] });
      expect(a.opened).toBe(0);
      pipeline[how]();
      await clock.advance(10);
      expect(await run).toMatchObject({ reason: how === 'drain' ? 'drained' : 'stopped' });
      expect([a.opened, a.closed]).toEqual([1, 1]);
      expect(clock.timersPending).toBe(0);
    },
  );

  it('ends though a source never opens', async () => {
    const a = new Scripted('a');
    a.isSlow = true;
    const { clock, pipeline, run } = await routed({ sources: [a] });
    a.letOpen = () => {};
    pipeline.stop();
    await clock.advance(20_000);
    expect(await run).toMatchObject({ reason: 'stopped' });
    expect(a.opened).toBe(0);
  });

  it('reports a source that fails after that without an error', async () => {
    const a = new Scripted('a');
    const { clock, pipeline, run, prices } = await routed({ sources: [a] });
    a.push(row(0, 1));
    await clock.advance(5);
    a.fail(outage());
    pipeline.drain();
    await clock.advance(10);
    expect(await run).toMatchObject({ reason: 'drained' });
    expect(prices()).toEqual([1]);
  });
});

describe('two routers in one process', () => {
  it('do not know of one another', async () => {
    const [one, other] = [scripts('a', 'b'), scripts('a', 'b')];
    const first = await routed({ sources: one });
    const second = await routed({ sources: other });
    one[0]!.push(row(0, 1));
    await first.clock.advance(5);
    one[0]!.fail(outage());
    other[0]!.push(row(0, 7));
    await Promise.all([first.clock.advance(5), second.clock.advance(5)]);
    one[1]!.push(row(1, 2));
    await Promise.all([first.clock.advance(5), second.clock.advance(5)]);
    expect([first.prices(), second.prices()]).toEqual([[1, 2], [7]]);
    await Promise.all([first.stop(), second.stop()]);
  });

  it('may be one inside the other', async () => {
    const sources = scripts('a', 'b', 'c');
    const [a, b, c] = sources as [Scripted, Scripted, Scripted];
    const { clock, prices, records, stop } = await routed({
      sources,
      options: {
        sources: [
          {
            use: 'router',
            sources: [{ use: 'a' }, { use: 'b' }],
            backOff: '1h',
            backOffMax: '1h',
            downMax: '0s',
          },
          { use: 'c' },
        ],
        backOff: '1h',
        backOffMax: '1h',
      },
    });
    a.push(row(0, 1));
    await clock.advance(5);
    a.fail(outage());
    await clock.advance(5);
    b.push(row(1, 2));
    await clock.advance(5);
    b.fail(outage());
    await clock.advance(5);
    c.push(row(2, 3));
    await clock.advance(5);
    expect(prices()).toEqual([1, 2, 3]);
    expect(records('switched')).toMatchObject([
      { from: 'sources[0]', to: 'sources[1]', reason: 'error' },
      { from: 'sources[0]', to: 'sources[1]', reason: 'error' },
    ]);
    await stop();
    expect(sources.map(({ isOpen }) => isOpen)).toEqual([false, false, false]);
  });
});

describe('a router with checkpoints', () => {
  const saving = async (store: MemoryCheckpointStore, sources: readonly Scripted[], options: object = {}) =>
    routed({
      sources,
      options,
      pipeline: { store },
      clock: new SimulatedClock({ now: 1_000_000n, wall: at(0) }),
    });

  it('goes on with the source that it read, and knows which rows were delivered', async () => {
    const store = new MemoryCheckpointStore();
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    const first = await saving(store, sources, { backOff: '1h', backOffMax: '1h' });
    a.push(row(0, 1), row(0, 2));
    await first.clock.advance(5);
    a.fail(outage());
    await first.clock.advance(5);
    b.push(row(1, 3), row(1, 4));
    await first.clock.advance(5);
    first.pipeline.suspend();
    await first.clock.advance(300);
    expect(await first.run).toMatchObject({ reason: 'suspended' });

    for (const source of sources) source.made = source.opened = source.closed = 0;
    const second = await saving(store, sources, { backOff: '1h', backOffMax: '1h' });
    await second.clock.advance(10);
    expect([a.opened, b.opened]).toEqual([1, 1]); // a as a probe
    b.fail(outage());
    await second.clock.advance(5);
    a.push(row(1, 4), row(2, 5));
    await second.clock.advance(5);
    expect(second.told()).toEqual([
      expect.objectContaining({
        type: 'switched',
        from: 'sources[1]',
        to: 'sources[0]',
        reason: 'error',
        seam: 'exact',
      }),
      5,
    ]);
    expect(second.numbersOf()).toMatchObject({ switches: 2, rowsSeen: 1 });
    await second.stop();
  });

  it('tells of what it missed meanwhile', async () => {
    const store = new MemoryCheckpointStore();
    const sources = scripts('a', 'b');
    const [a] = sources as [Scripted, Scripted];
    const first = await saving(store, sources);
    a.push(row(0, 1));
    await first.clock.advance(5);
    first.pipeline.suspend();
    await first.clock.advance(300);
    expect(await first.run).toMatchObject({ reason: 'suspended' });

    const second = await saving(store, sources);
    a.push(row(90, 2));
    await second.clock.advance(5);
    expect(second.told()).toEqual([expect.objectContaining({ type: 'gap', from: at(0), to: at(90) }), 2]);
    await second.stop();
  });

  it('takes one while it waits for a source', async () => {
    const [a, b] = scripts('a', 'b') as [Scripted, Scripted];
    const { clock, pipeline, stop } = await routed({ sources: [a, b], options: { standby: 'hot' } });
    a.push(row(0, 1));
    await clock.advance(5);
    const asked = pipeline.checkpoint();
    await clock.advance(500);
    expect(await asked).toMatchObject({
      states: { source: { current: 'sources[0]', stream: { source: 'sources[0]' } } },
    });
    await stop();
  });

  it('takes one while all sources are down', async () => {
    const [a, b] = scripts('a', 'b') as [Scripted, Scripted];
    const { clock, pipeline, stop } = await routed({
      sources: [a, b],
      options: { backOff: '1h', backOffMax: '1h' },
    });
    a.push(row(0, 1));
    await clock.advance(5);
    b.openErrors.push(outage());
    a.fail(outage());
    await clock.advance(5);
    const asked = pipeline.checkpoint();
    await clock.advance(500);
    expect(await asked).toMatchObject({ states: { source: { current: null } } });
    await stop();
  });
});
