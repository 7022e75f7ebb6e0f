import { type Dictionary, NO_STRING } from '../../columns/dictionary.js';
import type { ColumnData } from '../../columns/schema.js';
import type { Kernels } from '../kernels/kernels.js';
import { ByteTable } from './byte-table.js';
import type { ColumnReader, ReadTask } from './column-reader.js';
import { fieldText } from './split-row.js';
import { textOwner } from './text-owners.js';

/**
 * The kernels cache a few thousand texts of at most 16 bytes. If more than one text in `ROWS_PER_NEW_TEXT` is new or
 * longer, the cache does not help, and the readers are faster.
 */
const ROWS_PER_NEW_TEXT = 4;
const NEW_TEXTS_MIN = 64;

/**
 * Reads texts as ids of a dictionary; only a new text is made into a string. New texts get their ids in the order of
 * rows, with kernels and without. If several columns share a dictionary, one column is read to the end of the scan (or
 * of the kernels' stretch) before the next, so the order of their new ids depends on where that ends.
 */
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
    { bytes, bounds, stride, doubled, from, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const anyDoubled = doubled.size > 0;
    const ids = data as Int32Array;
    const table = this.#table;
    for (let row = from, k = from * stride + 2 * slot; row < rows; row++, k += stride) {
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

  readBy(kernels: Kernels, rows: number, out: ColumnData, outRow: number): number {
    const { call, bytes, bounds, values32, textBytesMax } = kernels;
    const owner = textOwner(this.#dictionary, this.#nullable);
    let newTextsLeft = NEW_TEXTS_MIN + rows / ROWS_PER_NEW_TEXT;
    call.beginTexts();
    let row = call.readTexts32(0, rows, owner);
    for (; row < rows; row = call.readTexts32(row, rows, owner)) {
      if (newTextsLeft-- < 0) return rows;
      call.placeBounds(rows);
      const start = bounds[2 * row]!;
      const end = bounds[2 * row + 1]!;
      if (end - start > textBytesMax) values32[row++] = this.#idOf(bytes, start, end);
      else if (start < end) call.keepText(row, owner, this.#idOf(bytes, start, end));
      else if (this.#nullable) call.keepText(row, owner, NO_STRING);
      else call.leaveText(row++);
    }
    kernels.copyValues(out, outRow, rows);
    return call.textsLeft();
  }

  #idOf(bytes: Uint8Array, start: number, end: number): number {
    const known = this.#table.find(bytes, start, end);
    if (known >= 0) return known;
    const id = this.#dictionary.idOf(fieldText(bytes, start, end, false));
    this.#table.add(bytes, start, end, id);
    return id;
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
    { bytes, bounds, stride, from, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const codes = data as Uint8Array;
    for (let row = from, k = from * stride + 2 * slot; row < rows; row++, k += stride) {
      const code = this.#table.find(bytes, bounds[k]!, bounds[k + 1]!);
      if (code < 0) bad(row);
      else codes[outRow + row] = code;
    }
  }

  readBy(kernels: Kernels, rows: number, out: ColumnData, outRow: number): number {
    const { call, bytes, bounds, values8, textBytesMax } = kernels;
    const owner = textOwner(this, true);
    let newTextsLeft = NEW_TEXTS_MIN + rows / ROWS_PER_NEW_TEXT;
    call.beginTexts();
    let row = call.readTexts8(0, rows, owner);
    for (; row < rows; row = call.readTexts8(row, rows, owner)) {
      if (newTextsLeft-- < 0) return rows;
      call.placeBounds(rows);
      const start = bounds[2 * row]!;
      const end = bounds[2 * row + 1]!;
      const code = this.#table.find(bytes, start, end);
      if (code < 0) call.leaveText(row++);
      else if (end - start > textBytesMax) values8[row++] = code;
      else call.keepText(row, owner, code);
    }
    kernels.copyValues(out, outRow, rows);
    return call.textsLeft();
  }
}
