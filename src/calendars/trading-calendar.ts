import { assertMapping } from '../core/assert-argument.js';
import { InvalidOptionsError, PipelineError } from '../core/errors.js';
import { describeValue, quoted } from '../core/shown-text.js';
import { NANOS_PER_MILLI, type Nanos } from '../core/units.js';
import type { CalendarData } from './calendar-data.js';
import { dateText, parseDay } from './civil-date.js';
import { closedReason } from './closed-reason.js';
import type { MarketState, SessionPart, TradingSession, UnknownHours } from './market-state.js';
import { type DayPart, type HoursView, JOIN_DAYS_MAX, TradingDays } from './trading-days.js';
import { ZoneClock } from './zone-clock.js';

/** How a calendar is read. */
export interface CalendarOptions {
  /** Which hours count as open: `regular` (the default) alone, or `extended`: those before and after it too. */
  readonly hours?: HoursView;
}

/** A state that holds for a while. */
interface HeldState {
  readonly from: Nanos;
  readonly to: Nanos;
  readonly state: MarketState;
}

/** A time without hours, with the parts before and after it, where there are any in the range. Ms since 1970 UTC. */
interface Gap {
  readonly from: number;
  readonly to: number;
  readonly before: DayPart | undefined;
  readonly after: DayPart | undefined;
}

/** When trading stops next, for all instants from one to another. */
interface HeldClose {
  readonly from: Nanos;
  readonly to: Nanos;
  readonly close: Nanos | undefined;
}

/**
 * When a market is open. Instants are nanoseconds since 1970 UTC, dates are trade dates `YYYY-MM-DD`.
 *
 * It answers for its range alone, `from` to `to`: outside of it the market is neither open nor closed but
 * `unknown`. Answers are computed, not looked up in the clock of the machine, and the same for all callers. The
 * last one is kept, so that asking again for the same stretch costs two comparisons; what else is kept is
 * bounded. An instance belongs to one thread: send `data` to another one and build it there.
 */
export class TradingCalendar {
  /** What it was made of. Plain data. */
  readonly data: CalendarData;
  readonly hours: HoursView;
  /** First and last trade date that it knows. */
  readonly from: string;
  readonly to: string;
  readonly #days: TradingDays;
  readonly #firstDay: number;
  readonly #lastDay: number;
  /** The instants that it knows, as ms since 1970 UTC. */
  readonly #knownFromMs: number;
  readonly #knownToMs: number;
  #held: HeldState;
  #close: HeldClose;
  /** The last gap. It may be as long as the range, and is looked for once. */
  #gap: Gap | undefined;

  private constructor(data: CalendarData, hours: HoursView, days: TradingDays) {
    this.data = data;
    this.hours = hours;
    const { extendedFrom = data.from } = data;
    this.from = hours === 'extended' && extendedFrom > data.from ? extendedFrom : data.from;
    this.to = data.to;
    this.#days = days;
    this.#firstDay = parseDay(this.from)!;
    this.#lastDay = parseDay(this.to)!;
    this.#knownFromMs = days.beginOf(this.#firstDay);
    this.#knownToMs = days.beginOf(this.#lastDay + 1);
    const nothing = { from: 0n as Nanos, to: 0n as Nanos };
    this.#held = { ...nothing, state: { state: 'unknown', reason: 'before-range' } };
    this.#close = { ...nothing, close: undefined };
  }

  /**
   * Makes a calendar of data without mistakes: of the tables, or of another calendar's `data`, in whatever
   * thread. Data of your own go through `readCalendar`. The time zone library is loaded for it.
   *
   * @throws {InvalidOptionsError} for options that it does not have, and for `extended` hours of a range that ends
   *   before they are known.
   */
  static async of(data: CalendarData, options: CalendarOptions = {}): Promise<TradingCalendar> {
    assertMapping('calendar', data);
    assertMapping('calendar', options);
    const { hours = 'regular' } = options;
    if (hours !== 'regular' && hours !== 'extended') {
      const found = typeof hours === 'string' ? quoted(hours) : describeValue(hours);
      throw new InvalidOptionsError('calendar', [`hours: expected regular or extended, found ${found}`]);
    }
    const { name, to, extendedFrom = to } = data;
    if (hours === 'extended' && extendedFrom > to) {
      const message = `expected regular: "${name}" knows the hours before and after from ${extendedFrom} on, and its range ends with ${to}, found extended`;
      throw new InvalidOptionsError('calendar', [`hours: ${message}`]);
    }
    return new TradingCalendar(data, hours, new TradingDays(data, await ZoneClock.of(data.zone), hours));
  }

  get name(): string {
    return this.data.name;
  }

  /**
   * What the market is doing at an instant.
   *
   * @throws {InvalidOptionsError} for anything but a `bigint`, as all calls with an instant do.
   */
  at(instant: Nanos): MarketState {
    assertInstant(instant);
    if (instant < this.#held.from || instant >= this.#held.to) this.#held = this.#stateAt(instant);
    return this.#held.state;
  }

  /** Whether the market is open; `undefined` if the calendar does not know. */
  isOpen(instant: Nanos): boolean | undefined {
    const { state } = this.at(instant);
    return state === 'unknown' ? undefined : state === 'open';
  }

  /** The trade date at an instant; `undefined` while the market is not known to be open. */
  tradeDate(instant: Nanos): string | undefined {
    const state = this.at(instant);
    return state.state === 'open' ? state.date : undefined;
  }

  /**
   * When the market opens next, after an instant: of one at which it is open, after the pause that follows.
   *
   * @returns `undefined` if the calendar does not know: the instant or the answer lies beyond its range, or
   *   hours that it does not know come before.
   */
  nextOpen(instant: Nanos): Nanos | undefined {
    if (!this.#knows(instant)) return undefined;
    const state = this.at(instant);
    if (state.state !== 'open') return state.state === 'closed' ? state.nextOpen : undefined;
    const closes = this.nextClose(instant);
    if (closes === undefined) return undefined;
    const pause = this.#partOrGap(msOf(closes));
    return 'after' in pause ? opensWith(pause.after) : undefined;
  }

  /**
   * When the market stops trading next, after an instant: parts that follow one another without a pause are one.
   *
   * @returns `undefined` if the calendar does not know, as of `nextOpen`; so it is for a market that never
   *   closes.
   */
  nextClose(instant: Nanos): Nanos | undefined {
    if (!this.#knows(instant)) return undefined;
    const { from, to } = this.#close;
    if (instant < from || instant >= to) this.#close = this.#closeAfter(instant);
    return this.#close.close;
  }

  /**
   * How long the market was open between two instants. Such times add up.
   *
   * @returns `undefined` if the calendar does not know all of it; 0 if the second instant is not the later one.
   */
  openBetween(from: Nanos, to: Nanos): Nanos | undefined {
    assertInstant(to);
    if (!this.#knows(from) || to > nanosOf(this.#knownToMs)) return undefined;
    return this.#openIn(from, to, false);
  }

  /**
   * How long the market is known to have been open between two instants: of hours that the calendar does not know,
   * nothing is counted. Such times add up, and where `openBetween` has an answer, this is the same.
   */
  knownOpenBetween(from: Nanos, to: Nanos): Nanos {
    assertInstant(from);
    assertInstant(to);
    const [knownFrom, knownTo] = [nanosOf(this.#knownFromMs), nanosOf(this.#knownToMs)];
    return this.#openIn(from > knownFrom ? from : knownFrom, to < knownTo ? to : knownTo, true)!;
  }

  /**
   * The trade dates from one to another, both included, in order, each when it is asked for.
   *
   * @throws {PipelineError} `CALENDAR_RANGE` for dates outside of the calendar's range, or that are none.
   */
  sessions(from: string, to: string): Iterable<TradingSession> {
    const [first, last] = [this.#dayOf(from), this.#dayOf(to)];
    const sessionOf = (day: number) => this.#sessionOf(day);
    return {
      *[Symbol.iterator]() {
        for (let day = first; day <= last; day++) {
          const session = sessionOf(day);
          if (session) yield session;
        }
      },
    };
  }

  /**
   * The session of a trade date; `undefined` if the date is none. A date of which nothing but unknown hours is
   * planned may be one, so it has a session.
   *
   * @throws {PipelineError} `CALENDAR_RANGE` for a date outside of the calendar's range, or that is none.
   */
  session(date: string): TradingSession | undefined {
    return this.#sessionOf(this.#dayOf(date));
  }

  /** Open time between two instants in the range; `undefined` for hours that are not known, unless they are skipped. */
  #openIn(from: Nanos, to: Nanos, skipsUnknown: boolean): Nanos | undefined {
    if (to <= from) return 0n as Nanos;
    const { state } = this.at(from);
    if (to <= this.#held.to && state !== 'unknown') return (state === 'open' ? to - from : 0n) as Nanos;
    const [fromMs, toMs] = [msOf(from), msOf(to)];
    let openMs = 0;
    let edges = 0n;
    for (const part of this.#partsFrom(fromMs)) {
      if (part.from >= toMs && nanosOf(part.from) >= to) break;
      if (part.kind === 'unknown') {
        if (skipsUnknown) continue;
        return undefined;
      }
      // Only the first and the last part can be cut within a millisecond.
      if (part.from > fromMs && part.to <= toMs) {
        openMs += part.to - part.from;
        continue;
      }
      const [begin, end] = [nanosOf(part.from), nanosOf(part.to)];
      edges += (end < to ? end : to) - (begin > from ? begin : from);
    }
    return (nanosOf(openMs) + edges) as Nanos;
  }

  #knows(instant: Nanos): boolean {
    assertInstant(instant);
    return instant >= nanosOf(this.#knownFromMs) && instant < nanosOf(this.#knownToMs);
  }

  #stateAt(instant: Nanos): HeldState {
    const [knownFrom, knownTo] = [nanosOf(this.#knownFromMs), nanosOf(this.#knownToMs)];
    if (instant < knownFrom) return held(instant, knownFrom, { state: 'unknown', reason: 'before-range' });
    if (instant >= knownTo) return held(knownTo, instant + 1n, { state: 'unknown', reason: 'after-range' });
    const ms = msOf(instant);
    const found = this.#partOrGap(ms);
    if ('kind' in found) return this.#within(found);
    const { before, after: next } = found;
    const { reason, what } = closedReason(this.#days, ms, {
      before: before && { day: before.day, tradeDay: this.#tradeDayOf(before.day) },
      after: next && { day: next.day, tradeDay: this.#tradeDayOf(next.day) },
    });
    const today = this.#days.dayAt(ms);
    // The reason is that of the day.
    const since = Math.max(found.from, this.#days.midnightOf(today));
    const until = Math.min(found.to, this.#days.midnightOf(today + 1));
    return held(nanosOf(since), nanosOf(until), {
      state: 'closed',
      reason,
      ...(what !== undefined && { what }),
      nextOpen: opensWith(next),
    });
  }

  #within({ kind, from, to, day }: DayPart): HeldState {
    const [since, until] = [nanosOf(from), nanosOf(to)];
    if (kind === 'unknown') {
      const what = this.#days.plan(day).special?.name;
      const named = what === undefined ? {} : { what };
      return held(since, until, { state: 'unknown', reason: 'unknown-hours', ...named });
    }
    const date = dateText(this.#tradeDayOf(day) ?? day);
    return held(since, until, { state: 'open', kind, date, since, until });
  }

  /**
   * The answer holds from the begin of the part or gap that the instant is in. Where the walk comes to a part
   * whose answer is held, it stops: a market that never closes is gone through once.
   */
  #closeAfter(instant: Nanos): HeldClose {
    const ms = msOf(instant);
    const found = this.#partOrGap(ms);
    const start = 'kind' in found ? found : found.after;
    const begin = nanosOf(Math.max(found.from, this.#knownFromMs));
    const knownTo = nanosOf(this.#knownToMs);
    if (!start) return { from: begin, to: knownTo, close: undefined };
    const known = this.#close;
    let end = start.from;
    walk: for (let day = start.day; day <= this.#lastDay; day++) {
      const { parts } = this.#days.plan(day);
      // No later part can begin so early.
      if (parts.length === 0 && day > this.#days.dayAt(end) + this.#days.daysBefore) break;
      for (const { kind, from, to } of parts) {
        if (to <= end) continue;
        if (from > end) break walk;
        const begins = nanosOf(from);
        if (begins >= known.from && begins < known.to) return { ...known, from: begin };
        if (kind === 'unknown') return { from: begin, to: nanosOf(to), close: undefined };
        end = to;
      }
    }
    if (end >= this.#knownToMs) return { from: begin, to: knownTo, close: undefined };
    return { from: begin, to: nanosOf(end), close: nanosOf(end) };
  }

  /** What an instant in the range is in. */
  #partOrGap(ms: number): DayPart | Gap {
    if (this.#gap && ms >= this.#gap.from && ms < this.#gap.to) return this.#gap;
    const after = this.#partFrom(ms);
    if (after && after.from <= ms) return after;
    const before = this.#partBefore(ms);
    this.#gap = { from: before?.to ?? this.#knownFromMs, to: after?.from ?? this.#knownToMs, before, after };
    return this.#gap;
  }

  /** The first part that ends after an instant. */
  #partFrom(ms: number): DayPart | undefined {
    for (const part of this.#partsFrom(ms)) return part;
    return undefined;
  }

  /** The parts that end after an instant, in order, up to the end of the range. */
  *#partsFrom(ms: number): Generator<DayPart> {
    const { daysAfter } = this.#days;
    const first = Math.max(this.#firstDay, this.#days.dayAt(ms) - daysAfter);
    for (let day = first; day <= this.#lastDay; day++) {
      for (const part of this.#days.plan(day).parts) if (part.to > ms) yield part;
    }
  }

  /** The last part that ends at or before an instant. */
  #partBefore(ms: number): DayPart | undefined {
    const last = Math.min(this.#lastDay, this.#days.dayAt(ms) + this.#days.daysBefore);
    for (let day = last; day >= this.#firstDay; day--) {
      const part = this.#days.plan(day).parts.findLast(({ to }) => to <= ms);
      if (part) return part;
    }
    return undefined;
  }

  /** The trade date that trades of a day belong to; `undefined` if it lies beyond the range. */
  #tradeDayOf(day: number): number | undefined {
    if (!this.#days.plan(day).joinsNext) return day;
    for (let next = day + 1; next <= Math.min(this.#lastDay, day + JOIN_DAYS_MAX); next++) {
      const { parts, joinsNext } = this.#days.plan(next);
      if (parts.length > 0 && !joinsNext) return next;
    }
    return undefined;
  }

  #sessionOf(day: number): TradingSession | undefined {
    const plan = this.#days.plan(day);
    if (plan.joinsNext) return undefined;
    if (plan.parts.length === 0) return undefined;
    const planned = [...this.#joinedTo(day), ...plan.parts];
    const parts: SessionPart[] = [];
    const unknownHours: UnknownHours[] = [];
    for (const { kind, from, to } of planned) {
      if (kind === 'unknown') unknownHours.push({ from: nanosOf(from), to: nanosOf(to) });
      else parts.push({ kind, open: nanosOf(from), close: nanosOf(to) });
    }
    const [first, last] = [planned[0]!, planned.at(-1)!];
    const isShort = plan.opensLate || plan.closesEarly;
    const isNamed = plan.special && (isShort || plan.parts.some(({ kind }) => kind === 'unknown'));
    return {
      date: dateText(day),
      open: first.kind === 'unknown' ? undefined : nanosOf(first.from),
      close: last.kind === 'unknown' ? undefined : nanosOf(last.to),
      parts,
      unknownHours,
      isShort,
      ...(isNamed && { what: plan.special.name }),
    };
  }

  /** The parts of the days before a trade date that belong to it. */
  #joinedTo(day: number): readonly DayPart[] {
    const joined: (readonly DayPart[])[] = [];
    for (let before = day - 1; before >= Math.max(this.#firstDay, day - JOIN_DAYS_MAX); before--) {
      const { parts, joinsNext } = this.#days.plan(before);
      if (parts.length > 0 && !joinsNext) break;
      joined.unshift(parts);
    }
    return joined.flat();
  }

  #dayOf(date: string): number {
    const day = typeof date === 'string' ? parseDay(date) : undefined;
    if (day !== undefined && day >= this.#firstDay && day <= this.#lastDay) return day;
    const found = typeof date === 'string' ? quoted(date) : describeValue(date);
    throw new PipelineError(
      'CALENDAR_RANGE',
      `Calendar "${this.name}" knows the dates ${this.from} to ${this.to}${day === undefined ? ', as YYYY-MM-DD' : ''}, found ${found}`,
    );
  }
}

function assertInstant(instant: unknown): void {
  if (typeof instant === 'bigint') return;
  const found = describeValue(instant);
  throw new InvalidOptionsError('calendar', [`expected nanoseconds since 1970 as a bigint, found ${found}`]);
}

function held(from: bigint, to: bigint, state: MarketState): HeldState {
  return { from: from as Nanos, to: to as Nanos, state };
}

/** When the market opens with a part; `undefined` if it is not known whether it does. */
const opensWith = (part: DayPart | undefined): Nanos | undefined =>
  part && part.kind !== 'unknown' ? nanosOf(part.from) : undefined;

const nanosOf = (ms: number): Nanos => (BigInt(ms) * NANOS_PER_MILLI) as Nanos;

/** The millisecond that an instant lies in, also before 1970. */
const msOf = (instant: Nanos): number =>
  Number((instant - (((instant % NANOS_PER_MILLI) + NANOS_PER_MILLI) % NANOS_PER_MILLI)) / NANOS_PER_MILLI);
