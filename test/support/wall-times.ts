import { Temporal } from 'temporal-polyfill';
import { type Nanos, nanos } from '../../src/core/units.js';

/** The instant of a time on the wall of a zone, such as `2026-01-19T12:00`. Of a doubled time, the first. */
export const instantAt =
  (zone: string) =>
  (local: string): Nanos =>
    nanos(Temporal.PlainDateTime.from(local).toZonedDateTime(zone).epochNanoseconds);

export const utc = instantAt('UTC');

/** An instant as a time on the wall, to compare with what people read in a notice. */
export function wallTime(zone: string, instant: Nanos | undefined): string | undefined {
  if (instant === undefined) return undefined;
  const local = new Temporal.ZonedDateTime(instant, zone);
  return local.toPlainDateTime().toString({ smallestUnit: local.second === 0 ? 'minute' : 'second' });
}
