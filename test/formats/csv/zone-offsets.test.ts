import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it, vi } from 'vitest';
import { ZoneOffsets } from '../../../src/formats/csv/zone-offsets.js';

const NEW_YORK_TURN = Date.UTC(2024, 10, 3, 6);

describe("a zone's clock", () => {
  it.each([
    'America/New_York',
    'Europe/Berlin',
    'Australia/Lord_Howe',
    'Asia/Kolkata',
    'Africa/Casablanca',
    'America/St_Johns',
    'UTC',
    '-05:00',
    '+0530',
  ])('is read as Temporal reads it, in the first pass of a doubled hour: %s', async (zone) => {
    const offsets = await ZoneOffsets.of(zone);
    const year = fc.integer({ min: Date.UTC(2010), max: Date.UTC(2030) });
    // Half hours around the changes of New York, Berlin and Lord Howe, in no order.
    const nearChange = fc
      .tuple(
        fc.constantFrom(
          Date.UTC(2024, 2, 10),
          Date.UTC(2024, 10, 3),
          Date.UTC(2024, 2, 31),
          Date.UTC(2024, 9, 27),
          Date.UTC(2024, 3, 7),
        ),
        fc.nat({ max: 96 }),
      )
      .map(([day, halfHours]) => day + halfHours * 1_800_000 - 43_200_000);
    const id = zone === '+0530' ? '+05:30' : zone;
    fc.assert(
      fc.property(fc.oneof(year, nearChange), (localMs) => {
        expect(offsets.toUtc(localMs, 0)).toBe(instantOf(localMs, id, 'compatible'));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['America/New_York', Date.UTC(2024, 10, 3, 6)],
    ['Europe/London', Date.UTC(2023, 9, 29, 1)],
    ['Australia/Lord_Howe', Date.UTC(2024, 3, 6, 15)],
    ['Africa/Casablanca', Date.UTC(2024, 2, 10, 2)],
    ['America/St_Johns', Date.UTC(2006, 9, 29, 2, 31)],
    // 24 hours less the change of the local mean time: Alaska became American.
    ['America/Juneau', Date.UTC(1867, 9, 18, 23, 57, 41)],
  ])('notes the times that it shows twice, and no others: %s at %d', async (zone, aroundMs) => {
    const offsets = await ZoneOffsets.of(zone);
    const beforeMs = 30 * 3_600_000;
    fc.assert(
      fc.property(fc.integer({ min: -beforeMs, max: beforeMs }), (byMs) => {
        const localMs = aroundMs + byMs;
        offsets.forgetDoubled();
        const utcMs = offsets.toUtc(localMs, 7);
        const [first, second] = [instantOf(localMs, zone, 'earlier'), instantOf(localMs, zone, 'later')];
        const isShown = shownAt(first, zone) === localMs;
        expect(offsets.doubledRows).toEqual(isShown && first !== second ? [7] : []);
        if (offsets.doubledRows.length === 0) return;
        const { offsetMs, secondOffsetMs } = offsets.doubledStretches[0]!;
        expect(utcMs).toBe(first);
        expect(localMs - offsetMs).toBe(first);
        expect(localMs - secondOffsetMs).toBe(second);
      }),
      { numRuns: 400 },
    );
  });

  it('counts on over a skipped hour', async () => {
    const zone = await ZoneOffsets.of('America/New_York');
    expect(zone.toUtc(Date.UTC(2024, 2, 10, 2, 0), 0)).toBe(Date.UTC(2024, 2, 10, 7, 0));
    expect(zone.toUtc(Date.UTC(2024, 2, 10, 2, 30), 0)).toBe(Date.UTC(2024, 2, 10, 7, 30));
    expect(zone.toUtc(Date.UTC(2024, 2, 10, 3, 0), 0)).toBe(Date.UTC(2024, 2, 10, 7, 0));
  });

  it('knows a doubled hour to the millisecond', async () => {
    const zone = await ZoneOffsets.of('America/New_York');
    const one = Date.UTC(2024, 10, 3, 1);
    for (const [row, localMs] of [one - 1, one, one + 3_599_999, one + 3_600_000].entries()) {
      zone.toUtc(localMs, row);
    }
    expect(zone.doubledRows).toEqual([1, 2]);
    expect(zone.doubledStretches[0]).toEqual({
      from: one,
      to: one + 3_600_000,
      offsetMs: -4 * 3_600_000,
      secondOffsetMs: -5 * 3_600_000,
    });
    expect(zone.toUtc(one + 3_600_000, 0)).toBe(NEW_YORK_TURN + 3_600_000);
  });

  it('is looked up once a stretch, however often a column of summer and winter dates goes to and fro, in however many files', async () => {
    const lookUp = vi.spyOn(Temporal.Instant, 'fromEpochMilliseconds');
    const [winter, summer] = [Date.UTC(2024, 0, 19), Date.UTC(2024, 6, 19)];
    const doubled = Date.UTC(2024, 10, 3, 1);
    for (let file = 0; file < 3; file++) {
      const zone = await ZoneOffsets.of('America/Denver');
      for (let i = 0; i < 100; i++) {
        expect(zone.toUtc(winter + i, i)).toBe(winter + i + 7 * 3_600_000);
        expect(zone.toUtc(summer + i, i)).toBe(summer + i + 6 * 3_600_000);
        expect(zone.toUtc(doubled + i, i)).toBe(doubled + i + 6 * 3_600_000);
      }
      expect(zone.doubledRows).toHaveLength(100);
    }
    expect(lookUp).toHaveBeenCalledTimes(3);
    lookUp.mockRestore();
  });
});

function instantOf(
  localMs: number,
  zone: string,
  disambiguation: 'compatible' | 'earlier' | 'later',
): number {
  const local = Temporal.Instant.fromEpochMilliseconds(localMs).toZonedDateTimeISO('UTC').toPlainDateTime();
  return local.toZonedDateTime(zone, { disambiguation }).epochMilliseconds;
}

const shownAt = (utcMs: number, zone: string): number =>
  utcMs + Temporal.Instant.fromEpochMilliseconds(utcMs).toZonedDateTimeISO(zone).offsetNanoseconds / 1e6;
