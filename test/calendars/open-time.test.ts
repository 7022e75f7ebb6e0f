import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../src/calendars/built-in-calendars.js';
import { type MarketHours, OpenTime } from '../../src/calendars/open-time.js';

const SECOND = 1_000_000_000n;
const wallAt = (iso: string) => BigInt(Date.parse(iso)) * 1_000_000n;

let xnys: MarketHours;
let fx: MarketHours;
beforeAll(async () => {
  xnys = await tradingCalendar('XNYS');
  fx = await tradingCalendar('FX');
});

describe('open time', () => {
  it('passes while the market is open, and not in a night', () => {
    const open = new OpenTime(xnys, 0n);
    const wall = wallAt('2024-11-27T20:59:50Z');
    expect(open.pass(30n * SECOND, wall + 30n * SECOND)).toBe(10n * SECOND);
    expect(open.wasClosed).toBe(false);
    expect(open.pass(60n * SECOND, wall + 60n * SECOND)).toBe(10n * SECOND);
    expect(open.wasClosed).toBe(true);
    expect(open.knownNs).toBe(10n * SECOND);
  });

  it('goes by the clock that never steps: one that is set changes nothing', () => {
    const open = new OpenTime(xnys, 0n);
    expect(open.pass(5n * SECOND, wallAt('2024-11-27T17:00:00Z'))).toBe(5n * SECOND);
    expect(open.pass(10n * SECOND, wallAt('2024-11-27T18:00:00Z'))).toBe(10n * SECOND);
    expect(open.pass(15n * SECOND, wallAt('2024-11-27T17:30:00Z'))).toBe(15n * SECOND);
  });

  it('passes where nobody knows, and says how much of it is known', () => {
    for (const hours of [undefined, xnys]) {
      const open = new OpenTime(hours, 0n);
      const wall = wallAt('1999-12-31T15:00:00Z'); // before the calendar begins
      expect(open.pass(30n * SECOND, wall)).toBe(30n * SECOND);
      expect([open.knownNs, open.wasClosed]).toEqual([0n, true]);
    }
  });

  it('knows the part of a stretch that the calendar does', () => {
    const open = new OpenTime(fx, 0n);
    const wall = wallAt('2025-12-24T21:59:00Z'); // a minute before hours that differ by the venue
    expect(open.pass(180n * SECOND, wall + 180n * SECOND)).toBe(180n * SECOND);
    expect(open.knownNs).toBe(60n * SECOND);
  });

  it('leaves out time in which nobody listened, before and after it is looked at', () => {
    const open = new OpenTime(xnys, 0n);
    const wall = wallAt('2024-11-27T17:00:00Z');
    open.skipTo(20n * SECOND);
    expect(open.pass(30n * SECOND, wall + 30n * SECOND)).toBe(10n * SECOND);
    open.skip(10n * SECOND);
    expect(open.pass(35n * SECOND, wall + 35n * SECOND)).toBe(10n * SECOND);
    expect(open.pass(45n * SECOND, wall + 45n * SECOND)).toBe(15n * SECOND);
    expect(open.earliestAt(SECOND)).toBe(46n * SECOND);
  });
});
