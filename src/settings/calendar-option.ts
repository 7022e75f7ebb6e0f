import { z } from 'zod';
import { calendarNameProblem, isCalendarFile } from '../calendars/named-calendar.js';
import { CALENDAR_MARK } from './calendar-mark.js';
import { type JsonNode, markedOptions, type OptionPath } from './marked-options.js';

/**
 * An option that names a calendar: one that is built in, or the path of a file. The file is read when the spec is
 * checked, and what is in it goes with the spec; a stage opens it with `openNamedCalendar`.
 */
export const calendarOption = () =>
  z
    .string({ error: ({ input }) => calendarNameProblem(input)! })
    .refine((name) => calendarNameProblem(name) === undefined, {
      error: ({ input }) => calendarNameProblem(input)!,
    })
    .meta({ [CALENDAR_MARK]: true });

/** A file of a calendar among the options of a stage. */
export interface CalendarPlace {
  readonly path: string;
  readonly at: OptionPath;
}

/**
 * Returns the files of calendars among the options of a stage.
 *
 * @param jsonSchema - Of its options.
 */
export function calendarPlaces(
  jsonSchema: Readonly<Record<string, unknown>>,
  options: unknown,
): CalendarPlace[] {
  return markedOptions(jsonSchema, options, namesCalendar).flatMap(({ path: at, value }) => {
    const isFile = typeof value === 'string' && isCalendarFile(value) && !calendarNameProblem(value);
    return isFile ? [{ path: value, at }] : [];
  });
}

const namesCalendar = (node: JsonNode & { readonly [CALENDAR_MARK]?: unknown }): boolean =>
  node[CALENDAR_MARK] === true;
