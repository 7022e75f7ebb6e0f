import type {
  CalendarData,
  DateException,
  DayEffect,
  HolidayRule,
  HoursKind,
  OpenHours,
} from './calendar-data.js';
import { DAY_MS, parseDay, weekdayOf, yearOf } from './civil-date.js';
import { holidaysOf, type PreparedRule, prepareRule } from './holiday-dates.js';
import { parseWallTime, parseWeekdays } from './wall-time.js';
import type { ZoneClock } from './zone-clock.js';

/** Which hours count as open: `regular` alone, or those before and after it too. */
export type HoursView = 'regular' | 'extended';

/** A time within a trading day during which the market is open, or may be (`unknown`). */
export interface DayPart {
  /** The day that it is planned for, since 1970. */
  readonly day: number;
  readonly kind: HoursKind;
  /** Ms since 1970 UTC; `to` is the first instant after the part. */
  readonly from: number;
  readonly to: number;
}

/** What is planned for one day. */
export interface DayPlan {
  /** Days since 1970. */
  readonly day: number;
  /** In order of time, without overlaps. */
  readonly parts: readonly DayPart[];
  /** Why the day is not a usual one. */
  readonly special: SpecialDay | undefined;
  /** Whether its regular hours begin later, or end earlier, than those of a usual day. */
  readonly opensLate: boolean;
  readonly closesEarly: boolean;
  /** Whether its trades belong to the next trade date. */
  readonly joinsNext: boolean;
}

export interface SpecialDay {
  readonly name: string;
  readonly effect: DayEffect;
  /** Whether it comes back each year. */
  readonly isHoliday: boolean;
}

/** A stretch on the wall, as ms after midnight of its day. */
export interface WallSpan {
  readonly from: number;
  readonly to: number;
}

/** Times of a part on the wall, as ms after midnight of its day. */
interface WallPart extends WallSpan {
  readonly kind: HoursKind;
}

/** The trade date that trades of a day belong to lies at most so many days later. */
export const JOIN_DAYS_MAX = 14;

/** Days and years that are kept. More are planned again when they are asked for. */
const DAYS_KEPT_MAX = 1_024;
const YEARS_KEPT_MAX = 8;

/** The plans of the days of a calendar. Nothing here knows of the calendar's range: rules hold for all years. */
export class TradingDays {
  /** Days by which a part may begin before its day, and end after it, rounded up. */
  readonly daysBefore: number;
  readonly daysAfter: number;
  readonly #zone: ZoneClock;
  readonly #view: HoursView;
  readonly #rules: readonly PreparedRule[];
  readonly #exceptions: ReadonlyMap<number, DateException>;
  /** Newest first. */
  readonly #hours: readonly { readonly from: number; readonly week: readonly (readonly WallPart[])[] }[];
  /** The hours of holidays and exceptions that have their own, read once. */
  readonly #effectHours = new Map<DayEffect, readonly WallPart[]>();
  readonly #plans = new Map<number, DayPlan>();
  readonly #holidays = new Map<number, ReadonlyMap<number, HolidayRule>>();

  /** @param data - Data without mistakes: built in, or checked. */
  constructor(data: CalendarData, zone: ZoneClock, view: HoursView) {
    this.#zone = zone;
    this.#view = view;
    this.#rules = (data.holidays ?? []).map(prepareRule);
    this.#exceptions = exceptionsByDay(data.exceptions ?? []);
    this.#hours = data.hours
      .map(({ from, sessions }) => ({
        from: parseDay(from)!,
        week: Array.from({ length: 7 }, (_, weekday) =>
          wallParts(sessions.filter(({ days }) => parseWeekdays(days)![weekday])),
        ),
      }))
      .reverse();
    for (const effect of [...(data.holidays ?? []), ...(data.exceptions ?? [])]) {
      if (effect.hours) this.#effectHours.set(effect, wallParts(effect.hours));
    }
    const parts = [
      ...this.#hours.flatMap(({ week }) => week.flat()),
      ...[...this.#effectHours.values()].flat(),
    ];
    this.daysBefore = Math.max(0, ...parts.map(({ from }) => Math.ceil(-from / DAY_MS)));
    this.daysAfter = Math.max(0, ...parts.map(({ to }) => Math.ceil(to / DAY_MS) - 1));
  }

  plan(day: number): DayPlan {
    const known = this.#plans.get(day);
    if (known) return known;
    const plan = this.#planOf(day);
    if (this.#plans.size >= DAYS_KEPT_MAX) this.#plans.clear();
    this.#plans.set(day, plan);
    return plan;
  }

  /** The day on the wall clock at an instant (ms since 1970 UTC). */
  dayAt(utcMs: number): number {
    return Math.floor(this.#zone.toLocal(utcMs) / DAY_MS);
  }

  /** The instant at which a day begins on the wall clock, ms since 1970 UTC. */
  midnightOf(day: number): number {
    return this.#zone.toUtc(day * DAY_MS);
  }

  /**
   * The first instant that can belong to a day or a later one: its midnight, or where the usual hours of a
   * trade date begin on the days before it, the first of these.
   */
  beginOf(day: number): number {
    let begin = this.midnightOf(day);
    for (let each = day; each <= day + this.daysBefore; each++) {
      const first = this.#usual(each)[0];
      if (first) begin = Math.min(begin, this.#toUtc(each, first.from));
    }
    return begin;
  }

  /** From the usual open of a day to its usual close; `undefined` if it has no hours in a usual week. */
  usualSpan(day: number): WallSpan | undefined {
    return mainSpan(this.#usual(day));
  }

  #planOf(day: number): DayPlan {
    const special = this.#specialOf(day);
    const effect = special?.effect;
    const usual = this.#usual(day);
    const planned = effect ? changedBy(effect, this.#effectHours.get(effect), usual) : usual;
    const parts: DayPart[] = [];
    for (const part of planned) {
      if (this.#view === 'regular' && (part.kind === 'pre' || part.kind === 'post')) continue;
      const [from, to] = [this.#toUtc(day, part.from), this.#toUtc(day, part.to)];
      if (from < to) parts.push({ day, kind: part.kind, from, to }); // else within the hour that spring skips
    }
    return { day, parts, special, ...shortening(planned, usual), joinsNext: effect?.tradeDate === 'next' };
  }

  #usual(day: number): readonly WallPart[] {
    return this.#hours.find(({ from }) => day >= from)?.week[weekdayOf(day)] ?? [];
  }

  #specialOf(day: number): SpecialDay | undefined {
    const exception = this.#exceptions.get(day);
    if (exception)
      return exception.usual ? undefined : { name: exception.name, effect: exception, isHoliday: false };
    const rule = this.#holidaysOf(yearOf(day)).get(day);
    return rule && { name: rule.name, effect: rule, isHoliday: true };
  }

  #holidaysOf(year: number): ReadonlyMap<number, HolidayRule> {
    const known = this.#holidays.get(year);
    if (known) return known;
    const found = holidaysOf(year, this.#rules);
    if (this.#holidays.size >= YEARS_KEPT_MAX) this.#holidays.clear();
    this.#holidays.set(year, found);
    return found;
  }

  #toUtc(day: number, wallMs: number): number {
    return this.#zone.toUtc(day * DAY_MS + wallMs);
  }
}

function exceptionsByDay(exceptions: readonly DateException[]): ReadonlyMap<number, DateException> {
  const byDay = new Map<number, DateException>();
  for (const exception of exceptions) {
    const last = parseDay(exception.until ?? exception.date)!;
    for (let day = parseDay(exception.date)!; day <= last; day++) byDay.set(day, exception);
  }
  return byDay;
}

/** In order of time. */
function wallParts(hours: readonly OpenHours[]): WallPart[] {
  return hours
    .map(({ kind = 'regular', from, to }) => ({ kind, from: parseWallTime(from)!, to: parseWallTime(to)! }))
    .sort((a, b) => a.from - b.from);
}

/** From the first to the last of the regular hours, and of those that may be; `undefined` without any. */
function mainSpan(parts: readonly WallPart[]): WallSpan | undefined {
  const main = parts.filter(({ kind }) => kind === 'regular' || kind === 'unknown');
  return main.length === 0 ? undefined : { from: main[0]!.from, to: main.at(-1)!.to };
}

function shortening(planned: readonly WallPart[], usual: readonly WallPart[]) {
  const [span, usualSpan] = planned === usual ? [] : [mainSpan(planned), mainSpan(usual)];
  return {
    opensLate: span !== undefined && usualSpan !== undefined && span.from > usualSpan.from,
    closesEarly: span !== undefined && usualSpan !== undefined && span.to < usualSpan.to,
  };
}

/** @param hours - All hours of the day, where the effect has such. */
function changedBy(
  { open, close, postUntil, tradeDate }: DayEffect,
  hours: readonly WallPart[] | undefined,
  usual: readonly WallPart[],
): readonly WallPart[] {
  if (hours) return hours;
  if (open === undefined && close === undefined) return tradeDate === undefined ? [] : usual;
  const begin = open === undefined ? Number.NEGATIVE_INFINITY : parseWallTime(open)!;
  const end = close === undefined ? Number.POSITIVE_INFINITY : parseWallTime(close)!;
  const parts = usual
    .map(({ kind, from, to }) => ({ kind, from: Math.max(from, begin), to: Math.min(to, end) }))
    .filter(({ from, to }) => from < to);
  if (postUntil !== undefined && usual.some(({ kind }) => kind === 'post')) {
    parts.push({ kind: 'post', from: end, to: parseWallTime(postUntil)! });
  }
  return parts;
}
