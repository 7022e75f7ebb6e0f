import { InvalidOptionsError } from '../core/errors.js';
import { nearestName } from '../core/nearest-name.js';
import { describeValue, quoted } from '../core/shown-text.js';
import { builtInCalendar, calendarNames } from './built-in-calendars.js';
import type { CalendarData } from './calendar-data.js';
import { type CalendarOptions, TradingCalendar } from './trading-calendar.js';

const PATH_CHARS_MAX = 4_096;

/** What has a separator or the ending of a document is a path. A name goes before it: `24/7` is one. */
const LOOKS_LIKE_PATH = /[/\\]|\.(ya?ml|json)$/i;

/** Whether a text names a calendar by its file, not one that is built in. */
export const isCalendarFile = (text: string): boolean =>
  builtInCalendar(text) === undefined && LOOKS_LIKE_PATH.test(text);

/** Says what is wrong with a value that should name a calendar, built in or by its file; `undefined` if nothing is. */
export function calendarNameProblem(value: unknown): string | undefined {
  const expected = `expected a calendar: ${calendarNames().join(', ')}, or the path of a file, such as "calendars/xtks.yaml"`;
  if (typeof value !== 'string') return `${expected}, found ${describeValue(value)}`;
  if (builtInCalendar(value)) return undefined;
  if (isCalendarFile(value) && value.length <= PATH_CHARS_MAX && !value.includes('\0')) return undefined;
  const near = nearestName(value, calendarNames());
  return `${expected}, found ${quoted(value)}${near === undefined ? '' : ` (did you mean "${near}"?)`}`;
}

/**
 * The data of a calendar by what options call it.
 *
 * @param files - The data of those that are files, by their paths as the options have them.
 * @returns `undefined` if there is none of that name.
 */
export const calendarDataOf = (
  name: string,
  files: Readonly<Record<string, CalendarData>> = {},
): CalendarData | undefined => (Object.hasOwn(files, name) ? files[name] : builtInCalendar(name));

/**
 * Opens a calendar by what options call it.
 *
 * @param files - As of `calendarDataOf`.
 * @throws {InvalidOptionsError} for a file that is not among them: only options of a spec have theirs read.
 */
export async function openNamedCalendar(
  name: string,
  files?: Readonly<Record<string, CalendarData>>,
  options?: CalendarOptions,
): Promise<TradingCalendar> {
  const data = calendarDataOf(name, files);
  if (data) return TradingCalendar.of(data, options);
  const message = `expected a calendar that is built in, or was read when the spec was checked, found ${quoted(name)}`;
  throw new InvalidOptionsError('calendar', [message]);
}
