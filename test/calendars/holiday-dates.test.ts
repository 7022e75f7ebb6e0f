import { describe, expect, it } from 'vitest';
import type { HolidayRule, Observance } from '../../src/calendars/calendar-data.js';
import { dateText } from '../../src/calendars/civil-date.js';
import { holidayIn, holidaysOf, prepareRule } from '../../src/calendars/holiday-dates.js';
import { parseWallTime, parseWeekdays } from '../../src/calendars/wall-time.js';

const dateIn = (year: number, rule: Omit<HolidayRule, 'name'>) => {
  const day = holidayIn(year, prepareRule({ name: 'a holiday', ...rule }));
  return day && dateText(day);
};

describe('a holiday on a weekend', () => {
  // Christmas was on a Saturday in 2021 and on a Sunday in 2022.
  it.each<[Observance | undefined, string, string]>([
    [undefined, '2021-12-25', '2022-12-25'],
    ['nearest-weekday', '2021-12-24', '2022-12-26'],
    ['sunday-to-monday', '2021-12-25', '2022-12-26'],
    ['weekend-to-monday', '2021-12-27', '2022-12-26'],
    ['weekend-to-friday', '2021-12-24', '2022-12-23'],
  ])('is observed by %s', (observed, saturday, sunday) => {
    const rule = { month: 12, day: 25, ...(observed && { observed }) };
    expect([dateIn(2021, rule), dateIn(2022, rule)]).toEqual([saturday, sunday]);
  });

  it('may be observed in the year before', () => {
    const rule = prepareRule({ name: 'New Year', month: 1, day: 1, observed: 'nearest-weekday' });
    expect([...holidaysOf(2021, [rule]).keys()].map(dateText)).toEqual(['2021-01-01', '2021-12-31']);
    expect([...holidaysOf(2022, [rule]).keys()]).toEqual([]);
  });
});

describe('a rule', () => {
  it('is of a weekday, of Easter, or of a date', () => {
    expect(dateIn(2026, { month: 11, weekday: 'thu', nth: 4, plusDays: 1 })).toBe('2026-11-27');
    expect(dateIn(2026, { easter: -2 })).toBe('2026-04-03');
    expect(dateIn(2023, { month: 2, day: 29 })).toBeUndefined();
    expect(dateIn(2024, { month: 2, day: 29 })).toBe('2024-02-29');
  });

  it('holds on its days of the week, between its dates, and not in years that are left out', () => {
    const eve = { month: 12, day: 24, weekdays: 'mon-thu' };
    expect([2020, 2021, 2022].map((year) => dateIn(year, eve))).toEqual(['2020-12-24', undefined, undefined]);
    const dated = { month: 6, day: 19, from: '2022-06-19', to: '2023-06-19', exceptYears: [2022] };
    expect([2021, 2022, 2023, 2024].map((year) => dateIn(year, dated))).toEqual([
      undefined,
      undefined,
      '2023-06-19',
      undefined,
    ]);
  });

  it('goes before those that are listed after it', () => {
    const rules: HolidayRule[] = [
      { name: 'Christmas Day', month: 12, day: 25, observed: 'nearest-weekday' },
      { name: 'Christmas Eve', month: 12, day: 24 },
    ];
    expect([...holidaysOf(2021, rules.map(prepareRule)).values()].map(({ name }) => name)).toEqual([
      'Christmas Day',
    ]);
  });
});

describe('days of the week', () => {
  it.each([
    ['mon', '1000000'],
    ['mon-fri', '1111100'],
    ['sat-mon', '1000011'],
    [['mon', 'wed-thu'], '1011000'],
  ])('are read from %j', (text, bits) => {
    expect(parseWeekdays(text)?.map(Number).join('')).toBe(bits);
  });

  it.each(['', 'monday', 'mon-', 'mon-fri-sun', [], ['mon', 'x']].map((one) => [one]))(
    'are not %j',
    (text) => {
      expect(parseWeekdays(text)).toBeUndefined();
    },
  );
});

describe('a time on the wall', () => {
  it.each([
    ['09:30', 9.5],
    ['00:00', 0],
    ['24:00', 24],
    ['-1d 17:00', -7],
    ['+1d 02:00', 26],
    ['16:35:30', 16 + 35.5 / 60],
  ])('is read from %s', (text, hours) => {
    expect(parseWallTime(text)! / 3_600_000).toBeCloseTo(hours, 9);
  });

  it.each(['9:30', '24:01', '25:00', '12:60', '1d 12:00', '-1d12:00', '', 'noon', '-10d 12:00'])(
    'is not %j',
    (text) => {
      expect(parseWallTime(text)).toBeUndefined();
    },
  );
});
