import { builtInCalendar } from '../../calendars/built-in-calendars.js';
import type { CalendarData } from '../../calendars/calendar-data.js';
import { calendarDataOf } from '../../calendars/named-calendar.js';
import type { ProviderCapabilities } from '../../wire/provider-capabilities.js';

/**
 * The calendar of a stream: the one that its options name, else that of what the provider has.
 *
 * @param files - The calendars that options name by their files.
 * @returns `undefined` if nobody knows: a provider may name one that this release does not have.
 */
export function calendarOfFeed(
  named: string | undefined,
  capabilities: ProviderCapabilities,
  files: Readonly<Record<string, CalendarData>> | undefined,
): CalendarData | undefined {
  if (named !== undefined) return calendarDataOf(named, files);
  const declared = declaredCalendar(capabilities);
  return declared === undefined ? undefined : builtInCalendar(declared);
}

/**
 * The calendar of what a provider has: that of its asset classes, if all of them have the same. With several, nobody
 * knows which one a symbol is of.
 */
function declaredCalendar({ assetClasses, calendars = {} }: ProviderCapabilities): string | undefined {
  const names = new Set(assetClasses.map((each) => calendars[each]));
  const [name] = names;
  return names.size === 1 ? name : undefined;
}
