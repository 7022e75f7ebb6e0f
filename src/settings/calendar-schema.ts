import { z } from 'zod';
import { builtInCalendar, calendarNames } from '../calendars/built-in-calendars.js';
import type { DateException, HolidayRule } from '../calendars/calendar-data.js';
import { parseDay } from '../calendars/civil-date.js';
import { holidayIn, prepareRule } from '../calendars/holiday-dates.js';
import { parseWallTime, parseWeekdays } from '../calendars/wall-time.js';
import { isZone } from '../core/time-zone.js';

const NAME_CHARS_MAX = 200;
/** Each day of an exception is kept. */
const DAYS_IN_A_ROW_MAX = 100;

const text = (what: string, max = NAME_CHARS_MAX) => {
  const expected = `expected ${what}, a text of 1 to ${max} characters`;
  return z.string(expected).min(1, expected).max(max, expected);
};

const DATE = 'expected a date such as 2026-11-27';
/** Outside of these years, no zone has rules to speak of. */
const YEARS_FROM = '1800';
const YEARS_TO = '2300';
const isDate = (text: string) => parseDay(text) !== undefined && text >= YEARS_FROM && text < YEARS_TO;
const date = z.string(DATE).refine(isDate, DATE);

const TIME = 'expected a time such as "09:30", "24:00" or "-1d 17:00"';
const time = z.string(TIME).refine((value) => parseWallTime(value) !== undefined, TIME);

const WEEKDAYS = 'expected days such as mon, mon-fri or [mon, wed]';
const weekdays = z
  .union([z.string(WEEKDAYS), z.array(z.string(WEEKDAYS)).max(7, WEEKDAYS)], WEEKDAYS)
  .refine((value) => parseWeekdays(value) !== undefined, WEEKDAYS);

const whole = (min: number, max: number) => {
  const expected = `expected a whole number from ${min} to ${max}`;
  return z.int(expected).min(min, expected).max(max, expected);
};

const hoursShape = {
  kind: z
    .enum(['pre', 'regular', 'post', 'unknown'])
    .optional()
    .describe('`regular` by default; `unknown` where nobody can tell whether the market is open'),
  from: time.describe(
    'First time, on the clock of the zone; `-1d 17:00` is the evening before the trade date',
  ),
  to: time.describe('First time after the hours'),
};
type Hours = { readonly from: string; readonly to: string };

function checkOrder({ from, to }: Hours, context: z.RefinementCtx): void {
  const [begin, end] = [parseWallTime(from), parseWallTime(to)];
  if (begin === undefined || end === undefined || begin < end) return;
  const message = `expected a time after "${from}" (with +1d in front for the next day), found "${to}"`;
  context.addIssue({ code: 'custom', path: ['to'], message });
}

const openHours = z.strictObject(hoursShape).superRefine(checkOrder);
const weeklySession = z
  .strictObject({ days: weekdays.describe('Days of the week of the trade date'), ...hoursShape })
  .superRefine(checkOrder);

const list = <T extends z.ZodType>(item: T, what: string, max: number) =>
  z.array(item, `expected a list of ${what}`).max(max, `expected at most ${max} ${what}`);

const effectShape = {
  close: time.optional().describe('Trading ends at this time'),
  postUntil: time.optional().describe('The hours after trading then end at this time, where there are any'),
  open: time.optional().describe('Trading begins at this time'),
  hours: list(openHours, 'hours', 50).optional().describe('All hours of the day, in place of the usual ones'),
  tradeDate: z
    .literal('next', 'expected next')
    .optional()
    .describe('`next`: the trades of the day belong to the next trade date'),
};
type Effect = {
  readonly close?: string | undefined;
  readonly open?: string | undefined;
  readonly postUntil?: string | undefined;
  readonly hours?: readonly Hours[] | undefined;
};

function checkEffect({ close, open, postUntil, hours }: Effect, context: z.RefinementCtx): void {
  const refuse = (key: keyof Effect, message: string) =>
    context.addIssue({ code: 'custom', path: [key], message });
  if (hours !== undefined && (close ?? open) !== undefined) {
    refuse('hours', 'expected either all hours of the day or "open" and "close", found both');
  }
  if (postUntil !== undefined && close === undefined) {
    refuse('postUntil', 'expected "close" beside it, found none');
  }
  if (postUntil !== undefined && close !== undefined && parseWallTime(postUntil)! <= parseWallTime(close)!) {
    refuse('postUntil', `expected a time after "${close}", found "${postUntil}"`);
  }
  if (open !== undefined && close !== undefined && parseWallTime(open)! >= parseWallTime(close)!) {
    refuse('close', `expected a time after "${open}", found "${close}"`);
  }
}

const EFFECTS = ['close', 'postUntil', 'open', 'hours', 'tradeDate'] as const;

const NTH = 'expected 1 to 5, or -1 for the last one';
const FORMS = ['month day', 'month weekday nth', 'easter'];
const EXPECTED_FORM = 'expected "month" and "day", "month", "weekday" and "nth", or "easter"';

const holiday = z
  .strictObject({
    name: text('a name'),
    month: whole(1, 12).optional(),
    day: whole(1, 31).optional(),
    weekday: z.enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']).optional(),
    nth: z
      .int(NTH)
      .refine((nth) => nth === -1 || (nth >= 1 && nth <= 5), NTH)
      .optional()
      .describe('Which one of the month; -1 is the last'),
    easter: whole(-100, 100).optional().describe('Days from Easter Sunday: -2 is Good Friday'),
    plusDays: whole(-300, 300).optional().describe('So many days later'),
    observed: z
      .enum(['nearest-weekday', 'sunday-to-monday', 'weekend-to-monday', 'weekend-to-friday'])
      .optional()
      .describe('Where it goes from a weekend'),
    weekdays: weekdays.optional().describe('Only on these days of the week'),
    from: date.optional().describe('First date of the rule'),
    to: date.optional().describe('Last date of the rule'),
    exceptYears: list(whole(1, 9_999), 'years', 200).optional().describe('Not in these years'),
    ...effectShape,
  })
  .superRefine((rule, context) => {
    const given = (['month', 'day', 'weekday', 'nth', 'easter'] as const).filter(
      (key) => rule[key] !== undefined,
    );
    if (!FORMS.includes(given.join(' '))) {
      const found = given.length === 0 ? 'none of these' : given.join(', ');
      context.addIssue({ code: 'custom', message: `${EXPECTED_FORM}, found ${found}` });
    }
    checkEffect(rule, context);
    if (context.issues.length === 0 && !falls(rule as HolidayRule)) {
      const message = 'expected a rule that falls on some date, found none';
      context.addIssue({ code: 'custom', message });
    }
  });

/** Whether a rule falls on any date of the years that a calendar may have. */
function falls(rule: HolidayRule): boolean {
  const prepared = prepareRule(rule);
  const first = Number((rule.from ?? YEARS_FROM).slice(0, 4)) - 1; // it may be observed in the next year
  const last = Number((rule.to ?? YEARS_TO).slice(0, 4)) + 1;
  for (let year = first; year <= last; year++) if (holidayIn(year, prepared) !== undefined) return true;
  return false;
}

const exception = z
  .strictObject({
    name: text('a name'),
    date,
    until: date.optional().describe('Of several dates in a row, the last one'),
    usual: z
      .literal(true, 'expected true')
      .optional()
      .describe('A usual day, whatever the yearly holidays say'),
    ...effectShape,
  })
  .superRefine((one, context) => {
    const days = parseDay(one.until ?? one.date)! - parseDay(one.date)!;
    if (days < 0 || days > DAYS_IN_A_ROW_MAX) {
      const message = `expected a date at most ${DAYS_IN_A_ROW_MAX} days after ${one.date}, found ${one.until}`;
      context.addIssue({ code: 'custom', path: ['until'], message });
    }
    checkEffect(one, context);
    const changes = EFFECTS.filter((key) => one[key] !== undefined);
    if (one.usual && changes.length > 0) {
      const message = `expected nothing beside it that changes the day, found ${changes.join(', ')}`;
      context.addIssue({ code: 'custom', path: ['usual'], message });
    }
  });

/** Of two exceptions for a date, nobody could tell which one is meant. */
function checkDistinct(exceptions: readonly DateException[], context: z.RefinementCtx): void {
  const inOrder = exceptions
    .map(({ name, date, until = date }, index) => ({ name, date, until, index }))
    .sort((a, b) => (a.date < b.date ? -1 : Number(a.date > b.date)));
  let [latest] = inOrder;
  for (const one of inOrder.slice(1)) {
    if (one.date <= latest!.until) {
      const message = `expected one exception for ${one.date}, found another one: "${latest!.name}"`;
      context.addIssue({ code: 'custom', path: ['exceptions', one.index, 'date'], message });
    }
    if (one.until > latest!.until) latest = one;
  }
}

const ZONE = 'expected a time zone such as America/New_York, UTC or -05:00';

/** A calendar as a file has it: `CalendarData`, or what is different from a calendar that is built in. */
export const CalendarFile = z
  .strictObject({
    name: text('a name'),
    title: text('which market it is of').optional(),
    source: text('where its dates come from', 2_000).describe('Where the dates and hours come from'),
    extends: z
      .string('expected the name of a calendar')
      .refine((name) => builtInCalendar(name) !== undefined, {
        error: () => `expected one of ${calendarNames().join(', ')}`,
      })
      .optional()
      .describe('A calendar that is built in, to which the file adds'),
    zone: z.string(ZONE).refine(isZone, ZONE).optional(),
    from: date.optional().describe('First trade date that it knows'),
    to: date.optional().describe('Last trade date that it knows'),
    extendedFrom: date.optional().describe('First trade date whose hours before and after are known'),
    hours: list(
      z.strictObject({
        from: date.describe('First trade date of these hours'),
        sessions: list(weeklySession, 'sessions', 30),
      }),
      'changes of hours',
      100,
    ).optional(),
    holidays: list(holiday, 'holidays', 200).optional(),
    exceptions: list(exception, 'exceptions', 5_000).optional(),
  })
  .superRefine((file, context) => {
    const { to, extendedFrom } = file;
    if (context.issues.length === 0) checkDistinct((file.exceptions ?? []) as DateException[], context);
    if (to !== undefined && extendedFrom !== undefined && extendedFrom > to) {
      const message = `expected a date to ${to}, found ${extendedFrom}`;
      context.addIssue({ code: 'custom', path: ['extendedFrom'], message });
    }
    if (file.extends !== undefined) {
      if (file.zone === undefined) return;
      const message = `expected none beside "extends": it is that of ${file.extends}, found one`;
      context.addIssue({ code: 'custom', path: ['zone'], message });
      return;
    }
    for (const key of ['zone', 'from', 'to', 'hours'] as const) {
      if (file[key] !== undefined) continue;
      const message = `expected ${KEYS[key]}, or "extends" with the name of a calendar that has it`;
      context.addIssue({ code: 'custom', path: [key], message });
    }
  });
export type CalendarFile = z.output<typeof CalendarFile>;

const KEYS = {
  zone: 'a time zone',
  from: 'the first date that the calendar knows',
  to: 'the last date that the calendar knows',
  hours: 'the hours of a week',
} as const;
