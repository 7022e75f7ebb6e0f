import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { InvalidOptionsError } from '../core/errors.js';
import { fileKind } from '../core/file-kind.js';
import { quoted } from '../core/shown-text.js';
import type { CalendarPlace } from '../settings/calendar-option.js';
import type { StageCalendar } from '../wire/resolved-spec.js';
import type { Path } from '../wire/stage-tree.js';
import type { CalendarRead, StageCheck } from './stage-check.js';

/** Most files of calendars that a spec may name. Each may be a megabyte, and goes to the thread. */
const FILES_MAX = 50;

/**
 * Reads the calendars that the options of a stage name by their files. A file that several stages name is read
 * once, so that all of them go by the same dates.
 *
 * @param path - Of the stage.
 * @returns `undefined` if one of them cannot be used.
 */
export async function readCalendars(
  check: StageCheck,
  places: readonly CalendarPlace[],
  path: Path,
): Promise<readonly StageCalendar[] | undefined> {
  const found: StageCalendar[] = [];
  for (const place of places) {
    const read = await readOnce(check, place.path);
    for (const message of read.problems) {
      check.problems.push({ path: [...path, ...place.at], message });
    }
    if (read.data) found.push({ ...place, data: read.data });
  }
  return found.length === places.length ? found : undefined;
}

function readOnce({ calendars }: StageCheck, path: string): Promise<CalendarRead> {
  const file = resolve(path); // `./a.yaml` and `a.yaml` are one file
  const known = calendars.get(file);
  if (known) return known;
  if (calendars.size >= FILES_MAX) {
    return Promise.resolve({
      problems: [`expected at most ${FILES_MAX} files of calendars in a spec, found more`],
    });
  }
  const reading = readCalendarFile(path);
  calendars.set(file, reading);
  return reading;
}

/** Reads the file of a calendar that options name by its path. */
export async function readCalendarFile(path: string): Promise<CalendarRead> {
  // Nobody waits for the writer of a pipe when a spec is checked. What else is wrong with the path, the reader says.
  const there = await stat(path).catch((error: NodeJS.ErrnoException) =>
    error.code === 'ENOENT' ? null : undefined,
  );
  if (there === null) {
    return {
      problems: [`expected the file of a calendar, found none at ${quoted(path)} (from ${process.cwd()})`],
    };
  }
  if (there && !there.isFile()) {
    return { problems: [`expected the file of a calendar, found ${fileKind(there)} at ${quoted(path)}`] };
  }
  // Most specs name no file, and the reader of YAML takes its time to load.
  const { readCalendar } = await import('../documents/read-calendar.js');
  try {
    return { data: (await readCalendar(path)).data, problems: [] };
  } catch (error) {
    if (!(error instanceof InvalidOptionsError)) throw error;
    return { problems: error.problems.map((problem) => `the calendar is not usable: ${problem}`) };
  }
}
