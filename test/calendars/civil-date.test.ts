import { describe, expect, it } from 'vitest';
import {
  dateText,
  dayOf,
  easterSunday,
  nthWeekday,
  parseDay,
  weekdayOf,
} from '../../src/calendars/civil-date.js';

describe('a date', () => {
  it.each(['1969-12-31', '2000-02-29', '2026-11-30'])('is read and written again (%s)', (text) => {
    expect(dateText(parseDay(text)!)).toBe(text);
  });

  it.each(['2023-02-29', '2026-13-01', '2026-1-1', '2026-11-30T00:00', '', 'today'])('is not %j', (text) => {
    expect(parseDay(text)).toBeUndefined();
  });

  it('has the right day of the week, before 1970 too', () => {
    expect(['1969-12-28', '1970-01-01', '2026-11-30'].map((text) => weekdayOf(parseDay(text)!))).toEqual([
      6, 3, 0,
    ]);
  });
});

describe('Easter Sunday', () => {
  // The earliest and the latest of these three centuries, and years in which Gauss' simple rule is wrong.
  it.each([
    '1818-03-22',
    '1943-04-25',
    '1954-04-18',
    '1981-04-19',
    '2000-04-23',
    '2008-03-23',
    '2024-03-31',
    '2026-04-05',
    '2038-04-25',
    '2049-04-18',
  ])('is on %s', (date) => {
    expect(dateText(easterSunday(Number(date.slice(0, 4))))).toBe(date);
  });
});

describe('a weekday of a month', () => {
  const thursdays = (nth: number) => nthWeekday(2026, 11, 3, nth);

  it('is counted from its first day, and from its last', () => {
    expect([1, 4, -1].map((nth) => dateText(thursdays(nth)!))).toEqual([
      '2026-11-05',
      '2026-11-26',
      '2026-11-26',
    ]);
    expect(nthWeekday(2026, 12, 0, -1)).toBe(dayOf(2026, 12, 28));
  });

  it('may not be there a fifth time', () => {
    expect(thursdays(5)).toBeUndefined();
    expect(dateText(nthWeekday(2026, 10, 3, 5)!)).toBe('2026-10-29');
  });
});
