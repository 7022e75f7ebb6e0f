import type { DictionarySet } from '../../../columns/dictionary.js';
import { type ColumnData, elementsPerRow } from '../../../columns/schema.js';
import type { PlainData } from '../../../core/plain-data.js';
import { copyValue, KeptRowsWriter, readKeptRows, savedAt, type Taken } from './kept-rows.js';

/** Of a row without a match, in place of its symbol. */
const UNMATCHED = 0;
const MATCHED = 1;

/** Where the answers of a batch of the main input go. */
export interface Answers {
  readonly taken: Taken;
  /** The taken columns, in their order. */
  readonly target: readonly ColumnData[];
  readonly age: Float64Array | undefined;
}

/**
 * Saves the answers of the first rows of a batch whose other rows still wait. They cannot be found again: the
 * rows that they are of may have been dropped since.
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
 * Puts answers that were saved where those of the same batch go.
 *
 * @returns How many there are.
 * @throws {PipelineError} `CHECKPOINT_INVALID` for answers of other columns.
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
