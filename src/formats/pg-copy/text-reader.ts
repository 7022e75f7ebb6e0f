import { isUtf8 } from 'node:buffer';
import type { Batch } from '../../columns/batch.js';
import { type Dictionary, NO_STRING } from '../../columns/dictionary.js';
import { cutList, quoted } from '../../core/shown-text.js';
import { ByteTable } from '../csv/byte-table.js';
import { EXPECTED_NOT_NULL, type FieldReader, type PgReadField, type ValuesRead } from './field-reader.js';

const EXPECTED_UTF8 = 'a text in UTF-8';

/** A string of `text` or `varchar`, by its id in a dictionary. Of a text that is known, no string is made. */
export class TextReader implements FieldReader {
  readonly field: PgReadField;
  #known = new ByteTable();
  #dictionary: Dictionary | undefined;

  constructor(field: PgReadField) {
    this.field = field;
  }

  read(values: ValuesRead, batch: Batch, start: number): void {
    const { view, bytes, places, count } = values;
    const ids = batch.int32(this.field.column.name);
    const dictionary = batch.dictionary(this.field.column);
    if (dictionary !== this.#dictionary) this.#known = new ByteTable();
    this.#dictionary = dictionary;
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      const length = view.getInt32(place);
      if (length < 0) {
        ids[start + i] = NO_STRING;
        if (!this.field.column.nullable) values.refuse(i, this.field, EXPECTED_NOT_NULL('string'), 'NULL');
        continue;
      }
      const from = place + 4;
      const known = this.#known.find(bytes, from, from + length);
      ids[start + i] = known < 0 ? this.#idOf(values, i, from, from + length) : known;
    }
  }

  #idOf(values: ValuesRead, i: number, from: number, to: number): number {
    const { bytes } = values;
    if (!isUtf8(bytes.subarray(from, to))) {
      values.refuse(i, this.field, EXPECTED_UTF8, 'other bytes');
      return NO_STRING;
    }
    const id = this.#dictionary!.idOf(bytes.toString('utf8', from, to));
    this.#known.add(bytes, from, to, id);
    return id;
  }
}

/** The value of an enum, by its index. */
export class EnumReader implements FieldReader {
  readonly field: PgReadField;
  readonly #values: readonly string[];
  readonly #known = new ByteTable();

  constructor(field: PgReadField) {
    this.field = field;
    this.#values = field.column.values ?? [];
    for (const [code, value] of this.#values.entries()) this.#known.addText(value, code);
  }

  read(values: ValuesRead, batch: Batch, start: number): void {
    const { view, bytes, places, count } = values;
    const codes = batch.uint8(this.field.column.name);
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      const length = view.getInt32(place);
      if (length < 0) {
        values.refuse(i, this.field, EXPECTED_NOT_NULL('enum'), 'NULL');
        continue;
      }
      const from = place + 4;
      const known = this.#known.find(bytes, from, from + length);
      codes[start + i] = known < 0 ? this.#codeOf(values, i, from, from + length) : known;
    }
  }

  /** Of a value that is too long for the table, or of none. */
  #codeOf(values: ValuesRead, i: number, from: number, to: number): number {
    const text = values.bytes.toString('utf8', from, to);
    const code = this.#values.indexOf(text);
    if (code >= 0) return code;
    values.refuse(i, this.field, `one of ${cutList(this.#values)}`, quoted(text));
    return 0;
  }
}
