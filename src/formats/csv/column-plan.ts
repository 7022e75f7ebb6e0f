import { type Column, type ColumnType, type Schema, STANDARD_COLUMNS } from '../../columns/schema.js';
import { unreachable } from '../../core/invariant.js';
import { isZone } from '../../core/time-zone.js';
import type { PlanProblems } from '../../engine/factories.js';
import type { ColumnMapping, CsvOptions } from './csv-options.js';
import type { EpochUnit } from './likely-unit.js';
import { usualTexts } from './usual-texts.js';

/** Where a column's values come from, and how they are read. */
export interface ColumnPlan {
  readonly column: Column;
  readonly origin: ColumnOrigin;
  readonly reading: ColumnReading;
}

export type ColumnOrigin =
  /** `field`: a name from the header, or a number counted from 1. */
  | { readonly kind: 'field'; readonly field: string | number }
  | { readonly kind: 'value'; readonly text: string }
  | { readonly kind: 'file-name'; readonly pattern: string | undefined };

export type ColumnReading =
  | { readonly as: 'float64'; readonly divideBy: number; readonly nullable: boolean }
  | { readonly as: 'int32' }
  | { readonly as: 'int64' }
  | { readonly as: 'string'; readonly nullable: boolean }
  /** `texts`: each text with its code. */
  | { readonly as: 'codes'; readonly texts: readonly (readonly [string, number])[] }
  | {
      readonly as: 'timestamp';
      readonly unit: TimeUnit;
      readonly zone: string;
      readonly date: string | undefined;
      readonly anyInstant: boolean;
    };

export type TimeUnit = EpochUnit | 'iso';

export interface CsvPlan {
  readonly schema: Schema;
  readonly columns: readonly ColumnPlan[];
}

/** Plans how the columns of the options are read, and reports every problem with them. */
export function planColumns(options: CsvOptions, problems: PlanProblems): CsvPlan {
  const { kind, columns: mappings } = options;
  const { required, optional } = kind === 'custom' ? { required: [], optional: [] } : STANDARD_COLUMNS[kind];
  for (const { name } of required) {
    if (!mappings[name]) {
      problems.add(['columns', name], `expected a mapping for "${name}": rows of kind ${kind} need it`);
    }
  }
  const standard = [...required, ...optional];
  const extras = Object.keys(mappings).filter((name) => !standard.some((column) => column.name === name));
  if (standard.length === 0 && !extras.some((name) => mappings[name]!.from !== undefined)) {
    problems.add(['columns'], 'expected at least one column that comes from a field');
  }

  const columns: ColumnPlan[] = [];
  for (const column of [...standard, ...extras.map((name) => extraColumn(name, mappings[name]!))]) {
    const mapping = mappings[column.name];
    if (mapping) columns.push(planColumn(column, mapping, options, problems));
    else if (required.includes(column)) columns.push(missing(column));
  }
  return { schema: { kind, columns: columns.map(({ column }) => column) }, columns };
}

function extraColumn(name: string, { type }: ColumnMapping): Column {
  if (type) return { name, type };
  if (name === 'time' || name === 'received') return { name, type: 'timestamp' };
  return { name, type: name === 'symbol' ? 'string' : 'float64' };
}

const missing = (column: Column): ColumnPlan => ({
  column,
  origin: { kind: 'value', text: '' },
  reading: { as: 'string', nullable: false },
});

function planColumn(
  column: Column,
  mapping: ColumnMapping,
  options: CsvOptions,
  problems: PlanProblems,
): ColumnPlan {
  const path = ['columns', column.name] as const;
  if (mapping.type && mapping.type !== column.type) {
    problems.add([...path, 'type'], `expected ${column.type}: the kind ${options.kind} defines this column`);
  }
  const allowed = OPTIONS_OF[column.type];
  for (const option of TYPED_OPTIONS) {
    const given = mapping[option] !== undefined && !(option === 'empty' && mapping.empty === 'reject');
    if (given && !allowed.includes(option)) {
      problems.add([...path, option], `a column of type ${column.type} has no such option`);
    }
  }
  const nullable = mapping.empty === 'null';
  return {
    column: nullable ? { ...column, nullable } : column,
    origin: planOrigin(path, mapping, options, problems),
    reading: planReading(path, column, mapping, problems),
  };
}

const TYPED_OPTIONS = [
  'value',
  'fromFile',
  'unit',
  'zone',
  'date',
  'anyInstant',
  'divideBy',
  'empty',
  'values',
] as const;

const OPTIONS_OF: Readonly<Record<ColumnType, readonly (typeof TYPED_OPTIONS)[number][]>> = {
  timestamp: ['unit', 'zone', 'date', 'anyInstant'],
  float64: ['divideBy', 'empty'],
  int32: [],
  int64: [],
  string: ['value', 'fromFile', 'empty'],
  enum: ['values'],
  boolean: ['values'],
};

function planOrigin(
  path: readonly string[],
  { from, value, fromFile }: ColumnMapping,
  { header }: CsvOptions,
  problems: PlanProblems,
): ColumnOrigin {
  const given = [from, value, fromFile].filter((origin) => origin !== undefined).length;
  if (given !== 1) {
    problems.add(
      path,
      `expected exactly one of from, value and fromFile, found ${given === 0 ? 'none' : given}`,
    );
  }
  if (value === '') problems.add([...path, 'value'], 'expected a text of 1 or more characters');
  if (value !== undefined) return { kind: 'value', text: value };
  if (fromFile !== undefined) {
    if (fromFile !== true && groupsOf(fromFile) !== 1) {
      problems.add([...path, 'fromFile'], 'expected true, or a regular expression with exactly one group');
    }
    return { kind: 'file-name', pattern: fromFile === true ? undefined : fromFile };
  }
  if (typeof from === 'string' && header === false) {
    problems.add(
      [...path, 'from'],
      'expected the number of a field, since there is no header (header: false)',
    );
  }
  if (from !== undefined && Array.isArray(header)) {
    const times = header.filter((name) => name === from).length;
    if (typeof from === 'number' && from > header.length) {
      problems.add(
        [...path, 'from'],
        `expected the number of a field in "header", which has ${header.length}, found ${from}`,
      );
    } else if (typeof from === 'string' && times === 0) {
      problems.add([...path, 'from'], `expected one of the names in "header": ${header.join(', ')}`);
    } else if (typeof from === 'string' && times > 1) {
      problems.add([...path, 'from'], `expected a name that "header" has once, or the number of its field`);
    }
  }
  return { kind: 'field', field: from ?? 1 };
}

/** Counts the groups of a regular expression; −1 if it is invalid. */
function groupsOf(pattern: string): number {
  try {
    // The empty alternative is tried first, so that the pattern is read but never matched.
    return new RegExp(`|${pattern}`).exec('')!.length - 1;
  } catch {
    return -1;
  }
}

function planReading(
  path: readonly string[],
  column: Column,
  mapping: ColumnMapping,
  problems: PlanProblems,
): ColumnReading {
  const nullable = mapping.empty === 'null';
  switch (column.type) {
    case 'float64':
      return { as: 'float64', divideBy: mapping.divideBy ?? 1, nullable };
    case 'int32':
    case 'int64':
      return { as: column.type };
    case 'string':
      return { as: 'string', nullable };
    case 'enum':
    case 'boolean':
      return { as: 'codes', texts: planTexts(path, column, mapping.values, problems) };
    case 'timestamp': {
      const { unit = 'iso', zone = 'UTC', date, anyInstant = false } = mapping;
      if (!isZone(zone)) {
        problems.add([...path, 'zone'], 'expected a zone like America/New_York, UTC or -05:00');
      }
      if (date !== undefined && unit === 'iso') {
        problems.add(
          [...path, 'date'],
          'expected "unit" to be s, ms, us or ns: an iso time already has a date',
        );
      }
      if (anyInstant && (unit === 'iso' || date !== undefined)) {
        problems.add(
          [...path, 'anyInstant'],
          'expected "unit" to be s, ms, us or ns, and no "date": only numbers since 1970 are checked',
        );
      }
      return { as: 'timestamp', unit, zone, date, anyInstant };
    }
    default:
      return unreachable(column.type);
  }
}

/** Returns the texts with their codes: those of the mapping, or the usual texts. */
function planTexts(
  path: readonly string[],
  { name, type, values = [] }: Column,
  given: ColumnMapping['values'],
  problems: PlanProblems,
): (readonly [string, number])[] {
  const names = type === 'boolean' ? ['false', 'true'] : values;
  if (!given) {
    return names.flatMap((value, code) => usualTexts(name, type, value).map((text) => [text, code] as const));
  }
  const texts: (readonly [string, number])[] = [];
  for (const [value, ofValue] of Object.entries(given)) {
    const code = names.indexOf(value);
    if (code < 0) problems.add([...path, 'values', value], `expected one of ${names.join(', ')}`);
    for (const text of ofValue) {
      if (texts.some(([known]) => known === text)) {
        problems.add([...path, 'values', value], `expected each text once, found "${text}" again`);
      }
      texts.push([text, code]);
    }
  }
  return texts;
}
