import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../../../src/calendars/built-in-calendars.js';
import type { TradingCalendar } from '../../../../src/calendars/trading-calendar.js';
import { DictionarySet } from '../../../../src/columns/dictionary.js';
import { SilenceWatch } from '../../../../src/stages/sources/router/silence-watch.js';
import { VirtualClock } from '../../../../src/testing/virtual-clock.js';
import { batchOf } from '../../../support/batch-rows.js';
import { msAt, nsAt } from '../../../support/market-time.js';
import { NUMBERED, row } from './router-rig.js';

const MINUTE_MS = 60_000;

let fx: TradingCalendar;
beforeAll(async () => {
  fx = await tradingCalendar('FX');
});

/** A watch of ten minutes on a source that has a row at `begin`. It is looked at every minute. */
function watchOf(begin: string, share = 1) {
  const clock = new VirtualClock({ wall: nsAt(begin) });
  const dictionaries = new DictionarySet();
  const silenceNs = BigInt(10 * MINUTE_MS) * 1_000_000n;
  const watch = new SilenceWatch({ schema: NUMBERED, clock, silenceNs, share, hours: fx });
  const hear = (...symbols: readonly string[]) =>
    watch.note(
      batchOf(
        NUMBERED,
        dictionaries,
        symbols.map((symbol) => ({ ...row(0, 1), symbol })),
      ),
    );
  watch.begin();
  return {
    clock,
    watch,
    hear,
    at(iso: string) {
      let found = watch.look();
      for (let left = msAt(iso) - Number(clock.wall() / 1_000_000n); left > 0; left -= MINUTE_MS) {
        clock.leap(Math.min(left, MINUTE_MS));
        found = watch.look();
      }
      return found;
    },
  };
}

describe('a watch for the silence of a source', () => {
  it('stays certain of a silence, through hours that nobody knows', () => {
    const { hear, at } = watchOf('2025-12-24T20:00:00Z');
    hear('A');
    expect(at('2025-12-24T20:09:00Z')).toBe('heard');
    expect(at('2025-12-24T20:10:00Z')).toBe('silent');
    expect(at('2025-12-24T22:01:00Z')).toBe('silent');
    expect(at('2025-12-28T12:00:00Z')).toBe('silent');
  });

  it('is certain of one once what is known of it is too long, before and behind such hours', () => {
    const { hear, at } = watchOf('2025-12-24T21:54:00Z');
    hear('A');
    expect(at('2025-12-24T22:03:00Z')).toBe('heard');
    expect(at('2025-12-24T22:04:00Z')).toBe('unknown');
    // Six minutes are known before, and what is open again from 22:00 on counts with them.
    expect(at('2025-12-25T22:03:00Z')).toBe('unknown');
    expect(at('2025-12-25T22:04:00Z')).toBe('silent');
    hear('A');
    expect(at('2025-12-25T22:13:00Z')).toBe('heard');
  });

  it('tells the same of a share of the symbols', () => {
    const { hear, at } = watchOf('2025-12-24T21:54:00Z', 0.5);
    hear('A', 'B');
    expect(at('2025-12-24T22:04:00Z')).toBe('unknown');
    hear('B');
    expect(at('2025-12-25T22:03:00Z')).toBe('unknown'); // of A, for four minutes less
    hear('B');
    expect(at('2025-12-25T22:04:00Z')).toBe('silent');
  });

  it('is asked again when a silence that nobody knows of may have become certain', () => {
    const { hear, at, watch, clock } = watchOf('2025-12-24T21:54:00Z');
    hear('A');
    at('2025-12-24T22:30:00Z');
    expect(watch.askAt! - clock.now()).toBe(4n * BigInt(MINUTE_MS) * 1_000_000n);
  });
});
