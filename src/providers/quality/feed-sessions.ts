import { builtInCalendar } from '../../calendars/built-in-calendars.js';
import { TradingCalendar } from '../../calendars/trading-calendar.js';
import type { ProviderCapabilities } from '../../wire/provider-capabilities.js';

/**
 * The calendar of what a provider has: that of its asset classes, if all of them have the same. With several, nobody
 * knows which one a symbol is of.
 */
export function declaredCalendar({ assetClasses, calendars = {} }: ProviderCapabilities): string | undefined {
  const names = new Set(assetClasses.map((each) => calendars[each]));
  const [name] = names;
  return names.size === 1 ? name : undefined;
}

/** @returns `undefined` if there is no such calendar: a provider may name one that this release does not have. */
export async function calendarOf(name: string | undefined): Promise<TradingCalendar | undefined> {
  const data = name === undefined ? undefined : builtInCalendar(name);
  return data && TradingCalendar.of(data);
}
