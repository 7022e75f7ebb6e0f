import type { Temporal } from 'temporal-polyfill';
import { fixedOffsetMs } from '../core/time-zone.js';
import { type Nanos, nanos } from '../core/units.js';

/** Times on the clock of a zone, as people read and write them. */
export interface WallClock {
  /** ISO 8601 with the offset: `2026-11-27T13:00:00-05:00`. */
  format(instant: Nanos): string;
  /** `09:30`, with `-1d ` or `+1d ` in front if it is on another day. */
  onDay(instant: Nanos, date: string): string;
  /**
   * Reads ISO 8601: with an offset or a zone in brackets as it says, without them as a time of this zone.
   * `undefined` if the text is none.
   */
  parse(text: string): Nanos | undefined;
}

/** @param zone - A zone for which `isZone` is true. */
export async function wallClockOf(zone: string): Promise<WallClock> {
  const { Temporal } = await import('temporal-polyfill');
  const id = fixedOffsetMs(zone) === 0 ? 'UTC' : zone; // Temporal knows no zone "Z"
  /** A plain time drops an offset and an annotation, so it is taken only for a text without them. */
  const timeOf = (text: string): Temporal.Instant | Temporal.ZonedDateTime => {
    if (text.includes('[')) return Temporal.ZonedDateTime.from(text); // refuses an offset that its zone has not
    if (/[T ].*[+\-Z]/i.test(text)) return Temporal.Instant.from(text);
    return Temporal.PlainDateTime.from(text).toZonedDateTime(id);
  };
  const local = (instant: Nanos) => new Temporal.ZonedDateTime(instant, id);
  return {
    format: (instant) => local(instant).toString({ timeZoneName: 'never' }),
    onDay(instant, date) {
      const at = local(instant);
      const { days } = at.toPlainDate().since(Temporal.PlainDate.from(date), { largestUnit: 'days' });
      const smallestUnit = at.second === 0 ? 'minute' : 'second';
      const day = days === 0 ? '' : `${days > 0 ? '+' : ''}${days}d `;
      return `${day}${at.toPlainTime().toString({ smallestUnit })}`;
    },
    parse(text) {
      try {
        const at = timeOf(text);
        return nanos(at.epochNanoseconds);
      } catch {
        return undefined; // a RangeError
      }
    },
  };
}
