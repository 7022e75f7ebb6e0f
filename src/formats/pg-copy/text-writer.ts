import type { Batch } from '../../columns/batch.js';
import type { Dictionary } from '../../columns/dictionary.js';
import type { ColumnData } from '../../columns/schema.js';
import { quoted } from '../../core/shown-text.js';
import { EXPECTED_VALUE, type FieldWriter, LENGTH_BYTES, type RowsToWrite } from './field-writer.js';
import type { PgField } from './pg-field.js';
import type { RowRefusals } from './row-refusals.js';

/** The most bytes of a value, and of a row: PostgreSQL takes no message field of 1 GB. */
export const ROW_BYTES_MAX = 1_073_741_823;
/** Bytes of texts that are kept encoded, and the ids that they may have: symbols and venues, which repeat. */
const KEPT_BYTES_MAX = 4_194_304;
const KEPT_IDS_MAX = 65_536;
/** Up to this length, a loop is faster than the call of a copy. */
const LOOP_BYTES_MAX = 32;

const UNKNOWN = -1;
const NOT_KEPT = -2;
const REFUSED = -3;

/** Strings and the names of enum values as `text` or `varchar(n)`, in UTF-8. */
export class TextWriter implements FieldWriter {
  readonly field: PgField;
  readonly #bytesMax: number;
  readonly #values: readonly string[] | undefined;
  #dictionary: Dictionary | undefined;
  #ids: ColumnData = new Int32Array(0);
  /** The texts that are kept, one after the other. */
  #kept = Buffer.alloc(4_096);
  #keptLength = 0;
  /** By id: where it is in `#kept`, and how long it is; or why it is not there. */
  #starts = new Int32Array(64).fill(UNKNOWN);
  #lengths = new Int32Array(64);
  #out: Buffer | undefined;

  /** @param bytesMax - The most bytes of a row. */
  constructor(field: PgField, bytesMax: number) {
    this.field = field;
    this.#bytesMax = bytesMax;
    this.#values = field.column.type === 'enum' ? (field.column.values ?? []) : undefined;
  }

  measure(batch: Batch, { rows, count }: RowsToWrite, bytes: Float64Array, refusals: RowRefusals): void {
    this.#over(batch);
    const ids = this.#ids;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const id = ids[row]!;
      const length = id < 0 ? 0 : this.#lengthOf(id);
      bytes[i]! += LENGTH_BYTES + Math.max(0, length);
      const isMissing = id < 0 && this.field.notNull === true;
      if (length >= 0 && !isMissing && bytes[i]! <= this.#bytesMax) continue;
      const expected = isMissing ? EXPECTED_VALUE : this.#refusal(this.#textOf(id));
      const found = isMissing ? 'none' : shown(this.#textOf(id));
      refusals.add(i, { row, column: this.field.name, expected, found });
    }
  }

  write({ rows, count }: RowsToWrite, out: DataView, at: Int32Array): void {
    const target = this.#bufferOf(out);
    const ids = this.#ids;
    for (let i = 0; i < count; i++) {
      const id = ids[rows[i]!]!;
      const place = at[i]!;
      if (id < 0) {
        out.setInt32(place, -1);
        at[i] = place + LENGTH_BYTES;
        continue;
      }
      const start = this.#startOf(id);
      const length =
        start >= 0 ? this.#copy(start, this.#lengths[id]!, target, place) : this.#encode(id, target, place);
      out.setInt32(place, length);
      at[i] = place + LENGTH_BYTES + length;
    }
  }

  #over(batch: Batch): void {
    this.#ids = batch.column(this.field.column.name);
    if (this.#values !== undefined) return;
    const dictionary = batch.dictionary(this.field.column);
    if (dictionary !== this.#dictionary) {
      this.#starts.fill(UNKNOWN);
      this.#keptLength = 0;
    }
    this.#dictionary = dictionary;
  }

  /** Bytes of a text; below 0 if it is refused. */
  #lengthOf(id: number): number {
    const start = this.#startOf(id);
    if (start >= 0) return this.#lengths[id]!;
    if (start === REFUSED) return REFUSED;
    const text = this.#textOf(id);
    return problemOf(text, this.field) === undefined ? Buffer.byteLength(text) : REFUSED;
  }

  #startOf(id: number): number {
    const known = id < this.#starts.length ? this.#starts[id]! : UNKNOWN;
    return known === UNKNOWN ? this.#keep(id) : known;
  }

  /** Encodes the text of an id for later rows, while there is room. @returns What `#starts` says of it. */
  #keep(id: number): number {
    if (id >= KEPT_IDS_MAX) return NOT_KEPT;
    this.#makeRoomFor(id);
    const text = this.#textOf(id);
    if (problemOf(text, this.field) !== undefined) {
      this.#starts[id] = REFUSED;
      return REFUSED;
    }
    const length = Buffer.byteLength(text);
    if (this.#keptLength + length > KEPT_BYTES_MAX) {
      this.#starts[id] = NOT_KEPT;
      return NOT_KEPT;
    }
    const start = this.#keptLength;
    if (start + length > this.#kept.length) {
      const larger = Buffer.alloc(Math.max(start + length, 2 * this.#kept.length));
      larger.set(this.#kept);
      this.#kept = larger;
    }
    this.#kept.write(text, start);
    this.#keptLength += length;
    this.#lengths[id] = length;
    this.#starts[id] = start;
    return start;
  }

  #makeRoomFor(id: number): void {
    if (id < this.#starts.length) return;
    const size = Math.max(id + 1, 2 * this.#starts.length);
    const starts = new Int32Array(size).fill(UNKNOWN);
    starts.set(this.#starts);
    this.#starts = starts;
    const lengths = new Int32Array(size);
    lengths.set(this.#lengths);
    this.#lengths = lengths;
  }

  #copy(start: number, length: number, target: Buffer, place: number): number {
    const kept = this.#kept;
    const to = place + LENGTH_BYTES;
    if (length > LOOP_BYTES_MAX) kept.copy(target, to, start, start + length);
    else for (let i = 0; i < length; i++) target[to + i] = kept[start + i]!;
    return length;
  }

  #encode(id: number, target: Buffer, place: number): number {
    return target.write(this.#textOf(id), place + LENGTH_BYTES);
  }

  #textOf(id: number): string {
    return (this.#values === undefined ? this.#dictionary?.at(id) : this.#values[id]) ?? '';
  }

  /** The bytes of a view; made once for each memory. */
  #bufferOf({ buffer, byteOffset, byteLength }: DataView): Buffer {
    if (this.#out?.buffer !== buffer || this.#out.byteLength !== byteLength)
      this.#out = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
    return this.#out;
  }

  #refusal(text: string): string {
    return (
      problemOf(text, this.field) ??
      `a row of at most ${this.#bytesMax} bytes, which is what PostgreSQL takes`
    );
  }
}

/** What is expected in place of a text that PostgreSQL would refuse, or change. */
function problemOf(text: string, { type }: PgField): string | undefined {
  if (text.includes('\0')) return 'a text without NUL, which PostgreSQL cannot hold';
  if (!isWellFormed(text)) return 'a text of whole characters';
  const { characters } = type;
  if (characters === undefined || text.length <= characters) return undefined;
  return charactersOf(text) <= characters ? undefined : `at most ${characters} characters`;
}

/** Whether no half of a surrogate pair stands alone. */
const isWellFormed = (text: string): boolean => !/\p{Surrogate}/u.test(text);

function charactersOf(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0xdc00 || unit > 0xdfff) count++; // the second half of a pair is no further character
  }
  return count;
}

/** A text for a message, with the signs that cannot be seen as escapes. */
const shown = (text: string): string => quoted(text.length > 200 ? text : JSON.stringify(text).slice(1, -1));
