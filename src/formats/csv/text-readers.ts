import { type Dictionary, NO_STRING } from '../../columns/dictionary.js';
import type { ColumnData } from '../../columns/schema.js';
import { ByteTable } from './byte-table.js';
import type { ColumnReader, ReadTask } from './column-reader.js';
import { fieldText } from './split-row.js';

/** Reads texts as ids of a dictionary; only a new text is made into a string. */
export class StringReader implements ColumnReader {
  readonly expected = 'a text';
  readonly #table = new ByteTable();
  readonly #dictionary: Dictionary;
  readonly #nullable: boolean;

  constructor(dictionary: Dictionary, nullable: boolean) {
    this.#dictionary = dictionary;
    this.#nullable = nullable;
  }

  read(
    { bytes, bounds, stride, doubled, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const anyDoubled = doubled.size > 0;
    const ids = data as Int32Array;
    const table = this.#table;
    for (let row = 0, k = 2 * slot; row < rows; row++, k += stride) {
      const start = bounds[k]!;
      const end = bounds[k + 1]!;
      if (start === end) {
        ids[outRow + row] = NO_STRING;
        if (!this.#nullable) bad(row);
        continue;
      }
      const isDoubled = anyDoubled && doubled.has(k);
      let id = isDoubled ? -1 : table.find(bytes, start, end);
      if (id < 0) {
        id = this.#dictionary.idOf(fieldText(bytes, start, end, isDoubled));
        if (!isDoubled) table.add(bytes, start, end, id);
      }
      ids[outRow + row] = id;
    }
  }
}

/** Reads enums and booleans: texts of a known set, as small numbers. */
export class CodeReader implements ColumnReader {
  readonly expected: string;
  readonly #table = new ByteTable();

  constructor(texts: readonly (readonly [string, number])[]) {
    for (const [text, code] of texts) this.#table.addText(text, code);
    const named = texts.map(([text]) => (text === '' ? 'nothing' : text));
    this.expected = `one of ${named.slice(0, 20).join(', ')}${named.length > 20 ? ', …' : ''}`;
  }

  read(
    { bytes, bounds, stride, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const codes = data as Uint8Array;
    for (let row = 0, k = 2 * slot; row < rows; row++, k += stride) {
      const code = this.#table.find(bytes, bounds[k]!, bounds[k + 1]!);
      if (code < 0) bad(row);
      else codes[outRow + row] = code;
    }
  }
}
