import { type Dictionary, NO_STRING } from '../../columns/dictionary.js';
import type { Column, ColumnData } from '../../columns/schema.js';
import { cutText } from '../../core/shown-text.js';
import type { ColumnEncoder, EncodedRows, Refuse } from './encoded-rows.js';
import { ValidityBits } from './validity-bits.js';

/** A text of a vector: its length in a word, and the bytes of a short one in three more. */
const BYTES_OF_TEXT = 16;
const SHORT_MAX = 12;
/** Encoded texts up to this length are kept, of each id. */
const KEPT_MAX = 4_096;

const UNSEEN = 0;
const SHORT = 1;
const LONG = 2;
const UNPAIRED = 3;

/**
 * Texts by their ids: each is encoded once. A short one is four words to copy; a long one is given to DuckDB,
 * which keeps it in memory of its own.
 */
export class TextEncoderOfColumn implements ColumnEncoder {
  readonly #column: Column;
  readonly #dictionary: Dictionary | undefined;
  readonly #kinds: number[] = [];
  readonly #words: number[] = [];
  readonly #long = new Map<number, Uint8Array>();
  readonly #encoder = new TextEncoder();
  readonly #scratch: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #validity: ValidityBits;

  /** @param dictionary - Of a string column. */
  constructor(column: Column, dictionary: Dictionary | undefined, rowsMax: number) {
    this.#column = column;
    this.#dictionary = dictionary;
    this.#scratch = new Int32Array((rowsMax * BYTES_OF_TEXT) / 4);
    this.#bytes = new Uint8Array(this.#scratch.buffer);
    this.#validity = new ValidityBits(rowsMax);
  }

  check(data: ColumnData, rows: number, refuse: Refuse): void {
    for (let row = 0; row < rows; row++) {
      const id = data[row]!;
      if (id === NO_STRING || this.#kindOf(id) !== UNPAIRED) continue;
      refuse(
        row,
        'a text of Unicode, as VARCHAR has it',
        `half of a pair of code units in ${JSON.stringify(cutText(this.#textOf(id), 100))}`,
      );
    }
  }

  encode(data: ColumnData, start: number, rows: number): EncodedRows {
    this.#validity.begin();
    const scratch = this.#scratch;
    let longTexts: { row: number; text: Uint8Array }[] | undefined;
    for (let row = 0; row < rows; row++) {
      const id = data[start + row]!;
      const at = row * 4;
      if (id === NO_STRING) {
        this.#validity.setNull(row);
        scratch.fill(0, at, at + 4);
        continue;
      }
      const kind = this.#kinds[id] ?? this.#kindOf(id);
      if (kind === LONG) {
        scratch.fill(0, at, at + 4);
        longTexts ??= [];
        longTexts.push({ row, text: this.#long.get(id) ?? this.#encoder.encode(this.#textOf(id)) });
        continue;
      }
      const from = id * 4;
      scratch[at] = this.#words[from]!;
      scratch[at + 1] = this.#words[from + 1]!;
      scratch[at + 2] = this.#words[from + 2]!;
      scratch[at + 3] = this.#words[from + 3]!;
    }
    return {
      bytes: this.#bytes.subarray(0, rows * BYTES_OF_TEXT),
      validity: this.#validity.bits,
      longTexts,
    };
  }

  #textOf(id: number): string {
    return (this.#dictionary ? this.#dictionary.at(id) : this.#column.values?.[id]) ?? '';
  }

  #kindOf(id: number): number {
    const known = this.#kinds[id] ?? UNSEEN;
    if (known !== UNSEEN) return known;
    while (this.#kinds.length < id) this.#kinds.push(UNSEEN); // stays an array without holes
    const kind = this.#look(id);
    this.#kinds[id] = kind;
    return kind;
  }

  #look(id: number): number {
    const text = this.#textOf(id);
    if (UNPAIRED_HALF.test(text)) return UNPAIRED;
    const bytes = this.#encoder.encode(text);
    if (bytes.length > SHORT_MAX) {
      if (bytes.length <= KEPT_MAX) this.#long.set(id, bytes);
      return LONG;
    }
    const words = new Int32Array(4);
    words[0] = bytes.length;
    new Uint8Array(words.buffer).set(bytes, 4);
    while (this.#words.length < id * 4) this.#words.push(0);
    for (let i = 0; i < 4; i++) this.#words[id * 4 + i] = words[i]!;
    return SHORT;
  }
}

const UNPAIRED_HALF = /\p{Surrogate}/u;
