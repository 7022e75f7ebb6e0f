import { type Column, findColumn, type Schema, STANDARD_COLUMNS } from '../../../columns/schema.js';
import { sequenceIndex } from '../../../columns/sequence.js';
import type { PlanProblems } from '../../../engine/factories.js';
import type { BarsOptions } from './options.js';
import { SESSION_WINDOW_NS_MIN } from './session-windows.js';

const DAY_NS = 86_400_000_000_000;

/** The input columns that bars are built from. */
export interface BarColumnNames {
  /** `undefined`: bars are built from shorter bars, with all their columns. */
  readonly price: string | undefined;
  /** Column of sizes, or of volumes for bars. */
  readonly size: string | undefined;
  /** Column that decides which of two rows at the same instant is the later one. */
  readonly sequence: string | undefined;
}

/**
 * The columns of a bar: the standard ones except the receive time, with the symbols of the input, plus
 * the number of late rows if requested.
 */
export function barSchema(
  input: Schema,
  { every, calendar, lateColumn }: Pick<BarsOptions, 'every' | 'calendar' | 'lateColumn'>,
): Schema {
  const { required, optional } = STANDARD_COLUMNS.bar;
  const symbol = findColumn(input, 'symbol');
  const columns = [...required, ...optional.filter(({ name }) => name !== 'received')];
  return {
    kind: 'bar',
    ...(every !== 'session' && { barNs: every }),
    ...(calendar !== undefined && { barCalendar: calendar }),
    columns: [
      ...columns.map((column) => (column.name === 'symbol' ? (symbol ?? column) : column)),
      ...(lateColumn === undefined ? [] : [{ name: lateColumn, type: 'int32' as const }]),
    ],
  };
}

export function chooseBarColumns(options: BarsOptions, input: Schema): BarColumnNames {
  if (isOfBars(options, input)) {
    const volume = findColumn(input, 'volume') ? 'volume' : undefined;
    return { price: undefined, size: volume, sequence: undefined };
  }
  return {
    price: options.price ?? (findColumn(input, 'price') ? 'price' : 'mid'),
    size: options.size ?? (findColumn(input, 'size')?.type === 'float64' ? 'size' : undefined),
    sequence: sequenceIndex(input) < 0 ? undefined : 'sequence',
  };
}

/** Bars are built from whole bars, unless one of their columns is named. */
const isOfBars = ({ price }: BarsOptions, { kind }: Schema): boolean => kind === 'bar' && price === undefined;

/** Says which options go together. */
export function checkSessionOptions(
  { every, calendar, hours, unknown }: BarsOptions,
  problems: PlanProblems,
): void {
  if (calendar === undefined) {
    if (every === 'session')
      problems.add(['every'], 'expected "calendar" as well, which says when sessions are');
    if (hours !== undefined) problems.add(['hours'], 'expected "calendar" as well');
    if (unknown !== undefined) problems.add(['unknown'], 'expected "calendar" as well');
  } else if (every !== 'session' && every < SESSION_WINDOW_NS_MIN) {
    problems.add(['every'], `expected 1s or longer with "calendar", found ${every / 1_000} us`);
  }
}

export function checkBarColumns(options: BarsOptions, input: Schema, problems: PlanProblems): void {
  checkType(input, 'time', 'timestamp', [], problems);
  checkType(input, 'symbol', 'string', [], problems);
  const { lateColumn } = options;
  if (
    lateColumn !== undefined &&
    barSchema(input, { every: options.every }).columns.some(({ name }) => name === lateColumn)
  ) {
    problems.add(['lateColumn'], `expected a name that bars do not have, found "${lateColumn}"`);
  }
  const { price, size } = chooseBarColumns(options, input);
  if (price === undefined) {
    const { every } = options;
    checkSessionsOfBars(options, input, problems);
    if (input.barNs !== undefined && every !== 'session' && every % input.barNs !== 0) {
      problems.add(
        ['every'],
        `expected a multiple of the length of the input bars, ${input.barNs} ns, found ${every} ns: ` +
          'an input bar that spans two bars belongs to neither',
      );
    }
    if (options.size !== undefined) {
      problems.add(['size'], 'expected "price" as well: bars of bars use their volumes');
    }
    return;
  }
  if (options.price === undefined && !findColumn(input, price)) {
    const derived = findColumn(input, 'bid') && findColumn(input, 'ask');
    const hint = derived ? ' put { use: derive, columns: { mid: "(bid + ask) / 2" } } before it, or' : '';
    problems.add(
      ['price'],
      `expected a column "price" or "mid", found ${namesOf(input)};${hint} name the price column here`,
    );
  } else {
    checkType(input, price, 'float64', ['price'], problems);
  }
  if (size !== undefined) checkType(input, size, 'float64', ['size'], problems);
}

/** Says which bars cannot be parts of longer ones, because of sessions. */
function checkSessionsOfBars(
  { calendar }: BarsOptions,
  { barNs, barCalendar }: Schema,
  problems: PlanProblems,
): void {
  if (barCalendar !== undefined && barNs === undefined) {
    problems.add(
      ['every'],
      `expected bars of one length as input, found one for each session of "${barCalendar}": make these from ` +
        'shorter bars, or name one of their columns as "price"',
    );
    return;
  }
  const isDay = barNs !== undefined && barNs >= DAY_NS && barCalendar === undefined;
  if (isDay && calendar !== undefined && calendar !== '24/7') {
    problems.add(
      ['calendar'],
      `expected input bars shorter than a day, found bars of a day of UTC or more: they begin before ` +
        'the sessions of a calendar, and belong to none',
    );
  }
}

/**
 * How long input bars are, in ns, where they may reach over the edge of a longer bar: one of both is in the sessions
 * of a calendar that the other does not have. Otherwise 0.
 */
export function reachOf(options: BarsOptions, input: Schema): number {
  const { barNs = 0, barCalendar } = input;
  return isOfBars(options, input) && barCalendar !== options.calendar ? barNs : 0;
}

function checkType(
  input: Schema,
  name: string,
  type: Column['type'],
  path: readonly string[],
  problems: PlanProblems,
): void {
  const column = findColumn(input, name);
  if (!column) problems.add(path, `expected a column "${name}", found ${namesOf(input)}`);
  else if (column.type !== type) {
    problems.add(path, `expected column "${name}" to be a ${type}, found ${column.type}`);
  }
}

const namesOf = ({ columns }: Schema): string => columns.map(({ name }) => `"${name}"`).join(', ');
