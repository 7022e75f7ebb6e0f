import { type Nanos, nanos } from '../core/units.js';

const ISO =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?\s*(Z|z|[+-]\d\d:?\d\d)?$/;

/** The 64 bits of a timestamp hold the instants from 1677-09-21 to 2262-04-11. */
const INT64_MAX = 2n ** 63n - 1n;

/**
 * Parses an ISO 8601 instant to the nanosecond. An instant without an offset is refused, rather than
 * read as UTC or in the time zone of the machine: a silent shift by hours would be worse.
 *
 * @returns The instant, or a text that says what was expected.
 */
export function parseInstant(text: string): Nanos | string {
  const match = ISO.exec(text.trim());
  if (!match) return 'an instant such as "2024-03-01T09:30:00.000Z"';
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', offset] = match;
  if (offset === undefined || match[4] === undefined) {
    return 'an instant with a time and an offset ("Z" for UTC), such as "2024-03-01T00:00:00Z"';
  }
  const ms = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  const date = new Date(ms);
  // Date.UTC turns the 30th of February into a day in March.
  const isReal =
    date.getUTCMonth() === Number(month) - 1 &&
    date.getUTCDate() === Number(day) &&
    Number(hour) < 24 &&
    Number(minute) < 60 &&
    Number(second) < 60;
  if (!isReal || Number(year) < 100) return 'an instant that the calendar has';
  const offsetMinutes = minutesOf(offset);
  if (offsetMinutes === undefined) return 'an offset from -18:00 to +18:00';
  const instant = BigInt(ms - offsetMinutes * 60_000) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
  if (instant > INT64_MAX || instant < -INT64_MAX) return 'an instant between the years 1678 and 2261';
  return nanos(instant);
}

function minutesOf(offset: string): number | undefined {
  if (offset.toUpperCase() === 'Z') return 0;
  const hours = Number(offset.slice(1, 3));
  const minutes = Number(offset.slice(-2));
  if (hours > 18 || minutes > 59) return undefined;
  return (offset[0] === '-' ? -1 : 1) * (hours * 60 + minutes);
}
