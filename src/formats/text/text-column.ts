import type { Batch } from '../../columns/batch.js';
import type { Dictionary } from '../../columns/dictionary.js';
import type { Column, ColumnData, Schema } from '../../columns/schema.js';
import { NUMBER_BYTES_MAX, writeAscii, writeDouble, writeInt64, writeInteger } from './write-number.js';
import { TIME_BYTES_MAX, type TimeFormat, TimeWriter } from './write-time.js';

/** How a text format writes values. */
export interface TextDialect {
  readonly timeFormat: TimeFormat;
  /** Bytes before the value of a column, such as a delimiter or a key. */
  before(column: Column, index: number): Uint8Array;
  /** Encodes a string, with quotes if needed. */
  text(value: string): Uint8Array;
  /** The text for null. */
  readonly nullText: string;
  /** Whether instants are in double quotes. */
  readonly quoteTimes?: boolean;
  /** The text for NaN and infinities. */
  nonFinite(value: number): string;
}

/**
 * Only the texts of the ids below this are cached: strings after so many symbols rarely repeat, and
 * each open file has its own cache.
 */
const KEPT_MAX = 65_536;

/** Writes the values of one column as text. */
export class TextColumn {
  readonly #column: Column;
  readonly #dialect: TextDialect;
  readonly #before: Uint8Array;
  readonly #null: Uint8Array;
  readonly #time: TimeWriter;
  readonly #values: readonly Uint8Array[];
  readonly #kind: number;
  readonly #nullable: boolean;
  readonly #quoteTimes: boolean;
  #doubles: Float64Array = NO_DOUBLES;
  #words: Int32Array = NO_WORDS;
  #codes: Uint8Array = NO_CODES;
  #dictionary: Dictionary | undefined;
  /** Cached texts of the first strings of the dictionary, by id. */
  #strings: (Uint8Array | undefined)[] = [];
  /** The last string that is not in the cache. */
  #lastId = -1;
  #lastText: Uint8Array = new Uint8Array(0);

  constructor(column: Column, index: number, dialect: TextDialect) {
    this.#column = column;
    this.#dialect = dialect;
    this.#before = dialect.before(column, index);
    this.#null = Buffer.from(dialect.nullText);
    this.#time = new TimeWriter(dialect.timeFormat);
    this.#nullable = column.nullable === true;
    this.#quoteTimes = dialect.quoteTimes === true;
    this.#kind = KINDS[column.type];
    this.#values =
      column.type === 'boolean'
        ? [Buffer.from('false'), Buffer.from('true')]
        : (column.values ?? []).map((value) => dialect.text(value));
  }

  /** Sets the batch to read from, until the next call. */
  over(batch: Batch, data: ColumnData): void {
    if (data instanceof Float64Array) this.#doubles = data;
    else if (data instanceof Int32Array) this.#words = data;
    else this.#codes = data;
    if (this.#kind !== STRING) return;
    const dictionary = batch.dictionary(this.#column);
    if (dictionary !== this.#dictionary) {
      this.#strings = [];
      this.#lastId = -1;
    }
    this.#dictionary = dictionary;
  }

  /** The most bytes that the value of a row needs. */
  bytesMax(row: number): number {
    const before = this.#before.length;
    if (this.#kind === STRING) return before + this.#string(this.#words[row]!).length;
    if (this.#kind === CODE) return before + (this.#values[this.#codes[row]!] ?? this.#null).length;
    return before + (this.#kind === TIME ? TIME_BYTES_MAX + 2 : NUMBER_BYTES_MAX);
  }

  write(bytes: Uint8Array, at: number, row: number): number {
    at = copy(this.#before, bytes, at);
    switch (this.#kind) {
      case DOUBLE: {
        const value = this.#doubles[row]!;
        if (value - value === 0) return writeDouble(bytes, at, value);
        if (this.#nullable && Number.isNaN(value)) return copy(this.#null, bytes, at);
        return writeAscii(bytes, at, this.#dialect.nonFinite(value));
      }
      case TIME:
        if (!this.#quoteTimes) return this.#time.write(bytes, at, this.#words, row);
        bytes[at] = QUOTE;
        at = this.#time.write(bytes, at + 1, this.#words, row);
        bytes[at] = QUOTE;
        return at + 1;
      case STRING:
        return copy(this.#string(this.#words[row]!), bytes, at);
      case INT32:
        return writeInteger(bytes, at, this.#words[row]!);
      case INT64:
        return writeInt64(bytes, at, this.#words[2 * row]!, this.#words[2 * row + 1]!);
      default:
        return copy(this.#values[this.#codes[row]!] ?? this.#null, bytes, at);
    }
  }

  #string(id: number): Uint8Array {
    if (id < 0) return this.#null;
    return this.#strings[id] ?? this.#encode(id);
  }

  #encode(id: number): Uint8Array {
    if (id >= KEPT_MAX) return this.#unkept(id);
    // Filled without holes, since V8 makes a sparse array slow.
    while (this.#strings.length <= id) this.#strings.push(undefined);
    const text = this.#textOf(id);
    this.#strings[id] = text;
    return text;
  }

  /** Remembers the last text, since each row asks for it twice: for its size, and to write it. */
  #unkept(id: number): Uint8Array {
    if (id !== this.#lastId) this.#lastText = this.#textOf(id);
    this.#lastId = id;
    return this.#lastText;
  }

  #textOf(id: number): Uint8Array {
    const value = this.#dictionary?.at(id);
    return value === null || value === undefined ? this.#null : this.#dialect.text(value);
  }
}

export const textColumns = (schema: Schema, dialect: TextDialect): TextColumn[] =>
  schema.columns.map((column, index) => new TextColumn(column, index, dialect));

const QUOTE = 34;
const DOUBLE = 0;
const TIME = 1;
const STRING = 2;
const INT32 = 3;
const INT64 = 4;
const CODE = 5;
const KINDS = {
  float64: DOUBLE,
  timestamp: TIME,
  string: STRING,
  int32: INT32,
  int64: INT64,
  enum: CODE,
  boolean: CODE,
} as const;

const NO_DOUBLES = new Float64Array(0);
const NO_WORDS = new Int32Array(0);
const NO_CODES = new Uint8Array(0);

function copy(text: Uint8Array, bytes: Uint8Array, at: number): number {
  const { length } = text;
  // For short texts, a loop is faster than the call of `set`.
  if (length > 64) {
    bytes.set(text, at);
    return at + length;
  }
  for (let i = 0; i < length; i++) bytes[at + i] = text[i]!;
  return at + length;
}
