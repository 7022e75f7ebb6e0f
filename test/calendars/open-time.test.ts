import { beforeAll, describe, expect, it } from 'vitest';
import { tradingCalendar } from '../../src/calendars/built-in-calendars.js';
import { type MarketHours, OpenTime } from '../../src/calendars/open-time.js';

const SECOND = 1_000_000_000n;
const wallAt = (iso: string) => BigInt(Date.parse(iso)) * 1_000_000n;

let xnys: MarketHours;
beforeAll(async () => {
  xnys = await tradingCalendar('XNYS');
});

describe('open time', () => {
  it('passes while the market is open, and not in a night', () => {
    const open = new OpenTime(xnys, 0n);
    const wall = wallAt('2024-11-27T20:59:50Z');
    expect(open.pass(30n * SECOND, wall + 30n * SECOND)).toBe(10n * SECOND);
    expect(open.wasClosed).toBe(false);
    expect(open.pass(60n * SECOND, wall + 60n * SECOND)).toBe(10n * SECOND);
    expect(open.wasClosed).toBe(true);
    expect(open.isKnownSince(0n)).toBe(true);
  });

  it('goes by the clock that never steps: one that is set changes nothing', () => {
    const open = new OpenTime(xnys, 0n);
    expect(open.pass(5n * SECOND, wallAt('2024-11-27T17:00:00Z'))).toBe(5n * SECOND);
    expect(open.pass(10n * SECOND, wallAt('2024-11-27T18:00:00Z'))).toBe(10n * SECOND);
    expect(open.pass(15n * SECOND, wallAt('2024-11-27T17:30:00Z'))).toBe(15n * SECOND);
  });

  it('passes where nobody knows, and says from when on it is known again', () => {
    for (const hours of [undefined, xnys]) {
      const open = new OpenTime(hours, 0n);
      const wall = wallAt('1999-12-31T15:00:00Z'); // before the calendar begins
      expect(open.pass(30n * SECOND, wall)).toBe(30n * SECOND);
      expect([open.isKnownSince(0n), open.isKnownSince(open.ns)]).toEqual([false, true]);
    }
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
