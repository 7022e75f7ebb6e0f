import { kindOfColumns } from '../../../columns/kind-of-columns.js';
import {
  type Column,
  columnIndex,
  eventTimeIndex,
  findColumn,
  type Schema,
} from '../../../columns/schema.js';
import { sequenceIndex } from '../../../columns/sequence.js';
import type { PlanProblems } from '../../../engine/factories.js';
import type { AsOfColumns } from './join.js';
import type { AsOfOptions } from './options.js';

/** The columns to join on, the columns to add, and the output schema. */
export interface JoinPlan extends AsOfColumns {
  readonly output: Schema;
  /** Output indexes of the columns of the main input. */
  readonly kept: readonly number[];
  /** Output indexes of the taken columns, in their order. */
  readonly added: readonly number[];
  /** Output index of the age; −1: none. */
  readonly age: number;
}

const NULLABLE = ['float64', 'string'];

/**
 * Plans the columns of a join.
 *
 * @param problems - Receives what is wrong. Left out if the options are known to be valid.
 */
export function planJoin(
  options: AsOfOptions,
  input: Schema,
  side: Schema,
  problems?: PlanProblems,
): JoinPlan {
  const add = (path: readonly (string | number)[], message: string) => problems?.add(path, message);
  const time = { main: eventTimeIndex(input), side: eventTimeIndex(side) };
  if (time.main < 0) add([], 'expected rows with a timestamp column "time", found none');
  if (time.side < 0) add(['with'], 'expected rows with a timestamp column "time", found none');
  const symbol = symbolsOf(input, side, add);

  const columns: Column[] = [...input.columns];
  const taken: { column: Column; at: number }[] = [];
  const added: number[] = [];
  for (const { name, from, path } of wanted(options, input, side)) {
    const at = columnIndex(side, from);
    const column = side.columns[at];
    if (!column) {
      add(path, `unknown column "${from}" of the second source (there are: ${namesOf(side)})`);
      continue;
    }
    if (columns.some((known) => known.name === name)) {
      add(path, `there is a column "${name}" already: give it a new name, as in { second_${name}: ${from} }`);
      continue;
    }
    const mayBeNull = options.unmatched === 'keep';
    if (mayBeNull && !NULLABLE.includes(column.type)) {
      add(
        path,
        `column "${from}" of type ${column.type} cannot be null, as it has to be for a row that is joined with ` +
          'none: leave it out of "take", or set "unmatched" to "drop"',
      );
      continue;
    }
    added.push(columns.length);
    columns.push(outputColumn(column, name, mayBeNull));
    taken.push({ column, at });
  }
  let age = -1;
  if (options.age !== undefined) {
    if (columns.some((known) => known.name === options.age)) {
      add(['age'], `there is a column "${options.age}" already`);
    }
    age = columns.length;
    columns.push({ name: options.age, type: 'float64', nullable: true });
  }
  if (taken.length === 0 && age < 0 && options.take === undefined) {
    add(
      ['take'],
      'the rows have all columns of the second source already: name those to add, under new names',
    );
  }
  return {
    output: { ...input, kind: kindOfColumns(input.kind, columns), columns },
    kept: input.columns.map((_, i) => i),
    added,
    age,
    taken,
    main: { time: time.main, symbol: symbol.main },
    side: { time: time.side, symbol: symbol.side, sequence: sequenceIndex(side) },
  };
}

function* wanted({ take }: AsOfOptions, input: Schema, side: Schema) {
  if (Array.isArray(take)) {
    for (const [i, name] of take.entries()) yield { name, from: name, path: ['take', i] };
  } else if (take !== undefined) {
    for (const [name, from] of Object.entries(take as Record<string, string>))
      yield { name, from, path: ['take', name] };
  } else {
    for (const { name } of side.columns) {
      if (!findColumn(input, name)) yield { name, from: name, path: ['take'] };
    }
  }
}

/** Rows are joined by symbol if both inputs have one, else by time alone. */
function symbolsOf(input: Schema, side: Schema, add: (path: string[], message: string) => void) {
  const main = columnIndex(input, 'symbol');
  const other = columnIndex(side, 'symbol');
  if (main < 0 || other < 0) return { main: -1, side: -1 };
  const dictionaryOf = ({ dictionary, name }: Column) => dictionary ?? name;
  const [ours, theirs] = [input.columns[main]!, side.columns[other]!];
  if (ours.type !== 'string' || theirs.type !== 'string' || dictionaryOf(ours) !== dictionaryOf(theirs)) {
    add(
      ['with'],
      'expected columns "symbol" of one dictionary in both inputs, found ' +
        `${ours.type} "${dictionaryOf(ours)}" and ${theirs.type} "${dictionaryOf(theirs)}"`,
    );
  }
  return { main, side: other };
}

function outputColumn(column: Column, name: string, mayBeNull: boolean): Column {
  return {
    ...column,
    name,
    ...(column.type === 'string' && { dictionary: column.dictionary ?? column.name }),
    ...(mayBeNull && { nullable: true }),
  };
}

const namesOf = (schema: Schema): string => schema.columns.map(({ name }) => name).join(', ');
