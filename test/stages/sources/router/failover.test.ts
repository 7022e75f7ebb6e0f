import { describe, expect, it } from 'vitest';
import { ProviderError } from '../../../../src/core/provider-error.js';
import { nanos } from '../../../../src/core/units.js';
import { at, NUMBERS_BY_SYMBOL, routed, row, Scripted } from './router-rig.js';

const outage = () => new ProviderError('disconnected', 'the socket was closed');
const refused = () => new ProviderError('authentication', 'the key is not known');

describe('a router', () => {
  it('reads the first source, and opens no other one', async () => {
    const [a, b] = [new Scripted('a'), new Scripted('b')];
    const { clock, prices, healthOf, numbersOf, records, stop } = await routed({ sources: [a, b] });
    a.push(row(0, 1), row(1, 2));
    await clock.advance(500);
    expect(prices()).toEqual([1, 2]);
    expect(records('switched')).toEqual([]);
    expect([a.made, a.opened, b.opened]).toEqual([1, 1, 0]);
    expect(healthOf()).toEqual({ status: 'ok' });
    expect(numbersOf()).toMatchObject({
      switches: 0,
      activeSource: 0,
      'sources[0].rows': 2,
      'sources[0].state': 2,
    });
    expect(await stop()).toMatchObject({ reason: 'stopped' });
    expect([a.closed, b.closed]).toEqual([1, 0]);
    expect(clock.timersPending).toBe(0);
  });

  it('goes to the next source at once when one fails, and says so with one record before its first row', async () => {
    const [a, b] = [new Scripted('a'), new Scripted('b')];
    const { clock, told, healthOf, numbersOf, stop } = await routed({
      sources: [a, b],
      options: { backOff: '1h', backOffMax: '1h' },
    });
    a.push(row(0, 1));
    await clock.advance(5);
    a.fail(outage());
    await clock.advance(1);
    expect([a.isOpen, b.isOpen]).toEqual([false, true]);
    b.push(row(100, 2), row(101, 3));
    await clock.advance(5);
    const switched = {
      type: 'switched',
      at: at(100),
      since: at(0),
      from: 'sources[0]',
      to: 'sources[1]',
      reason: 'error',
      seam: 'unknown',
    };
    expect(told()).toEqual([1, switched, 2, 3]);
    expect(healthOf()).toMatchObject({
      status: 'degraded',
      reason: expect.stringContaining('reads sources[1] in place of sources[0]'),
    });
    expect(numbersOf()).toMatchObject({
      switches: 1,
      'switches.error': 1,
      activeSource: 1,
      'sources[0].failures': 1,
    });
    await stop();
  });

  it.each([
    ['no number', Number.NaN, 1_000],
    ['less than nothing', -5, 1_000],
    ['five seconds', 5_000, 5_000],
    ['no end', Number.POSITIVE_INFINITY, 86_400_000],
  ])(
    'leaves a source alone for as long as its provider asks, a day at most: %s',
    async (_, retryAfterMs, ms) => {
      const [a, b] = [new Scripted('a'), new Scripted('b')];
      const { clock, stop } = await routed({
        sources: [a, b],
        options: { backOff: '1ms', backOffMax: '1ms' },
      });
      a.fail(new ProviderError('throttled', 'too many calls', { retryAfterMs }));
      await clock.advance(5);
      expect(b.isOpen).toBe(true);
      if (ms > 1_000) {
        clock.leap(ms - 1_000); // for a day, or its timers would take long
        await clock.advance(990);
        expect(a.isOpen).toBe(false);
      }
      await clock.advance(1_000);
      expect(a.isOpen).toBe(true);
      await stop();
    },
  );

  it('takes a clean close of a live source for a failure', async () => {
    const [a, b] = [new Scripted('a'), new Scripted('b')];
    const { clock, records, stop } = await routed({ sources: [a, b] });
    a.push(row(0, 1));
    a.end();
    await clock.advance(5);
    b.push(row(1, 2));
    await clock.advance(5);
    expect(records('switched')).toMatchObject([{ reason: 'closed' }]);
    await stop();
  });

  it('ends with a bounded source that ends', async () => {
    const [a, b] = [new Scripted('a'), new Scripted('b')];
    a.bounded = true;
    const { clock, prices, run } = await routed({ sources: [a, b] });
    a.push(row(0, 1));
    a.end();
    await clock.advance(5);
    expect(await run).toMatchObject({ reason: 'end of input', outcome: 'completed' });
    expect(prices()).toEqual([1]);
    expect(b.opened).toBe(0);
  });

  it('says the reason of the source that gave the last row, though others failed in between', async () => {
    const sources = ['a', 'b', 'c'].map((name) => new Scripted(name));
    const [a, b, c] = sources as [Scripted, Scripted, Scripted];
    b.openErrors.push(outage());
    const { clock, records, stop } = await routed({ sources, options: { backOff: '10s' } });
    a.push(row(0, 1));
    a.end();
    await clock.advance(5);
    c.push(row(1, 2));
    await clock.advance(5);
    expect(records('switched')).toMatchObject([{ from: 'sources[0]', to: 'sources[2]', reason: 'closed' }]);
    expect([b.opened, b.closed]).toEqual([1, 1]);
    await stop();
  });

  it('says where the rows come from if the first source never gave one', async () => {
    const sources = ['a', 'b'].map((name) => new Scripted(name));
    const [a, b] = sources as [Scripted, Scripted];
    a.openErrors.push(refused());
    const { clock, records, told, stop } = await routed({ sources });
    b.push(row(7, 1));
    await clock.advance(5);
    const switched = { from: 'sources[0]', to: 'sources[1]', at: at(7), since: at(7), seam: 'exact' };
    expect(records('switched')).toMatchObject([switched]);
    expect(told()).toHaveLength(2);
    await stop();
  });

  it('names sources as they are named in the spec', async () => {
    const [a, b] = [new Scripted('a'), new Scripted('b')];
    const { clock, records, numbersOf, stop } = await routed({
      sources: [a, b],
      options: { sources: { main: { use: 'a' }, backup: { use: 'b' } } },
    });
    a.push(row(0, 1));
    a.fail(outage());
    await clock.advance(5);
    b.push(row(1, 2));
    await clock.advance(5);
    expect(records('switched')).toMatchObject([{ from: 'main', to: 'backup' }]);
    expect(numbersOf()).toMatchObject({ 'sources.backup.rows': 1 });
    await stop();
  });

  it('leaves a source whose breaker is open', async () => {
    const [a, b] = [new Scripted('a'), new Scripted('b')];
    const { clock, records, stop } = await routed({ sources: [a, b] });
    a.push(row(0, 1));
    await clock.advance(5);
    a.heldByBreaker = 'the breaker "a" is open';
    await clock.advance(250);
    b.push(row(1, 2));
    await clock.advance(5);
    expect(records('switched')).toMatchObject([{ reason: 'breaker' }]);
    await stop();
  });

  it('leaves a source that does not open in time, and closes it once it has opened', async () => {
    const [a, b] = [new Scripted('a'), new Scripted('b')];
    a.isSlow = true;
    const { clock, prices, stop } = await routed({
      sources: [a, b],
      options: { openWithin: '5s', backOff: '1h', backOffMax: '1h' },
    });
    await clock.advance(4_900);
    expect(b.opened).toBe(0);
    await clock.advance(300);
    expect(b.isOpen).toBe(true);
    b.push(row(0, 1));
    await clock.advance(1_000);
    expect(prices()).toEqual([1]);
    expect([a.opened, a.closed]).toEqual([1, 1]); // it was asked to stop, and let go
    await stop();
    expect(clock.timersPending).toBe(0);
  });

  it('makes an error of all causes if none works any more, which a restart does not help', async () => {
    const [a, b] = [new Scripted('a'), new Scripted('b')];
    a.openErrors.push(refused());
    b.openErrors.push(new ProviderError('entitlement', 'not for this account'));
    const { run } = await routed({ sources: [a, b] });
    const { error } = await run;
    expect(error).toMatchObject({ code: 'SOURCE_FAILED', retryable: false });
    expect(error?.message).toContain('sources[0]: the key is not known');
    expect(error?.message).toContain('sources[1]: not for this account');
  });

  it('makes an error that a restart may help once all have been down for long, if that helps one of them', async () => {
    const [a, b] = [new Scripted('a'), new Scripted('b')];
    a.openErrors.push(refused());
    b.openErrors.push(...Array.from({ length: 10_000 }, outage));
    const { pass, run } = await routed({ sources: [a, b], options: { downMax: '10s', backOff: '1s' } });
    await pass(9_000);
    expect(b.opened).toBeGreaterThan(2);
    await pass(61_000);
    expect((await run).error).toMatchObject({ code: 'SOURCE_FAILED', retryable: true });
    expect(a.opened).toBe(1);
  });

  it('counts an outage anew once a source has been open for long, though it was quiet', async () => {
    const a = new Scripted('a');
    const { clock, pass, run, prices, stop } = await routed({
      sources: [a],
      options: { backOff: '1s', backOffMax: '1s', hold: '1s', downMax: '30s' },
    });
    a.fail(outage());
    await pass(2_000);
    expect(a.isOpen).toBe(true);
    await pass(60_000, 200); // nobody trades
    a.openErrors.push(outage(), outage(), outage());
    a.fail(outage());
    await pass(8_000);
    a.push(row(0, 1));
    await clock.advance(5);
    expect(prices()).toEqual([1]);
    await stop();
    await run;
  });

  it('takes one that opens only to fail for down', async () => {
    const a = new Scripted('a');
    a.initial = () => [outage()];
    const { pass, run } = await routed({
      sources: [a],
      options: { backOff: '1s', backOffMax: '1s', downMax: '30s' },
    });
    await pass(32_000);
    expect(await run).toMatchObject({ outcome: 'failed', error: { code: 'SOURCE_FAILED' } });
  });

  it('tries sources again for ever, at longer and longer intervals up to a cap, and leaves those alone that refuse it', async () => {
    const [a, b] = [new Scripted('a'), new Scripted('b')];
    a.openErrors.push(refused());
    b.openErrors.push(...Array.from({ length: 10_000 }, outage));
    const { clock, pass, healthOf, stop } = await routed({
      sources: [a, b],
      options: { backOff: '1s', backOffMax: '1m' },
    });
    await pass(3_600_000, 200);
    const tries = b.opened;
    expect(tries).toBeGreaterThan(60); // a minute at most, half of it on average
    expect(tries).toBeLessThan(240);
    expect(a.opened).toBe(1);
    expect(healthOf()).toMatchObject({
      status: 'degraded',
      reason: expect.stringMatching(/no source works: sources\[0]: the key.*sources\[1]: the socket/),
    });
    await stop();
    expect(clock.timersPending).toBe(0);
  });

  it('is opened again as the same source if there is no other one, and says what may be missing', async () => {
    const a = new Scripted('a');
    const { clock, told, stop } = await routed({ sources: [a] });
    a.push(row(0, 1));
    await clock.advance(5);
    a.fail(outage());
    await clock.advance(50);
    a.push(row(60, 9));
    await clock.advance(5);
    const gap = { type: 'gap', from: at(0), to: at(60) + 1n, reason: 'sources[0] was opened again (error)' };
    expect(told()).toEqual([1, gap, 9]);
    expect([a.made, a.opened, a.closed]).toEqual([2, 2, 1]);
    await stop();
  });

  it('keeps the watermark from going back', async () => {
    const [a, b] = [new Scripted('a'), new Scripted('b')];
    const { clock, stream, stop } = await routed({ sources: [a, b] });
    for (let i = 0; i < 5; i++) {
      a.push(row(100 * i, i));
      await clock.advance(100);
    }
    a.fail(outage());
    await clock.advance(5);
    for (let i = 0; i < 12; i++) {
      b.push(row(100 + 100 * i, i));
      await clock.advance(100);
    }
    const watermarks = stream.flatMap((entry) => (entry.type === 'watermark' ? [entry.at as bigint] : []));
    expect(watermarks.length).toBeGreaterThan(5);
    expect(watermarks.every((one, i) => i === 0 || one > watermarks[i - 1]!)).toBe(true);
    await stop();
  });
});

describe('a router over sources that number their rows in the same way', () => {
  const numbered = (...names: string[]) =>
    names.map((name) => {
      const source = new Scripted(name);
      source.sequences = NUMBERS_BY_SYMBOL;
      return source;
    });

  it('drops the rows that were delivered, and tells the numbers that are missing', async () => {
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    const { clock, told, numbersOf, stop } = await routed({ sources });
    a.push(row(0, 1), row(1, 2), row(2, 7, 'B'));
    await clock.advance(5);
    a.fail(outage());
    await clock.advance(5);
    b.push(row(0, 1), row(1, 2), row(3, 3), row(9, 10, 'B'), row(10, 11, 'B'), row(11, 500, 'C'));
    await clock.advance(5);
    expect(told()).toEqual([
      1,
      2,
      7,
      expect.objectContaining({ type: 'switched', seam: 'exact', at: at(3), since: at(2) }),
      3,
      {
        type: 'gap',
        from: at(2),
        to: at(9) + 1n,
        symbol: 'B',
        reason: 'sequence 8 to 9 is missing between sources[0] and sources[1]',
      },
      10,
      11,
      500,
    ]);
    expect(numbersOf()).toMatchObject({ rowsSeen: 2 });
    await stop();
  });

  it('begins a gap with the last row of its symbol, however late the next one comes', async () => {
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    const { clock, records, stop } = await routed({ sources });
    a.push(row(0, 7, 'B'), row(5, 1));
    await clock.advance(5);
    a.fail(outage());
    await clock.advance(5);
    b.push(row(6, 2));
    await clock.advance(5);
    b.push(row(500, 3));
    await clock.advance(5);
    b.push(row(900, 10, 'B'));
    await clock.advance(5);
    expect(records('gap')).toMatchObject([{ from: at(0), to: at(900) + 1n, symbol: 'B' }]);
    await stop();
  });

  it('drops nothing by guess where the last row of a stream was not its latest', async () => {
    const sources = numbered('a', 'b');
    for (const source of sources) source.sequences = { ...NUMBERS_BY_SYMBOL, scope: 'stream' };
    const [a, b] = sources as [Scripted, Scripted];
    const { clock, told, stop } = await routed({ sources });
    a.push(row(0, 1), row(1, 2, 'B'), row(3, 4, 'B'), row(2, 3));
    await clock.advance(5);
    a.fail(outage());
    await clock.advance(5);
    b.push(row(3, 4, 'B'), row(4, 5, 'B'));
    await clock.advance(5);
    expect(told()).toEqual([
      1,
      2,
      4,
      3,
      expect.objectContaining({ type: 'switched', seam: 'unknown' }),
      4,
      5,
    ]);
    await stop();
  });

  it('does not take the overlap of one symbol for that of another', async () => {
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    const { clock, told, stop } = await routed({ sources });
    a.push(row(0, 1), row(1, 7, 'B'));
    await clock.advance(5);
    a.fail(outage());
    await clock.advance(5);
    b.push(row(0, 1), row(3, 2));
    await clock.advance(5);
    b.push(row(9, 10, 'B'));
    await clock.advance(5);
    expect(told()).toMatchObject([1, 7, { type: 'switched', seam: 'unknown' }, 2, { type: 'gap' }, 10]);
    await stop();
  });

  it('waits with the record until a row is left', async () => {
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    const { clock, told, stop } = await routed({ sources });
    a.push(row(0, 1), row(1, 2));
    await clock.advance(5);
    a.fail(outage());
    await clock.advance(5);
    b.push(row(0, 1));
    b.push(row(1, 2));
    await clock.advance(5);
    expect(told()).toEqual([1, 2]);
    b.push(row(2, 3));
    await clock.advance(5);
    expect(told()).toEqual([1, 2, expect.objectContaining({ type: 'switched', seam: 'exact' }), 3]);
    await stop();
  });

  it('drops nothing by guess behind a reset, which begins the numbers anew', async () => {
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    const { clock, told, stop } = await routed({ sources });
    a.push(row(0, 5));
    await clock.advance(5);
    a.fail(outage());
    await clock.advance(5);
    const reset = { type: 'reset', at: nanos(at(1)), reason: 'subscribed' } as const;
    b.push(reset, row(1, 1), row(2, 2));
    await clock.advance(5);
    expect(told()).toEqual([5, expect.objectContaining({ type: 'switched', seam: 'unknown' }), reset, 1, 2]);
    await stop();
  });

  it('has all rows of a hot standby that the failed source did not deliver', async () => {
    const sources = numbered('a', 'b');
    const [a, b] = sources as [Scripted, Scripted];
    const { clock, told, records, stop } = await routed({
      sources,
      options: { standby: 'hot', silence: '1s', sessions: '24/7' },
    });
    await clock.advance(10);
    expect(b.isOpen).toBe(true);
    for (let i = 1; i <= 20; i++) {
      if (i <= 10) a.push(row(100 * i, i));
      b.push(row(100 * i, i));
      await clock.advance(100);
    }
    await clock.advance(300);
    expect(records('switched')).toMatchObject([{ reason: 'silence', seam: 'exact' }]);
    expect(records('gap')).toEqual([]);
    expect(told().filter((entry) => typeof entry === 'number')).toEqual(
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    await stop();
  });
});
