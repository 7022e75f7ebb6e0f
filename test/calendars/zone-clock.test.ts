import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { beforeAll, describe, expect, it } from 'vitest';
import { ZoneClock } from '../../src/calendars/zone-clock.js';

const ZONES = ['America/New_York', 'Europe/London', 'Australia/Lord_Howe', 'Africa/Casablanca', 'Asia/Tokyo'];
const clocks = new Map<string, ZoneClock>();
beforeAll(async () => {
  for (const zone of ZONES) clocks.set(zone, await ZoneClock.of(zone));
});

const wall = (text: string) => Date.parse(`${text}Z`);
const instants = fc.integer({ min: wall('2000-01-01T00:00'), max: wall('2060-01-01T00:00') });

describe("a zone's clock", () => {
  it('shows the time that Temporal shows', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), instants, (zone, utcMs) => {
        const local = Temporal.Instant.fromEpochMilliseconds(utcMs).toZonedDateTimeISO(zone);
        expect(clocks.get(zone)!.toLocal(utcMs)).toBe(utcMs + local.offsetNanoseconds / 1e6);
      }),
    );
  });

  it('finds the instant of a time that is shown once, and the first one of a time that is shown twice', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ZONES), instants, (zone, localMs) => {
        const local = Temporal.Instant.fromEpochMilliseconds(localMs)
          .toZonedDateTimeISO('UTC')
          .toPlainDateTime();
        const first = local.toZonedDateTime(zone, { disambiguation: 'earlier' });
        const isSkipped = !first.toPlainDateTime().equals(local);
        if (!isSkipped) expect(clocks.get(zone)!.toUtc(localMs)).toBe(first.epochMilliseconds);
      }),
    );
  });

  it('takes a time that is skipped as the instant of the change', () => {
    const newYork = clocks.get('America/New_York')!;
    for (const skipped of ['2026-03-08T02:00', '2026-03-08T02:30', '2026-03-08T02:59']) {
      expect(newYork.toUtc(wall(skipped))).toBe(wall('2026-03-08T07:00'));
    }
    expect(newYork.toUtc(wall('2026-03-08T03:00'))).toBe(wall('2026-03-08T07:00'));
  });

  it('never takes a later time for an earlier instant', () => {
    const near = fc.constantFrom(...ZONES).chain((zone) =>
      fc.record({
        zone: fc.constant(zone),
        // Half of them around a change of the offset.
        at: fc.oneof(
          instants,
          instants.map(
            (utcMs) =>
              Temporal.Instant.fromEpochMilliseconds(utcMs)
                .toZonedDateTimeISO(zone)
                .getTimeZoneTransition('next')?.epochMilliseconds ?? utcMs,
          ),
        ),
        by: fc.integer({ min: -86_400_000, max: 86_400_000 }),
        later: fc.nat({ max: 10_800_000 }),
      }),
    );
    fc.assert(
      fc.property(near, ({ zone, at, by, later }) => {
        const clock = clocks.get(zone)!;
        expect(clock.toUtc(at + by + later)).toBeGreaterThanOrEqual(clock.toUtc(at + by));
      }),
    );
  });

  it('has fixed offsets', async () => {
    const clock = await ZoneClock.of('-05:30');
    expect(clock.toUtc(0)).toBe(5.5 * 3_600_000);
    expect(clock.toLocal(5.5 * 3_600_000)).toBe(0);
  });
});
