import { describe, expect, it } from 'vitest';
import { ProviderError } from '../../../../src/core/provider-error.js';
import { nanos } from '../../../../src/core/units.js';
import { at, NUMBERS_BY_SYMBOL, routed, row, Scripted } from './router-rig.js';

const outage = () => new ProviderError('disconnected', 'the socket was closed');
const scripts = (...names: string[]) => names.map((name) => new Scripted(name));
const numbered = (...names: string[]) =>
  scripts(...names).map((source) => Object.assign(source, { sequences: NUMBERS_BY_SYMBOL }));

describe('a router with a source of preference', () => {
  it('goes back once that has given rows for the hold, without a row lost or doubled', async () => {
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    const { clock, told, records, healthOf, numbersOf, stop } = await routed({
      sources,
      options: { hold: '2s', backOff: '10ms' },
    });
    const feed = async (from: number, to: number) => {
      for (let i = from; i <= to; i++) {
        a.push(row(100 * i, i));
        b.push(row(100 * i, i));
        await clock.advance(100);
      }
    };
    await feed(1, 3);
    a.fail(outage());
    await clock.advance(50);
    await feed(4, 40);
    expect(records('switched')).toMatchObject([
      { from: 'sources[0]', to: 'sources[1]', reason: 'error', seam: 'exact' },
      { from: 'sources[1]', to: 'sources[0]', reason: 'failback', seam: 'exact' },
    ]);
    expect(records('gap')).toEqual([]);
    expect(told().filter((entry) => typeof entry === 'number')).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 1),
    );
    expect(healthOf()).toEqual({ status: 'ok' });
    expect(b.isOpen).toBe(false);
    expect(numbersOf()).toMatchObject({ switches: 2, 'switches.failback': 1, activeSource: 0 });
    await stop();
    expect(clock.timersPending).toBe(0);
  });

  it('does not go back and forth with one that flaps', async () => {
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    const { clock, records, stop } = await routed({
      sources,
      options: { hold: '1s', coolDown: '1m', backOff: '10ms', backOffMax: '1s' },
    });
    for (let i = 1; i <= 3_000; i++) {
      a.push(row(100 * i, i));
      b.push(row(100 * i, i));
      await clock.advance(100);
      if (i % 30 === 0) a.fail(outage()); // every three seconds
    }
    const reasons = records('switched').map((record) => (record as { reason: string }).reason);
    // Five minutes: one move back a minute at most, and one away after each.
    expect(reasons.filter((reason) => reason === 'failback').length).toBeLessThanOrEqual(5);
    expect(reasons.length).toBeLessThanOrEqual(11);
    expect(reasons.length).toBeGreaterThan(5);
    await stop();
  });

  it('does not go back to one that has fallen silent meanwhile', async () => {
    const [a, b] = scripts('a', 'b') as [Scripted, Scripted];
    const { clock, records, stop } = await routed({
      sources: [a, b],
      options: {
        silence: '5s',
        sessions: '24/7',
        hold: '1s',
        coolDown: '1m',
        backOff: '10ms',
        backOffMax: '10ms',
      },
    });
    let i = 0;
    const feed = async (seconds: number, ...sources: Scripted[]) => {
      for (const end = i + 10 * seconds; i < end; i++) {
        for (const source of sources) source.push(row(100 * i, i));
        await clock.advance(100);
      }
    };
    await feed(1, a);
    a.fail(outage());
    await feed(5, a, b); // goes back
    a.fail(outage());
    await feed(10, a, b); // a lasts for the hold, within the cool-down
    await feed(80, b);
    expect(records('switched')).toMatchObject([
      { reason: 'error' },
      { reason: 'failback' },
      { reason: 'error' },
    ]);
    await feed(3, a, b);
    expect(records('switched')).toHaveLength(4);
    await stop();
  });

  it('begins the seam with the rows that the source it leaves held back', async () => {
    const [a, b] = scripts('a', 'b') as [Scripted, Scripted];
    const { clock, pass, records, stop } = await routed({
      sources: [a, b],
      options: { silence: '5s', sessions: '24/7', backOff: '1h', backOffMax: '1h' },
    });
    a.push(row(0, 1), row(4, 2, 'B'));
    await clock.advance(5);
    a.heldFrom = nanos(at(1));
    await pass(6_000);
    b.push(row(9, 3));
    await clock.advance(5);
    expect(records('switched')).toMatchObject([{ since: at(1), at: at(9), seam: 'unknown' }]);
    await stop();
  });

  it('leaves a silent one by the clock of receipt, not one that a pause kept from being read', async () => {
    const [a, b] = scripts('a', 'b') as [Scripted, Scripted];
    const { clock, pass, pipeline, records, stop } = await routed({
      sources: [a, b],
      options: { silence: '5s', sessions: '24/7', backOff: '1h', backOffMax: '1h' },
    });
    a.push(row(0, 1));
    await clock.advance(4_000);
    a.push(row(4_000, 2));
    await clock.advance(4_500);
    expect(b.opened).toBe(0);
    pipeline.pause();
    await pass(60_000, 100);
    pipeline.resume();
    await clock.advance(50);
    expect(b.opened).toBe(0);
    await pass(1_000);
    expect(b.opened).toBe(1);
    b.push(row(70_000, 3));
    await clock.advance(10);
    expect(records('switched')).toMatchObject([{ reason: 'silence' }]);
    await stop();
  });

  it('stays where it is when all are silent', async () => {
    const [a, b] = scripts('a', 'b') as [Scripted, Scripted];
    const { pass, records, stop, prices } = await routed({
      sources: [a, b],
      options: { silence: '5s', sessions: '24/7', backOff: '1s', hold: '1h' },
    });
    a.push(row(0, 1));
    await pass(3_600_000, 1_000);
    expect(a.opened + b.opened).toBeLessThanOrEqual(3);
    b.push(row(3_600_000, 2));
    await pass(1_000);
    expect(prices()).toEqual([1, 2]);
    expect(records('switched')).toHaveLength(1);
    await stop();
  });

  it('sleeps while the current one is silent and no other one helps', async () => {
    const [a, b] = scripts('a', 'b') as [Scripted, Scripted];
    const { clock, pass, stop } = await routed({
      sources: [a, b],
      options: { silence: '1s', sessions: '24/7', backOff: '1h', backOffMax: '1h', hold: '1h' },
    });
    await pass(5_000);
    let timers = 0;
    const setTimer = clock.setTimeout.bind(clock);
    clock.setTimeout = (...args: Parameters<typeof setTimer>) => {
      timers++;
      return setTimer(...args);
    };
    await pass(5_000);
    expect(timers).toBeLessThan(200);
    await stop();
  });

  it('is moved by the silence of a share of the symbols, if that is asked for', async () => {
    const [a, b] = scripts('a', 'b') as [Scripted, Scripted];
    const { clock, stop } = await routed({
      sources: [a, b],
      options: { silence: '5s', sessions: '24/7', silentShare: 0.5, backOff: '1h', backOffMax: '1h' },
    });
    a.push(row(0, 1, 'A'), row(0, 1, 'B'), row(0, 1, 'C'), row(0, 1, 'D'));
    for (let i = 1; i <= 4; i++) {
      await clock.advance(1_000);
      a.push(row(1_000 * i, i + 1, 'A'), row(1_000 * i, i + 1, 'B'), row(1_000 * i, i + 1, 'C'));
    }
    for (let i = 5; i <= 8; i++) {
      await clock.advance(1_000);
      a.push(row(1_000 * i, i + 1, 'A'), row(1_000 * i, i + 1, 'B'));
    }
    expect(b.opened).toBe(0);
    await clock.advance(1_000);
    a.push(row(9_000, 10, 'A'), row(9_000, 10, 'B'));
    await clock.advance(500);
    expect(b.opened).toBe(1);
    await stop();
  });

  it('goes to a hot standby where the source tells of a gap, if that is asked for, and has the rows of it', async () => {
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    const { clock, told, stop } = await routed({ sources, options: { standby: 'hot', switchOnGap: true } });
    await clock.advance(5);
    a.push(row(1, 1), row(2, 2));
    b.push(row(1, 1), row(2, 2), row(3, 3), row(4, 4));
    await clock.advance(300);
    const gap = { type: 'gap', from: nanos(at(2)), to: nanos(at(4)), reason: 'lost' } as const;
    a.push(gap, row(5, 5));
    await clock.advance(5);
    b.push(row(5, 5));
    await clock.advance(300);
    expect(told()).toEqual([
      1,
      2,
      expect.objectContaining({ type: 'switched', reason: 'gap', seam: 'exact' }),
      3,
      4,
      5,
    ]);
    await stop();
  });

  it('leaves out of a gap of the new source what the last one has delivered', async () => {
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    const { clock, told, stop } = await routed({ sources, options: { standby: 'hot' } });
    const gap = (from: number, to: number) =>
      ({ type: 'gap', from: nanos(at(from)), to: nanos(at(to)), symbol: 'A', reason: 'lost' }) as const;
    b.push(row(1, 1));
    a.push(row(1, 1));
    await clock.advance(300);
    // It has lost 2 and 3, which the other one has, and 5.
    b.push(gap(1, 5), row(4, 4), gap(4, 7), row(6, 6));
    a.push(row(2, 2), row(3, 3), row(4, 4));
    await clock.advance(300);
    a.fail(outage());
    await clock.advance(300);
    const reason = expect.stringMatching(/^sequence 5 is missing/);
    expect(told()).toMatchObject([
      1,
      2,
      3,
      4,
      { type: 'switched', seam: 'exact' },
      { type: 'gap', from: at(4), to: at(6) + 1n, symbol: 'A', reason },
      6,
    ]);
    await stop();
  });

  it('does not take a lower number behind a gap, in a later row, for one that was delivered', async () => {
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    const { clock, told, stop } = await routed({ sources });
    a.push(row(1, 7), row(2, 8));
    await clock.advance(50);
    b.initial = () => [
      [
        { type: 'gap', from: nanos(at(2)), to: nanos(at(9)), symbol: 'A', reason: 'begun anew' },
        row(9, 1),
        row(10, 2),
      ],
    ];
    a.fail(outage());
    await clock.advance(300);
    expect(told()).toMatchObject([7, 8, { type: 'switched', seam: 'unknown' }, { type: 'gap' }, 1, 2]);
    await stop();
  });

  it('goes on without a gap with a source that was left and is read again, as it kept its rows', async () => {
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    a.initial = (opening) => (opening === 1 ? [outage()] : []);
    const { pass, told, stop } = await routed({ sources, options: { standby: 'hot', hold: '0s' } });
    await pass(50, 10);
    b.push(row(1, 1), row(2, 1, 'B'));
    await pass(50, 10);
    // The preferred one proves itself, is chosen, and fails before what it has given counts.
    a.push(row(1, 1));
    a.fail(outage());
    await pass(100, 10);
    b.push(row(3, 2));
    await pass(100, 10);
    expect(told()).toMatchObject([{ type: 'switched', to: 'sources[1]' }, 1, 1, 2]);
    await stop();
  });

  it('passes on what a source tells, and stays with it at a gap otherwise', async () => {
    const [a, b] = scripts('a', 'b') as [Scripted, Scripted];
    const { clock, told, stop } = await routed({ sources: [a, b] });
    const gap = { type: 'gap', from: nanos(at(0)), to: nanos(at(3)), reason: 'lost' } as const;
    a.push(row(0, 1), gap, row(3, 2));
    await clock.advance(5);
    expect(told()).toEqual([1, gap, 2]);
    await stop();
  });
});

describe('a router of another strategy', () => {
  it('takes the fastest, and lets go of the others', async () => {
    const sources = scripts('a', 'b', 'c');
    const [a, b, c] = sources as [Scripted, Scripted, Scripted];
    const { clock, prices, records, stop } = await routed({ sources, options: { strategy: 'fastest' } });
    expect(sources.map(({ isOpen }) => isOpen)).toEqual([true, true, true]);
    b.push(row(0, 1));
    await clock.advance(5);
    expect(sources.map(({ isOpen }) => isOpen)).toEqual([false, true, false]);
    b.fail(outage());
    await clock.advance(1);
    c.push(row(1, 2));
    a.push(row(1, 3));
    await clock.advance(5);
    expect(prices()).toHaveLength(2);
    expect(records('switched')).toMatchObject([{ from: 'sources[1]', reason: 'error' }]);
    await stop();
  });

  it('ends with the last of the bounded ones that race, if none has a row', async () => {
    const sources = scripts('a', 'b');
    for (const source of sources) {
      source.bounded = true;
      source.initial = () => (source.name === 'a' ? [null] : []);
    }
    const { pass, run } = await routed({ sources, options: { strategy: 'fastest' } });
    await pass(1_000);
    sources[1]!.end();
    await pass(100);
    expect(await Promise.race([run, 'goes on'])).toMatchObject({ outcome: 'completed' });
    expect(sources.map(({ opened }) => opened)).toEqual([1, 1]);
  });

  it('goes round', async () => {
    const sources = scripts('a', 'b', 'c');
    const { clock, prices, stop } = await routed({ sources, options: { strategy: 'round-robin' } });
    for (let i = 0; i < 6; i++) {
      sources[i % 3]!.push(row(i, i));
      await clock.advance(5);
      sources[i % 3]!.fail(outage());
      await clock.advance(50);
    }
    expect(prices()).toEqual([0, 1, 2, 3, 4, 5]);
    await stop();
  });

  it('draws by the seed of the spec', async () => {
    const first = async (weights: number[]) => {
      const sources = scripts('a', 'b');
      const { stop } = await routed({ sources, options: { strategy: 'weighted', weights } });
      await stop();
      return sources.map(({ opened }) => opened);
    };
    expect(await first([1_000_000, 0.001])).toEqual([1, 0]);
    expect(await first([0.001, 1_000_000])).toEqual([0, 1]);
  });
});
