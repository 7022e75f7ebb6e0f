import { basename, parse } from 'node:path';
import type { DictionarySet } from '../../columns/dictionary.js';
import type { Column } from '../../columns/schema.js';
import { InvalidOptionsError, PipelineError } from '../../core/errors.js';
import { MATCH_ATTEMPTS, MATCH_MS_MAX, MatchTimeError, matchWithin } from '../../core/match-time.js';
import { cutText } from '../../core/shown-text.js';
import type { ColumnPlan, ColumnReading } from './column-plan.js';
import type { ColumnReader } from './column-reader.js';
import { dayToMs } from './iso-text.js';
import { Float64Reader, Int32Reader, Int64Reader } from './number-readers.js';
import { CodeReader, StringReader } from './text-readers.js';
import { EpochReader, IsoReader, type TimeReader } from './time-readers.js';
import { ZoneOffsets } from './zone-offsets.js';

/** How the rows of one file are read. */
export interface CsvLayout {
  /** Numbers of the fields to read, counted from 0, ascending and distinct. */
  readonly fields: readonly number[];
  /** The reader of `time` is first, so that a bad time is reported before other faults of a row. */
  readonly readers: readonly PlacedReader[];
  /** The reader of the column `time`, if it is a timestamp, and the readers of the other timestamp columns. */
  readonly time: PlacedReader<TimeReader> | undefined;
  readonly otherTimes: readonly PlacedReader<TimeReader>[];
  /** Columns that hold the same text in every row. */
  readonly constants: readonly { readonly index: number; readonly column: Column; readonly text: string }[];
}

export interface PlacedReader<Reader extends ColumnReader = ColumnReader> {
  /** Index of the column in the schema. */
  readonly index: number;
  readonly name: string;
  /** Position of its field in `fields`. */
  readonly slot: number;
  readonly reader: Reader;
}

/** The header of a file. */
export interface Header {
  readonly names: readonly string[];
  /** Line of the header, from 1. */
  readonly line: number;
  /** Line on which the rows begin. */
  readonly nextLine: number;
}

const NAME_MAX = 255;
const NAMES_SHOWN_MAX = 50;

/**
 * Plans how the rows of a file are read, from its header and its name.
 *
 * @param header - `undefined` if the fields have no names.
 * @throws {PipelineError} `INPUT_CORRUPT` naming every mapped field that the header lacks.
 * @throws {InvalidOptionsError} if a value from the file name is not found there.
 */
export async function layOutFile(
  file: string,
  plans: readonly ColumnPlan[],
  header: Header | undefined,
  dictionaries: DictionarySet,
): Promise<CsvLayout> {
  const fieldNames = header?.names ?? [];
  const fieldsByName = new Map<string, number[]>();
  fieldNames.forEach((name, field) => {
    const same = fieldsByName.get(name);
    if (same) same.push(field);
    else fieldsByName.set(name, [field]);
  });
  const wrong = header ? plans.flatMap((plan) => fieldProblem(plan, fieldNames.length, fieldsByName)) : [];
  if (header && wrong.length > 0) {
    throw new PipelineError(
      'INPUT_CORRUPT',
      `${file}:${header.line}: expected a header with ${firstOf(wrong, 200)}; found ${JSON.stringify(firstOf(fieldNames, 80))}`,
    );
  }
  const fieldOf = plans.map(({ origin }) => {
    if (origin.kind !== 'field') return -1;
    return typeof origin.field === 'number' ? origin.field - 1 : (fieldsByName.get(origin.field)?.[0] ?? -1);
  });
  const fields = [...new Set(fieldOf.filter((field) => field >= 0))].sort((a, b) => a - b);

  const readers: PlacedReader[] = [];
  const constants: CsvLayout['constants'][number][] = [];
  for (const [index, { column, origin, reading }] of plans.entries()) {
    if (origin.kind === 'value') constants.push({ index, column, text: origin.text });
    else if (origin.kind === 'file-name') {
      constants.push({ index, column, text: textOfName(file, column.name, origin.pattern) });
    } else {
      const reader = await readerOf(column, reading, file, dictionaries);
      readers.push({ index, name: column.name, slot: fields.indexOf(fieldOf[index]!), reader });
    }
  }
  const times = readers.filter(holdsTimes);
  const time = times.find(({ name }) => name === 'time');
  const otherTimes = times.filter((placed) => placed !== time);
  if (time) readers.sort((a, b) => Number(b === time) - Number(a === time));
  return { fields, readers, time, otherTimes, constants };
}

const holdsTimes = (placed: PlacedReader): placed is PlacedReader<TimeReader> =>
  placed.reader instanceof EpochReader || placed.reader instanceof IsoReader;

/** The first of many texts, cut where they are long. */
function firstOf(texts: readonly string[], charsMax: number): string {
  const shown = texts.slice(0, NAMES_SHOWN_MAX).map((text) => cutText(text, charsMax));
  return [...shown, ...(texts.length > shown.length ? ['…'] : [])].join(', ');
}

function fieldProblem(
  { column, origin }: ColumnPlan,
  fields: number,
  fieldsByName: ReadonlyMap<string, readonly number[]>,
): string[] {
  if (origin.kind !== 'field') return [];
  const { field } = origin;
  const called = `(columns.${column.name})`;
  if (typeof field === 'number') {
    return field <= fields ? [] : [`a field number ${field} ${called}`];
  }
  const times = fieldsByName.get(field)?.length ?? 0;
  if (times === 1) return [];
  const name = cutText(field);
  return [times === 0 ? `"${name}" ${called}` : `"${name}" once ${called}, or its number in "from"`];
}

async function readerOf(
  column: Column,
  reading: ColumnReading,
  file: string,
  dictionaries: DictionarySet,
): Promise<ColumnReader> {
  switch (reading.as) {
    case 'float64':
      return new Float64Reader(reading.divideBy, reading.nullable);
    case 'int32':
      return new Int32Reader();
    case 'int64':
      return new Int64Reader();
    case 'string':
      return new StringReader(dictionaries.get(column.dictionary ?? column.name), reading.nullable);
    case 'codes':
      return new CodeReader(reading.texts);
    case 'timestamp': {
      const zone = await ZoneOffsets.of(reading.zone);
      const { unit, date, anyInstant } = reading;
      if (unit === 'iso') return new IsoReader(zone);
      return new EpochReader({ unit, midnightMs: midnightMs(date, file, column.name), zone, anyInstant });
    }
  }
}

/** Returns local midnight of a date, or of the date in the file name, in ms since 1970. */
function midnightMs(date: string | undefined, file: string, column: string): number | undefined {
  if (date === undefined) return undefined;
  const text = date === 'file' ? basename(file).slice(0, NAME_MAX) : date;
  for (const [, year, month, day] of text.matchAll(/(?<!\d)(\d{4})(?:-(?=\d\d-)|)(\d{2})-?(\d{2})(?!\d)/g)) {
    const ms = dayToMs(Number(year), Number(month), Number(day));
    if (!Number.isNaN(ms)) return ms;
  }
  throw new InvalidOptionsError('source', [
    `columns.${column}.date: expected a date like 20240131 or 2024-01-31 in the name of ${file}, found none`,
  ]);
}

/** Returns the file name without folder and extensions, or what the group of the pattern matches in it. */
function textOfName(file: string, column: string, pattern: string | undefined): string {
  const name = parse(basename(file).slice(0, NAME_MAX).replace(/\.gz$/i, '')).name;
  if (pattern === undefined) return name;
  const at = `columns.${column}.fromFile`;
  let found: string | undefined;
  try {
    found = matchWithin(() => new RegExp(pattern).exec(name)?.[1], MATCH_MS_MAX, MATCH_ATTEMPTS);
  } catch (error) {
    if (!(error instanceof MatchTimeError)) throw error;
    throw new InvalidOptionsError('source', [
      `${at}: expected a regular expression that is matched within ${MATCH_MS_MAX} ms, found that /${pattern}/ ` +
        `takes longer on "${name}" (${file}); avoid repetitions inside of repetitions`,
    ]);
  }
  if (found) return found;
  throw new InvalidOptionsError('source', [
    `${at}: expected a name that /${pattern}/ matches, with a text in its group, found "${name}" (${file})`,
  ]);
}
