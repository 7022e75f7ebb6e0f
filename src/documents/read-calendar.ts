import { builtInCalendar } from '../calendars/built-in-calendars.js';
import type { CalendarData, DateException, HolidayRule, HoursChange } from '../calendars/calendar-data.js';
import { calendarProblems } from '../calendars/calendar-problems.js';
import { dateText, parseDay } from '../calendars/civil-date.js';
import { type CalendarOptions, TradingCalendar } from '../calendars/trading-calendar.js';
import { formatProblem, InvalidOptionsError, PROBLEMS_MAX, type SpecProblem } from '../core/errors.js';
import type { CalendarFile } from '../settings/calendar-schema.js';
import { checkData } from '../settings/check-data.js';
import { findExcess } from '../settings/data-bounds.js';
import { jsonSchemaOf } from '../settings/json-schema-of.js';

/**
 * Reads a calendar of your own: a YAML or JSON file of at most 1 MiB, or data of the same form.
 * `docs/calendars.md` describes it. All of it is checked before anything is answered from it.
 *
 * @param from - The path of a file, or data.
 * @throws {InvalidOptionsError} naming what is wrong with it, of a file with line and column.
 */
export async function readCalendar(
  from: string | object,
  options?: CalendarOptions,
): Promise<TradingCalendar> {
  const read = typeof from === 'string' ? await readFile(from) : { value: from, locate: undefined };
  const { data, problems } = await checkCalendar(read.value);
  if (data) return TradingCalendar.of(data, options);
  throw refusal(typeof from === 'string' ? from : 'readCalendar', problems, read.locate);
}

type Locate = (path: SpecProblem['path']) => NonNullable<SpecProblem['at']>;

async function readFile(path: string): Promise<{ readonly value: unknown; readonly locate: Locate }> {
  // The reader of YAML is loaded for files alone.
  const { readDocumentFile } = await import('./document-file.js');
  const { wrongMapping } = await import('./wrong-file.js');
  const [file, ...more] = await readDocumentFile(path, 'calendar');
  const problems = [...file!.problems];
  if (more.length > 0) {
    const message = 'expected one document, found several';
    problems.push({ path: [], message, at: more[0]!.locate([]) });
  }
  const wrong = problems.length > 0 ? undefined : wrongMapping('calendar', file!.value as object);
  if (wrong !== undefined) problems.push({ path: [], message: wrong, at: file!.locate([]) });
  if (problems.length > 0) throw refusal(path, problems);
  return { value: file!.value, locate: (at) => file!.locate(at) };
}

interface Checked {
  readonly data: CalendarData | undefined;
  readonly problems: readonly SpecProblem[];
}

async function checkCalendar(value: unknown): Promise<Checked> {
  const excess = findExcess(value);
  if (excess) return { data: undefined, problems: [excess] };
  // It is made when it is needed: whoever imports `tickloom` would wait for it.
  const { CalendarFile } = await import('../settings/calendar-schema.js');
  const jsonSchema = () => jsonSchemaOf(CalendarFile);
  const { data: file, problems } = checkData(CalendarFile, value, { jsonSchema });
  if (!file) return { data: undefined, problems };
  const data = completed(file);
  const found = await calendarProblems(data);
  if (found.length === 0) return { data, problems: [] };
  return { data: undefined, problems: found.map((one) => ({ ...one, path: ownPath(one.path, file) })) };
}

/** The data of a file, with those of the calendar that it extends. */
function completed(file: CalendarFile): CalendarData {
  const { extends: base, ...own } = withoutUndefined(file);
  const built = base === undefined ? undefined : builtInCalendar(base);
  // A file has what it does not extend: the schema says so.
  if (!built) return { title: own.name, ...own } as CalendarData;
  const merged = { ...built, ...own } as CalendarData;
  const exceptions = (own.exceptions ?? []) as DateException[];
  return {
    ...merged,
    source: `${own.source}; ${built.source}`,
    hours: [...built.hours, ...((own.hours ?? []) as HoursChange[])],
    // The first rule of a day counts: that of the file.
    holidays: [...(own.holidays ?? []), ...(built.holidays ?? [])] as HolidayRule[],
    exceptions: [...exceptions, ...remainingExceptions(built.exceptions ?? [], exceptions, merged)],
  };
}

/** Of the exceptions that are built in, the dates in the range for which the file has none. */
function remainingExceptions(
  built: readonly DateException[],
  own: readonly DateException[],
  { from, to }: CalendarData,
): DateException[] {
  const taken = new Set(own.flatMap(datesOf));
  return built.flatMap((exception) => {
    const dates = datesOf(exception);
    const kept = dates.filter((date) => date >= from && date <= to && !taken.has(date));
    if (kept.length === dates.length) return [exception];
    const { until: _, ...one } = exception;
    return kept.map((date) => ({ ...one, date }));
  });
}

function datesOf({ date, until = date }: DateException): string[] {
  const [first, last] = [parseDay(date)!, parseDay(until)!];
  return Array.from({ length: last - first + 1 }, (_, i) => dateText(first + i));
}

/** Where a problem is in the file: what is built in stands behind the holidays and exceptions of the file. */
function ownPath(path: SpecProblem['path'], file: CalendarFile): SpecProblem['path'] {
  const [list, index] = path;
  if (list !== 'holidays' && list !== 'exceptions') return path;
  return typeof index === 'number' && index >= (file[list]?.length ?? 0) ? [list] : path;
}

/** An option that was left out is not there, at any depth. */
const withoutUndefined = (file: CalendarFile): CalendarFile =>
  JSON.parse(JSON.stringify(file)) as CalendarFile;

function refusal(title: string, problems: readonly SpecProblem[], locate?: Locate): InvalidOptionsError {
  // To find a place takes a while, and no more problems are shown.
  const located = problems.map((one, i) =>
    locate && !one.at && i < PROBLEMS_MAX ? { ...one, at: locate(one.path) } : one,
  );
  return new InvalidOptionsError(title, located.map(formatProblem));
}
