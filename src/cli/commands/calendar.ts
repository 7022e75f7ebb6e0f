import { builtInCalendar, calendarNames, tradingCalendar } from '../../calendars/built-in-calendars.js';
import { dateText, parseDay } from '../../calendars/civil-date.js';
import type { MarketState, TradingSession } from '../../calendars/market-state.js';
import { isCalendarFile } from '../../calendars/named-calendar.js';
import type { TradingCalendar } from '../../calendars/trading-calendar.js';
import type { HoursView } from '../../calendars/trading-days.js';
import { type Clock, systemClock } from '../../core/clock.js';
import { InvalidOptionsError, RuntimeError } from '../../core/errors.js';
import { readCalendar } from '../../documents/read-calendar.js';
import { sayRefusal } from '../problem-lines.js';
import { plainText, type Terminal } from '../terminal.js';
import { type WallClock, wallClockOf } from '../wall-clock.js';

export interface CalendarCommandOptions {
  /** First and last trade date of which the sessions are printed. */
  readonly from?: string;
  readonly to?: string;
  /** The instant of which the state is printed; now by default. */
  readonly at?: string;
  readonly hours?: HoursView;
  readonly json?: boolean;
}

/** Sessions that are printed at once: those of two weeks, if no last date is given. */
const DAYS_SHOWN = 14;

/**
 * Lists the calendars, prints what a market is doing at an instant, or its sessions.
 *
 * @param wanted - A name, or the path of a file.
 * @returns The exit code.
 */
export async function calendar(
  wanted: string | undefined,
  options: CalendarCommandOptions,
  terminal: Terminal,
  clock: Clock = systemClock,
): Promise<number> {
  try {
    await terminal.print(await textOf(wanted, options, clock));
    return 0;
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    sayRefusal(error, terminal);
    return 2;
  }
}

async function textOf(
  wanted: string | undefined,
  options: CalendarCommandOptions,
  clock: Clock,
): Promise<string> {
  const { from, to, at, hours, json } = options;
  if (wanted === undefined) return json ? jsonText({ calendars: calendarNames().map(facts) }) : listText();
  const shown = await openCalendar(wanted, hours);
  const wall = await wallClockOf(shown.data.zone);
  if (from === undefined && to === undefined) return stateText(shown, wall, at, clock, json === true);
  const first = from ?? shown.from;
  const sessions = [...shown.sessions(first, to ?? lastShown(shown, first))];
  if (!json) return sessions.map((session) => sessionLine(session, wall)).join('');
  return jsonText({ ...factsOf(shown), sessions: sessions.map((session) => sessionData(session, wall)) });
}

/** A name goes before a file. */
function openCalendar(wanted: string, hours: HoursView | undefined): Promise<TradingCalendar> {
  const options = hours === undefined ? {} : { hours };
  return wanted === '-' || isCalendarFile(wanted)
    ? readCalendar(wanted, options)
    : tradingCalendar(wanted, options);
}

function lastShown({ to }: TradingCalendar, from: string): string {
  const first = parseDay(from);
  const last = parseDay(to)!;
  // A first date that is none is refused with its own words.
  return first === undefined ? to : dateText(Math.min(first + DAYS_SHOWN - 1, last));
}

function stateText(
  shown: TradingCalendar,
  wall: WallClock,
  at: string | undefined,
  clock: Clock,
  isJson: boolean,
): string {
  const instant = at === undefined ? clock.wall() : wall.parse(at);
  if (instant === undefined) {
    const example = 'such as 2026-11-27T14:00 on the clock of the calendar, or 2026-11-27T19:00Z';
    throw new InvalidOptionsError('--at', [`expected a time ${example}, found "${plainText(at ?? '', 80)}"`]);
  }
  const state = shown.at(instant);
  const nextOpen = shown.nextOpen(instant);
  const nextClose = shown.nextClose(instant);
  const shownOr = (time: typeof nextOpen) => (time === undefined ? null : wall.format(time));
  if (isJson) {
    return jsonText({
      ...factsOf(shown),
      at: wall.format(instant),
      ...stateData(state),
      nextOpen: shownOr(nextOpen),
      nextClose: shownOr(nextClose),
    });
  }
  const { title, source } = shown.data;
  const next = state.state === 'open' ? nextClose : nextOpen;
  const verb = state.state === 'open' ? 'closes' : 'opens';
  const then = next === undefined ? `when it ${verb} is not known` : `${verb} at ${wall.format(next)}`;
  return [
    `${shown.name}: ${title}`,
    `  zone: ${shown.data.zone}`,
    `  dates: ${shown.from} to ${shown.to}`,
    `  source: ${source}`,
    `  at ${wall.format(instant)}: ${stateWords(state)}; ${then}`,
  ]
    .map((line) => `${plainText(line)}\n`)
    .join('');
}

function stateWords(state: MarketState): string {
  const what = 'what' in state && state.what !== undefined ? `: ${state.what}` : '';
  switch (state.state) {
    case 'open':
      return `open (${state.kind}, trade date ${state.date})`;
    case 'closed':
      return `closed (${state.reason}${what})`;
    case 'unknown':
      return `not known (${state.reason}${what})`;
  }
}

function stateData(state: MarketState) {
  if (state.state === 'open') return { state: state.state, kind: state.kind, tradeDate: state.date };
  return { state: state.state, reason: state.reason, what: state.what ?? null };
}

function sessionLine({ date, parts, unknownHours, isShort, what }: TradingSession, wall: WallClock): string {
  const shown = [
    ...parts.map(({ kind, open, close }) => ({
      from: open,
      to: close,
      before: kind === 'regular' ? '' : `${kind} `,
      after: '',
    })),
    ...unknownHours.map(({ from, to }) => ({ from, to, before: '', after: ' not known' })),
  ].sort((a, b) => Number(a.from - b.from));
  const hours = shown.map(
    ({ from, to, before, after }) => `${before}${wall.onDay(from, date)} to ${wall.onDay(to, date)}${after}`,
  );
  const note = what ?? (isShort ? 'short' : undefined);
  return plainText(`${date}  ${hours.join(', ')}${note === undefined ? '' : `  ${note}`}\n`);
}

function sessionData(session: TradingSession, wall: WallClock) {
  const { date, open, close, parts, unknownHours, isShort, what } = session;
  const timeOr = (time: typeof open) => (time === undefined ? null : wall.format(time));
  return {
    date,
    open: timeOr(open),
    close: timeOr(close),
    isShort,
    what: what ?? null,
    parts: parts.map((part) => ({
      kind: part.kind,
      open: wall.format(part.open),
      close: wall.format(part.close),
    })),
    unknownHours: unknownHours.map(({ from, to }) => ({ from: wall.format(from), to: wall.format(to) })),
  };
}

const factsOf = ({ name, from, to, hours, data: { title, zone, source } }: TradingCalendar) => ({
  name,
  title,
  zone,
  from,
  to,
  hours,
  source,
});

function facts(name: string) {
  const { title, zone, from, to, source } = builtInCalendar(name)!;
  return { name, title, zone, from, to, source };
}

function listText(): string {
  const width = Math.max(...calendarNames().map(({ length }) => length));
  return calendarNames()
    .map((name) => {
      const { from, to, title } = facts(name);
      return `${name.padEnd(width)}  ${from} to ${to}  ${title}\n`;
    })
    .join('');
}

const jsonText = (data: object): string => `${JSON.stringify(data, null, 2)}\n`;
