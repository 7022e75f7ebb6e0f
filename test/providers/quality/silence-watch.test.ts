import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../../src/calendars/built-in-calendars.js';
import type { MarketHours } from '../../../src/calendars/open-time.js';
import type { TradingCalendar } from '../../../src/calendars/trading-calendar.js';
import { type SilenceSettings, SilenceWatch } from '../../../src/providers/quality/silence-watch.js';

let xnys: TradingCalendar;
let always: TradingCalendar;
let fx: TradingCalendar;
beforeAll(async () => {
  xnys = await tradingCalendar('XNYS');
  always = await tradingCalendar('24/7');
  fx = await tradingCalendar('FX');
});

const SECOND = 1_000_000_000n;
const wallAt = (text: string) => BigInt(Date.parse(text)) * 1_000_000n;

/** Looks every 5 s of a clock that begins at a wall time. */
function watchFrom(
  begin: string,
  settings: Partial<SilenceSettings> & { readonly hours?: MarketHours | undefined },
) {
  const watch = new SilenceWatch({ symbols: 1, switchShare: 1, ...settings }, 0n);
  let now = 0n;
  const wall = wallAt(begin);
  /** @param ticks - Symbols that have a row before each look. @returns What was found, with the second. */
  const pass = (seconds: number, ticks: readonly number[] = []) => {
    const found: {
      readonly at: number;
      readonly stale: readonly number[];
      readonly isAll: boolean;
      readonly known: readonly number[];
    }[] = [];
    for (let passed = 0; passed < seconds; passed += 5) {
      for (const symbol of ticks) watch.see(symbol);
      now += 5n * SECOND;
      const one = watch.look(now, wall + now);
      if (one) found.push({ at: Number(now / SECOND), ...one });
    }
    return found;
  };
  return { watch, pass, to: (text: string) => pass(Number((wallAt(text) - wall - now) / SECOND)) };
}

describe('a watch for silence', () => {
  it.each([
    [100, 0.07, 7],
    [10, 0.35, 4],
    [3, 0.000_000_000_1, 1],
  ])('takes of %i symbols a share of %d for %i of them', (symbols, switchShare, least) => {
    for (const silent of [least - 1, least]) {
      const { pass } = watchFrom('2026-11-30T16:00:00Z', {
        symbols,
        switchShare,
        afterMs: 30_000,
        hours: always,
      });
      const others = Array.from({ length: symbols - silent }, (_, i) => i);
      expect(pass(60, others).some(({ isAll }) => isAll)).toBe(silent === least);
    }
  });

  it('is told nothing of a night, a weekend and the rest of a half day', () => {
    const { pass, to } = watchFrom('2026-11-25T20:55:00Z', { afterMs: 600_000, hours: xnys });
    pass(300, [0]); // until the close on Wednesday
    expect(to('2026-11-27T14:30:00Z')).toEqual([]); // Thanksgiving
    pass(3.5 * 3_600, [0]); // until the early close of Friday
    expect(to('2026-11-30T14:35:00Z')).toEqual([]); // five minutes into Monday
  });

  it('finds ten minutes of silence at noon', () => {
    const { pass } = watchFrom('2026-11-30T16:55:00Z', { afterMs: 600_000, hours: xnys });
    pass(300, [0]);
    expect(pass(590)).toEqual([]);
    expect(pass(15)).toEqual([{ at: 900, stale: [0], known: [0], isAll: true }]);
  });

  it('counts open session alone, over a night', () => {
    const { pass, to } = watchFrom('2026-11-30T20:50:00Z', { afterMs: 600_000, hours: xnys });
    pass(300, [0]); // five minutes are left until the close
    expect(to('2026-12-01T14:34:55Z')).toEqual([]);
    expect(pass(5)).toMatchObject([{ stale: [0], isAll: true }]);
  });

  it('tells each silence once, and again after rows have come', () => {
    const { pass, watch } = watchFrom('2026-11-30T16:00:00Z', { afterMs: 30_000, hours: always });
    pass(5, [0]);
    expect(pass(3_600)).toHaveLength(1);
    expect(watch.staleCount).toBe(1);
    pass(5, [0]);
    expect(watch.staleCount).toBe(0);
    expect(pass(60)).toHaveLength(1);
  });

  it('takes a symbol that no row ever came of for silent, after the same time', () => {
    const { pass } = watchFrom('2026-11-30T16:00:00Z', { symbols: 2, afterMs: 30_000, hours: always });
    expect(pass(25, [0])).toEqual([]);
    expect(pass(5, [0])).toEqual([{ at: 30, stale: [1], known: [1], isAll: false }]);
  });

  it('takes the stream for silent once all symbols are, or the share that was set', () => {
    const all = watchFrom('2026-11-30T16:00:00Z', { symbols: 4, afterMs: 30_000, hours: always });
    expect(all.pass(30, [0]).map(({ isAll }) => isAll)).toEqual([false]);
    expect(all.pass(60).map(({ stale, isAll }) => [stale, isAll])).toEqual([[[0], true]]);
    const half = watchFrom('2026-11-30T16:00:00Z', {
      symbols: 4,
      afterMs: 30_000,
      hours: always,
      switchShare: 0.5,
    });
    expect(half.pass(30, [0, 1]).map(({ stale, isAll }) => [stale, isAll])).toEqual([[[2, 3], true]]);
  });

  it('tells of silence where no session is known, and never that the stream is silent', () => {
    const { pass } = watchFrom('2026-11-30T16:00:00Z', { afterMs: 30_000 });
    expect(pass(60)).toEqual([{ at: 30, stale: [0], known: [], isAll: false }]);
  });

  it('tells of a silence with hours that the calendar does not know, and acts once what is known is too long', () => {
    const knownFrom = wallAt('2026-11-30T16:00:10Z');
    const hours: MarketHours = {
      openBetween: (from, to) => (from < knownFrom ? undefined : to - from),
      knownOpenBetween: (from, to) => (from < knownFrom ? 0n : to - from),
    };
    const { pass } = watchFrom('2026-11-30T16:00:00Z', { symbols: 2, afterMs: 30_000, hours });
    expect(pass(60, [1])).toEqual([
      { at: 30, stale: [0], known: [], isAll: false },
      { at: 40, stale: [], known: [0], isAll: false },
    ]);
    expect(pass(60)).toEqual([{ at: 90, stale: [1], known: [1], isAll: true }]);
  });

  it('begins a stream anew that has given nothing since hours that nobody knows, in the session behind them', () => {
    const { pass, to } = watchFrom('2025-12-24T21:55:00Z', { afterMs: 600_000, hours: fx });
    pass(5, [0]); // five minutes before Christmas Eve becomes unknown
    expect(to('2025-12-25T22:05:00Z')).toEqual([{ at: 605, stale: [0], known: [], isAll: false }]);
    expect(pass(5)).toMatchObject([{ stale: [], known: [0], isAll: true }]);
  });

  it('goes by the monotonic clock, whatever becomes of the wall clock', () => {
    const watch = new SilenceWatch({ symbols: 1, afterMs: 30_000, switchShare: 1, hours: always }, 0n);
    const wall = wallAt('2026-11-30T16:00:00Z');
    expect(watch.look(10n * SECOND, wall + 9_000n * SECOND)).toBeUndefined();
    expect(watch.look(29n * SECOND, wall - 9_000n * SECOND)).toBeUndefined();
    expect(watch.look(30n * SECOND, wall)).toMatchObject({ stale: [0] });
  });

  it('takes time in which nobody looked at rows for no silence', () => {
    const { pass, watch } = watchFrom('2026-11-30T16:00:00Z', { afterMs: 30_000, hours: always });
    pass(20);
    watch.standStill(3_600n * SECOND);
    expect(watch.look(3_605n * SECOND, wallAt('2026-11-30T17:00:05Z'))).toBeUndefined();
    expect(watch.look(3_611n * SECOND, wallAt('2026-11-30T17:00:11Z'))).toMatchObject({ stale: [0] });
  });
});

describe('a watch that learns', () => {
  const learned = (symbols: number) =>
    watchFrom('2026-11-30T16:00:00Z', { symbols, hours: always, switchShare: 2 });

  it('gives each symbol five times its longest pause, a minute at least', () => {
    const { pass } = learned(2);
    for (let i = 0; i < 30; i++) {
      pass(30, [0]); // each 5 s
      pass(5, [0, 1]); // each 35 s
    }
    expect(pass(600).map(({ at, stale }) => [at - 1_050, stale])).toEqual([
      [60, [0]],
      [175, [1]],
    ]);
  });

  it('gives ten minutes while little is known', () => {
    const { pass } = learned(1);
    pass(50, [0]);
    expect(pass(900).map(({ at }) => at)).toEqual([650]);
  });

  it('learns that a symbol has become quiet, and forgets it', () => {
    const { pass } = learned(1);
    pass(200, [0]);
    expect(pass(120)).toHaveLength(1); // silent after 60 s
    pass(5, [0]);
    expect(pass(120)).toEqual([]); // 300 s now
    pass(3_700, [0]);
    expect(pass(120)).toHaveLength(1);
  });
});
