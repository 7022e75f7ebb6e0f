import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { calendarNames, tradingCalendar } from '../../src/calendars/built-in-calendars.js';
import { calendarProblems } from '../../src/calendars/calendar-problems.js';
import type { ClosedState } from '../../src/calendars/market-state.js';
import { InvalidOptionsError } from '../../src/core/errors.js';
import { readCalendar } from '../../src/documents/read-calendar.js';
import { CalendarFile } from '../../src/settings/calendar-schema.js';
import { scratchFolder } from '../support/recorded-data.js';
import { instantAt, wallTime } from '../support/wall-times.js';

const SCRATCH = scratchFolder();
afterAll(SCRATCH.remove);

const TOKYO = `
name: XTKS
title: shares on the Tokyo Stock Exchange
zone: Asia/Tokyo
from: 2024-01-01
to: 2026-12-31
source: the exchange's list of business days, and its notice on the close at 15:30
hours:
  - from: 2024-01-01
    sessions:
      - { days: mon-fri, from: 09:00, to: 11:30 }
      - { days: mon-fri, from: 12:30, to: 15:00 }
  - from: 2024-11-05
    sessions:
      - { days: mon-fri, from: 09:00, to: 11:30 }
      - { days: mon-fri, from: 12:30, to: 15:30 }
holidays:
  - { name: New Year, month: 1, day: 1 }
  - { name: Coming of Age Day, month: 1, weekday: mon, nth: 2 }
exceptions:
  - { name: Bank holidays, date: 2026-01-02, until: 2026-01-03 }
`;
let files = 0;
const fileOf = (text: string) => SCRATCH.write(`calendar-${files++}.yaml`, text);

const tokyo = instantAt('Asia/Tokyo');

/** What is wrong with a calendar, line by line. */
async function problemsOf(value: unknown): Promise<readonly string[]> {
  try {
    await readCalendar(value as object);
    return [];
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.problems;
    throw error;
  }
}

describe("a calendar of one's own", () => {
  it('is read from a file', async () => {
    const calendar = await readCalendar(fileOf(TOKYO));
    expect([calendar.name, calendar.from, calendar.to]).toEqual(['XTKS', '2024-01-01', '2026-12-31']);
    expect(calendar.at(tokyo('2026-11-30T12:00'))).toMatchObject({ state: 'closed', reason: 'break' });
    expect(wallTime('Asia/Tokyo', calendar.nextClose(tokyo('2024-11-01T13:00')))).toBe('2024-11-01T15:00');
    expect(wallTime('Asia/Tokyo', calendar.nextClose(tokyo('2024-11-05T13:00')))).toBe('2024-11-05T15:30');
    expect(calendar.session('2026-01-12')).toBeUndefined();
    expect(calendar.at(tokyo('2026-01-02T10:00'))).toMatchObject({
      reason: 'closure',
      what: 'Bank holidays',
    });
    expect(calendar.isOpen(tokyo('2027-01-05T10:00'))).toBeUndefined();
  });

  it('is read from data, and from JSON', async () => {
    const { data } = await readCalendar(fileOf(TOKYO));
    const fromData = await readCalendar(data);
    const fromJson = await readCalendar(fileOf(JSON.stringify(data)));
    expect([fromData.data, fromJson.data]).toEqual([data, data]);
  });

  it('may add to one that is built in, and goes before it', async () => {
    const calendar = await readCalendar({
      name: 'XNYS, ours',
      extends: 'XNYS',
      source: 'a notice of 2026-12-01',
      exceptions: [
        { name: 'Day of mourning', date: '2026-12-09' },
        { name: 'Open after all', date: '2026-12-25', usual: true },
      ],
      holidays: [{ name: 'Christmas Eve', month: 12, day: 24, close: '12:00' }],
    });
    const newYork = instantAt('America/New_York');
    expect(calendar.at(newYork('2026-12-09T12:00'))).toMatchObject({ what: 'Day of mourning' });
    expect(calendar.session('2026-12-24')!.close).toBe(newYork('2026-12-24T12:00'));
    expect(calendar.session('2026-12-25')).toMatchObject({ isShort: false });
    expect(calendar.session('2001-09-11')).toBeUndefined();
    expect(calendar.data.source).toMatch(/^a notice of 2026-12-01; NYSE Rules/);
    expect([calendar.from, calendar.to]).toEqual(['2000-01-01', '2028-12-31']);
  });

  it('takes single dates from several days in a row that are built in', async () => {
    const own = { name: 'ours', extends: 'XNYS', source: 'ours' };
    const calendar = await readCalendar({
      ...own,
      exceptions: [{ name: 'Open after all', date: '2001-09-13', usual: true }],
    });
    const dates = [...calendar.sessions('2001-09-10', '2001-09-17')].map(({ date }) => date);
    expect(dates).toEqual(['2001-09-10', '2001-09-13', '2001-09-17']);
    // Its data are a calendar of one's own again.
    const again = await readCalendar(calendar.data);
    expect([...again.sessions(again.from, again.to)]).toEqual([
      ...calendar.sessions(calendar.from, calendar.to),
    ]);
    const late = await readCalendar({ ...own, from: '2015-01-01' });
    expect((await readCalendar(late.data)).data).toEqual(late.data);
  });

  it('may have longer hours on a date, which is no short day then', async () => {
    const calendar = await readCalendar({
      name: 'ours',
      extends: 'XNYS',
      source: 'ours',
      exceptions: [{ name: 'Long day', date: '2026-03-02', hours: [{ from: '09:00', to: '18:00' }] }],
    });
    expect(calendar.session('2026-03-02')).toMatchObject({ isShort: false });
    const evening = instantAt('America/New_York')('2026-03-02T19:00');
    expect(calendar.at(evening)).toMatchObject({ reason: 'overnight' });
  });

  it('is refused where what is built in no longer fits its hours', async () => {
    const sessions = [{ days: 'mon-fri', from: '09:30', to: '12:30' }];
    const own = { name: 'ours', extends: 'XNYS', source: 'ours', hours: [{ from: '2027-01-01', sessions }] };
    expect((await problemsOf(own))[0]).toMatch(
      /^holidays: expected a time before the usual close, 12:30 on 2027-11-26 \("Day after Thanksgiving"\), found 13:00/,
    );
  });

  it('may know fewer dates than one that is built in', async () => {
    const own = {
      name: 'XNYS of ten years',
      extends: 'XNYS',
      source: 'ours',
      from: '2015-01-01',
      to: '2024-12-31',
    };
    for (const hours of ['regular', 'extended'] as const) {
      const calendar = await readCalendar(own, { hours });
      expect([calendar.from, calendar.to]).toEqual(['2015-01-01', '2024-12-31']);
    }
    const early = { ...own, from: '2000-01-01', to: '2005-12-31' };
    expect((await readCalendar(early)).session('2003-06-02')).toMatchObject({ isShort: false });
    await expect(readCalendar(early, { hours: 'extended' })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      problems: [
        'hours: expected regular: "XNYS of ten years" knows the hours before and after from 2010-01-01 on, and its range ends with 2005-12-31, found extended',
      ],
    });
  });

  it('may go on after the range of one that is built in', async () => {
    const own = { name: 'CME.fx, 2027', extends: 'CME.fx', to: '2027-12-31', source: 'the schedule of 2027' };
    const calendar = await readCalendar(own);
    expect(calendar.session('2027-06-01')).toMatchObject({ date: '2027-06-01' });
    expect(calendar.session('2027-03-26')).toBeUndefined();
  });
});

describe('docs/calendars.md', () => {
  const page = readFileSync(new URL('../../docs/calendars.md', import.meta.url), 'utf8');

  it.each([...page.matchAll(/```yaml\n(name:[\s\S]*?)```/g)].map(([, text]) => [text!]))(
    'has files that are read (%#)',
    async (text) => {
      const calendar = await readCalendar(fileOf(text));
      expect(calendar.session(calendar.to)?.date ?? calendar.to).toBe(calendar.to);
    },
  );

  it('says what the calendar says, and lists all with their ranges', async () => {
    const xnys = await tradingCalendar('XNYS');
    const { nextOpen } = xnys.at(instantAt('UTC')('2026-11-27T19:30')) as ClosedState;
    expect(page).toContain(`nextOpen: ${nextOpen}n }`);
    for (const name of calendarNames()) {
      const { from, to } = await tradingCalendar(name);
      const row = page.split('\n').find((line) => line.startsWith('|') && line.includes(`\`${name}\``));
      // The first and the last day of a year are left out.
      const shown = `${from.replace(/-01-01$/, '')} to ${to.replace(/-12-31$/, '')} `;
      expect(row, name).toContain(`| ${shown}|`);
    }
  });
});

describe('a file that is no calendar', () => {
  it('is refused with line and column of each mistake', async () => {
    const wrong = TOKYO.replace('mon-fri, from: 09:00', 'mo-fri, from: 9:00').replace(
      'holidays:',
      'holydays:',
    );
    const path = fileOf(wrong);
    await expect(readCalendar(path)).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      problems: [
        `${path}:11:11 hours[0].sessions[0].days: expected days such as mon, mon-fri or [mon, wed], found a text`,
        `${path}:11:25 hours[0].sessions[0].from: expected a time such as "09:30", "24:00" or "-1d 17:00", found a text`,
        `${path}:17:1 holydays: there is no such option (did you mean "holidays"?)`,
      ],
    });
  });

  it.each([
    ['', 'found an empty file'],
    ['- 1', 'expected a mapping, found a list'],
    ['name: [', 'expected YAML or JSON'],
    [`${TOKYO}\n---\n${TOKYO}`, 'expected one document, found several'],
    ['source: { use: replay, path: a.csv }\nsink: { use: console }', 'expected a calendar, found a spec'],
    ['maxThreads: 4', 'expected a calendar, found settings of the runtime'],
    ['a,b,c\n1,2,3\n4,5,6', 'found a CSV file'],
    ['x'.repeat(1_048_577), 'at most 1048576 bytes'],
    [`name: a\nzone: UTC\nlist: [${'1,'.repeat(60_000)}1]`, 'at most 100000 words and signs'],
  ])('is refused (%#)', async (text, reason) => {
    await expect(readCalendar(fileOf(text))).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining(reason),
    });
  });

  it('is refused if it is not there', async () => {
    await expect(readCalendar(`${SCRATCH.folder}/none.yaml`)).rejects.toThrow('found no file of that name');
  });
});

const MONDAYS = { days: 'mon', from: '09:00', to: '17:00' };
const PLAIN = {
  name: 'plain',
  zone: 'UTC',
  from: '2026-01-01',
  to: '2026-12-31',
  source: 'a test',
  hours: [{ from: '2026-01-01', sessions: [MONDAYS] }],
};
const withHours = (...sessions: object[]) => ({ ...PLAIN, hours: [{ from: '2026-01-01', sessions }] });
const withHoliday = (rule: object) => ({ ...PLAIN, holidays: [{ name: 'a holiday', ...rule }] });
const withException = (one: object) => ({
  ...PLAIN,
  exceptions: [{ name: 'a day', date: '2026-06-01', ...one }],
});

describe('a calendar with a mistake', () => {
  it('is none without one', async () => {
    expect(await problemsOf(PLAIN)).toEqual([]);
    expect(await problemsOf(withHoliday({ month: 5, weekday: 'mon', nth: -1 }))).toEqual([]);
    expect(await problemsOf(withException({ hours: [] }))).toEqual([]);
    expect(await problemsOf(withException({ date: '2026-06-02' }))).toEqual([]); // a Tuesday: no hours to lose
    expect(await problemsOf(withException({ until: '2026-06-08', close: '12:00' }))).toEqual([]);
    expect(await problemsOf(withHoliday({ month: 6, day: 1, close: '17:00' }))).toEqual([]);
    expect(await problemsOf(withHoliday({ month: 2, day: 29 }))).toEqual([]);
  });

  it.each<[unknown, ...string[]]>([
    [undefined, '(root): expected a mapping, found nothing'],
    [[], '(root): expected a mapping, found an empty list'],
    [
      {},
      'name: expected a name, a text of 1 to 200 characters, found nothing',
      'source: expected where its dates come from, a text of 1 to 2000 characters, found nothing',
    ],
    [
      { name: 'a', source: 'b' },
      'zone: expected a time zone, or "extends" with the name of a calendar that has it, found nothing',
      'from: expected the first date that the calendar knows, or "extends" with the name of a calendar that has it, found nothing',
      'to: expected the last date that the calendar knows, or "extends" with the name of a calendar that has it, found nothing',
      'hours: expected the hours of a week, or "extends" with the name of a calendar that has it, found nothing',
    ],
    [
      { ...PLAIN, zone: 'New York' },
      'zone: expected a time zone such as America/New_York, UTC or -05:00, found a text',
    ],
    [{ ...PLAIN, from: '2026-02-30' }, 'from: expected a date such as 2026-11-27, found a text'],
    [{ ...PLAIN, from: 2026 }, 'from: expected a date such as 2026-11-27, found 2026'],
    [{ ...PLAIN, from: '0026-01-01' }, 'from: expected a date such as 2026-11-27, found a text'],
    [{ ...PLAIN, to: '2025-12-31' }, 'to: expected a date from 2026-01-01 on, found 2025-12-31'],
    [
      { ...PLAIN, to: '2226-01-01' },
      'to: expected a range of at most 150 years, found 2026-01-01 to 2226-01-01',
    ],
    [
      { ...PLAIN, extendedFrom: '2027-01-01' },
      'extendedFrom: expected a date to 2026-12-31, found 2027-01-01',
    ],
    [{ ...PLAIN, extends: 'XNYS' }, 'zone: expected none beside "extends": it is that of XNYS, found one'],
    [
      { name: 'a', source: 'b', extends: 'XNYZ' },
      `extends: expected one of ${calendarNames().join(', ')}, found a text`,
    ],
    [{ ...PLAIN, hours: [] }, 'hours: expected the hours of a week, found an empty list'],
    [
      { ...PLAIN, hours: [{ from: '2026-02-01', sessions: [] }] },
      'hours: expected hours from the first date of the calendar on, 2026-01-01, found the first from 2026-02-01 on',
    ],
    [
      { ...PLAIN, hours: [...PLAIN.hours, ...PLAIN.hours] },
      'hours: expected changes in order, this one after 2026-01-01, found 2026-01-01',
    ],
    [
      withHours({ ...MONDAYS, to: '09:00' }),
      'hours[0].sessions[0].to: expected a time after "09:00" (with +1d in front for the next day), found "09:00"',
    ],
    [
      withHours({ ...MONDAYS, days: [] }),
      'hours[0].sessions[0].days: expected days such as mon, mon-fri or [mon, wed], found an empty list',
    ],
    [
      withHours({ ...MONDAYS, kind: 'open' }),
      'hours[0].sessions[0].kind: expected pre, regular, post, unknown, found "open"',
    ],
    [
      withHours(MONDAYS, { days: 'mon-tue', from: '16:00', to: '18:00' }),
      ...['01-05', '01-12', '01-19', '01-26', '02-02'].map(
        (date) => `hours: the hours of 2026-${date} overlap with one another`,
      ),
    ],
    [
      { ...withHours({ days: 'mon-tue', from: '-1d 12:00', to: '13:00' }), to: '2026-01-06' },
      'hours: the hours of 2026-01-06 overlap with those of 2026-01-05',
    ],
    [
      withHoliday({}),
      'holidays[0]: expected "month" and "day", "month", "weekday" and "nth", or "easter", found none of these',
    ],
    [
      withHoliday({ month: 1, day: 1, easter: 0 }),
      'holidays[0]: expected "month" and "day", "month", "weekday" and "nth", or "easter", found month, day, easter',
    ],
    [withHoliday({ month: 13, day: 1 }), 'holidays[0].month: expected a whole number from 1 to 12, found 13'],
    [
      withHoliday({ month: 1, weekday: 'mon', nth: 6 }),
      'holidays[0].nth: expected 1 to 5, or -1 for the last one, found 6',
    ],
    [
      withHoliday({ month: 1, day: 1, observed: 'nearest' }),
      'holidays[0].observed: expected nearest-weekday, sunday-to-monday, weekend-to-monday, weekend-to-friday, found "nearest"',
    ],
    [
      withHoliday({ month: 1, day: 1, postUntil: '17:00' }),
      'holidays[0].postUntil: expected "close" beside it, found none',
    ],
    [
      withHoliday({ month: 1, day: 1, close: '12:00', hours: [] }),
      'holidays[0].hours: expected either all hours of the day or "open" and "close", found both',
    ],
    [
      withException({ open: '12:00', close: '11:00' }),
      'exceptions[0].close: expected a time after "12:00", found "11:00"',
    ],
    [
      withException({ until: '2026-05-31' }),
      'exceptions[0].until: expected a date at most 100 days after 2026-06-01, found 2026-05-31',
    ],
    [
      withException({ until: '2126-05-31' }),
      'exceptions[0].until: expected a date at most 100 days after 2026-06-01, found 2126-05-31',
    ],
    [
      withException({ closed: true }),
      'exceptions[0].closed: there is no such option (did you mean "close"?)',
    ],
    [withException({ tradeDate: 'previous' }), 'exceptions[0].tradeDate: expected next, found "previous"'],
    [
      { ...withException({ date: '2026-12-28', close: '12:00', tradeDate: 'next' }) },
      'to: expected a range whose last trades belong to a date in it, found 2026-12-31, before the date that they belong to',
    ],
    [
      withException({ usual: true, close: '13:00', tradeDate: 'next' }),
      'exceptions[0].usual: expected nothing beside it that changes the day, found close, tradeDate',
    ],
    [
      withException({ close: '13:00', postUntil: '13:00' }),
      'exceptions[0].postUntil: expected a time after "13:00", found "13:00"',
    ],
    [
      withException({ close: '18:00' }),
      'exceptions[0].close: expected a time before the usual close, 17:00 on 2026-06-01 ("a day"), found 18:00; "hours" sets all hours of a day',
    ],
    [
      withException({ close: '17:00' }),
      'exceptions[0].close: expected a time before the usual close, 17:00 on 2026-06-01 ("a day"), found 17:00; "hours" sets all hours of a day',
    ],
    [
      withException({ open: '08:00' }),
      'exceptions[0].open: expected a time after the usual open, 09:00 on 2026-06-01 ("a day"), found 08:00; "hours" sets all hours of a day',
    ],
    [
      withException({ close: '01:00' }),
      'exceptions[0].close: expected a time after the usual open, 09:00 on 2026-06-01 ("a day"), found 01:00; without "open" and "close", the market is closed all day',
    ],
    [
      withException({ open: '+1d 01:00' }),
      'exceptions[0].open: expected a time before the usual close, 17:00 on 2026-06-01 ("a day"), found +1d 01:00; without "open" and "close", the market is closed all day',
    ],
    [
      {
        ...withHours({ ...MONDAYS, to: '11:00' }, { ...MONDAYS, from: '13:00' }),
        exceptions: [{ name: 'a day', date: '2026-06-01', open: '11:00', close: '13:00' }],
      },
      'exceptions[0]: expected hours between "open" and "close" on 2026-06-01 ("a day"), found none: the market would be closed all day',
    ],
    [
      withException({ date: '2026-06-02', until: '2026-06-06', close: '12:00' }),
      'exceptions[0].close: expected a day with hours that it changes, found none; "hours" sets all hours of a day',
    ],
    [
      withHoliday({ month: 6, day: 1, close: '17:01' }),
      'holidays[0].close: expected a time before the usual close, 17:00 on 2026-06-01 ("a holiday"), found 17:01; "hours" sets all hours of a day',
    ],
    [
      withException({ date: '2027-01-04' }),
      'exceptions[0].date: expected a date in the range of the calendar, 2026-01-01 to 2026-12-31, found 2027-01-04',
    ],
    [
      withException({ date: '2025-12-01', until: '2025-12-31' }),
      'exceptions[0].date: expected a date in the range of the calendar, 2026-01-01 to 2026-12-31, found 2025-12-01',
    ],
    [
      {
        ...PLAIN,
        exceptions: [
          { name: 'later', date: '2026-06-05' },
          { name: 'a day', date: '2026-06-01', until: '2026-06-08' },
          { name: 'another', date: '2026-06-09' },
          { name: 'the same', date: '2026-06-08', usual: true },
        ],
      },
      'exceptions[0].date: expected one exception for 2026-06-05, found another one: "a day"',
      'exceptions[3].date: expected one exception for 2026-06-08, found another one: "a day"',
    ],
    [withHoliday({ month: 2, day: 31 }), 'holidays[0]: expected a rule that falls on some date, found none'],
    [
      withHoliday({ month: 1, weekday: 'mon', nth: 3, weekdays: 'tue-fri' }),
      'holidays[0]: expected a rule that falls on some date, found none',
    ],
    [
      withHoliday({ month: 1, day: 1, from: '2026-01-02', to: '2026-12-31' }),
      'holidays[0]: expected a rule that falls on some date, found none',
    ],
    [
      { name: 'a', source: 'b', extends: 'CME.equity', from: '2026-01-20' },
      'from: expected a range that begins with a whole trade date, found 2026-01-20, to which trades of 2026-01-19 belong',
    ],
    [
      { name: 'a', source: 'b', extends: 'CME.equity', from: '2026-07-04' },
      'from: expected a range that begins with a whole trade date, found 2026-07-04, to which trades of 2026-07-03 belong',
    ],
    [
      {
        ...PLAIN,
        hours: [{ from: '2026-01-01', sessions: [{ ...MONDAYS, days: 'mon-fri' }] }],
        exceptions: [{ name: 'a day', date: '2026-06-01', until: '2026-06-15', tradeDate: 'next' }],
      },
      'exceptions[0].tradeDate: expected a trade date at most 14 days after 2026-06-01, to which its trades belong, found 2026-06-16',
    ],
  ])('says what is wrong (%#)', async (value, ...problems) => {
    expect(await problemsOf(value)).toEqual(problems);
  });

  it('says at most a hundred of its mistakes', async () => {
    const many = { ...PLAIN, exceptions: Array.from({ length: 4_000 }, () => ({ name: '', date: 'x' })) };
    await expect(readCalendar(many)).rejects.toMatchObject({ problemsLeftOut: 7_900 });
  });

  it('is refused if it has too many of something', async () => {
    const exceptions = Array.from({ length: 5_001 }, () => ({ name: 'a', date: '2026-06-01' }));
    expect(await problemsOf({ ...PLAIN, exceptions })).toEqual([
      'exceptions: expected at most 5000 exceptions, found 5001',
    ]);
  });
});

describe('the calendars that are built in', () => {
  it.each(calendarNames())('%s has the form of a file, and no mistake', async (name) => {
    const { data } = await tradingCalendar(name);
    expect(CalendarFile.safeParse(data).error).toBeUndefined();
    expect(await calendarProblems(data)).toEqual([]);
  });
});
