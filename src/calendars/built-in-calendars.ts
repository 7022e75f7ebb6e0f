import { InvalidOptionsError } from '../core/errors.js';
import { suggestName } from '../core/nearest-name.js';
import { describeValue, quoted } from '../core/shown-text.js';
import type { CalendarData } from './calendar-data.js';
import { ALWAYS_OPEN, FX_WEEK } from './data/always.js';
import { CME_CRYPTO } from './data/cme-crypto.js';
import { CME_ENERGY } from './data/cme-energy.js';
import { CME_EQUITY, CME_FX, CME_RATES } from './data/cme-financial.js';
import { LONDON } from './data/london.js';
import { US_EQUITIES } from './data/us-equities.js';
import { type CalendarOptions, TradingCalendar } from './trading-calendar.js';

const BUILT_IN: readonly CalendarData[] = [
  US_EQUITIES,
  LONDON,
  CME_EQUITY,
  CME_RATES,
  CME_FX,
  CME_ENERGY,
  CME_CRYPTO,
  FX_WEEK,
  ALWAYS_OPEN,
];

/** Further names of the same hours. */
const ALIASES: Readonly<Record<string, string>> = { XNAS: 'XNYS', 'CME.metals': 'CME.energy' };

const BY_NAME: ReadonlyMap<string, CalendarData> = new Map([
  ...BUILT_IN.map((data) => [data.name, data] as const),
  ...Object.entries(ALIASES).map(([alias, name]) => {
    const data = BUILT_IN.find((each) => each.name === name)!;
    return [alias, { ...data, name: alias }] as const;
  }),
]);

/** The names of the calendars that come with Tickloom. */
export const calendarNames = (): string[] => [...BY_NAME.keys()];

/**
 * The data of a calendar that comes with Tickloom; `undefined` if there is none of that name. All calendars of
 * that name share it: it may not be changed.
 */
export const builtInCalendar = (name: string): CalendarData | undefined => BY_NAME.get(name);

/**
 * A calendar that comes with Tickloom, such as `XNYS`, `CME.equity`, `FX` or `24/7`. Each call makes a new one.
 *
 * @throws {InvalidOptionsError} if there is none of that name; the message lists those that there are.
 */
export async function tradingCalendar(name: string, options?: CalendarOptions): Promise<TradingCalendar> {
  const data = BY_NAME.get(name);
  if (data) return TradingCalendar.of(data, options);
  const found = typeof name === 'string' ? quoted(name) : describeValue(name);
  const hint = typeof name === 'string' ? suggestName(name, calendarNames()) : '';
  throw new InvalidOptionsError('tradingCalendar', [
    `expected the name of a calendar, found ${found}${hint}`,
  ]);
}
