import type { DictionarySet } from '../../../columns/dictionary.js';
import { type ColumnData, elementsPerRow } from '../../../columns/schema.js';
import type { PlainData } from '../../../core/plain-data.js';
import { copyValue, KeptRowsWriter, readKeptRows, savedAt, type Taken } from './kept-rows.js';

/** Saved in place of the symbol for a row without a match. */
const UNMATCHED = 0;
const MATCHED = 1;

/** The columns that hold the answers of a main batch. */
export interface Answers {
  readonly taken: Taken;
  /** The taken columns, in their order. */
  readonly target: readonly ColumnData[];
  readonly age: Float64Array | undefined;
}

/**
 * Saves the answers of the first rows of a batch whose other rows still wait. They could not be found again,
 * since the matching side rows may have been dropped.
 */
export function saveAnswers(
  answers: Answers,
  rows: number,
  isMatched: (row: number) => boolean,
  dictionaries: DictionarySet,
): PlainData {
  const { columns, values } = valuesOf(answers);
  const writer = new KeptRowsWriter(columns, dictionaries);
  for (let row = 0; row < rows; row++) {
    const symbol = isMatched(row) ? MATCHED : UNMATCHED;
    writer.add({ symbol, high: 0, low: 0, sequenceHigh: 0, sequenceLow: 0 }, values, row);
  }
  return writer.save();
}

/**
 * Copies saved answers back into the columns of the same batch.
 *
 * @returns The number of answers.
 * @throws {PipelineError} `CHECKPOINT_INVALID` if the saved columns differ.
 */
export function loadAnswers(
  saved: PlainData,
  answers: Answers,
  note: (row: number, isMatched: boolean) => void,
  dictionaries: DictionarySet,
): number {
  const { columns, values } = valuesOf(answers);
  const places = savedAt(columns);
  let rows = 0;
  readKeptRows(saved, columns, dictionaries, ({ symbol }, batch, row) => {
    values.forEach((to, i) => {
      const width = elementsPerRow(columns[i]!.column.type);
      copyValue(batch.columns[places[i]!.at]!, row, to, row, width);
    });
    note(row, symbol === MATCHED);
    rows++;
  });
  return rows;
}

function valuesOf({ taken, target, age }: Answers) {
  if (!age) return { columns: taken, values: target };
  const column = { name: 'age', type: 'float64', nullable: true } as const;
  return { columns: [...taken, { column, at: taken.length }], values: [...target, age] };
}
