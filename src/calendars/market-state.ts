import type { Nanos } from '../core/units.js';
import type { HoursKind } from './calendar-data.js';

/** What a market is doing at an instant, as far as its calendar knows. */
export type MarketState = OpenState | ClosedState | UnknownState;

/** The market is open. */
export interface OpenState {
  readonly state: 'open';
  readonly kind: Exclude<HoursKind, 'unknown'>;
  /** Trade date, `YYYY-MM-DD`. */
  readonly date: string;
  /** When these hours began and will end. What follows may be open too: `nextClose` says when trading ends. */
  readonly since: Nanos;
  readonly until: Nanos;
}

/** The market is closed, as far as anybody announced. */
export interface ClosedState {
  readonly state: 'closed';
  readonly reason: ClosedReason;
  /** The name of the holiday, closure or short day. */
  readonly what?: string;
  /** `undefined` if the calendar does not know it: it lies beyond its range, or in unknown hours. */
  readonly nextOpen: Nanos | undefined;
}

/**
 * - `break`: between two parts of one trade date
 * - `overnight`: between one trade date and the next day's
 * - `weekend`: on days without hours in a usual week, and in the evening before them
 * - `holiday`, `closure`: a day of the yearly holidays, or a single date
 * - `early-close`, `late-open`: outside of the hours of a short day
 */
export type ClosedReason =
  | 'break'
  | 'overnight'
  | 'weekend'
  | 'holiday'
  | 'closure'
  | 'early-close'
  | 'late-open';

/** The calendar does not know. It never takes a market for open then. */
export interface UnknownState {
  readonly state: 'unknown';
  /** Before or after the calendar's range, or within it in hours that nobody could tell. */
  readonly reason: 'before-range' | 'after-range' | 'unknown-hours';
  readonly what?: string;
}

/** One trade date. */
export interface TradingSession {
  /** Trade date, `YYYY-MM-DD`. */
  readonly date: string;
  /** The first instant of trading; `undefined` if it is not known: the session begins with unknown hours. */
  readonly open: Nanos | undefined;
  /** The first instant after it; `undefined` if it is not known: the session ends with unknown hours. */
  readonly close: Nanos | undefined;
  /**
   * The hours that are known to be open, in order. Where one ends before the next begins, trading pauses, except
   * in `unknownHours`. Empty if nothing of the day is known.
   */
  readonly parts: readonly SessionPart[];
  /** Hours of which is not known whether the market is open, in order. */
  readonly unknownHours: readonly UnknownHours[];
  /** Whether the regular hours end earlier or begin later than on a usual day. */
  readonly isShort: boolean;
  /** The name of a short day, or of one with unknown hours. */
  readonly what?: string;
}

/** Trading without a pause within a session. */
export interface SessionPart {
  readonly kind: Exclude<HoursKind, 'unknown'>;
  readonly open: Nanos;
  readonly close: Nanos;
}

/** Hours of a session of which is not known whether the market is open. */
export interface UnknownHours {
  readonly from: Nanos;
  /** The first instant after them. */
  readonly to: Nanos;
}
