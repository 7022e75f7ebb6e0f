import type { Batch } from '../../columns/batch.js';
import { elementsPerRow } from '../../columns/schema.js';
import { InvalidOptionsError, PipelineError } from '../../core/errors.js';
import type { FieldReader, PgReadField, ValuesRead } from './field-reader.js';
import { BooleanReader, Float64Reader, Int32Reader, Int64Reader } from './number-readers.js';
import { NUMERIC_HEADER_BYTES } from './numeric-digits.js';
import { PG_COPY_HEADER } from './pg-copy-encoder.js';
import { PG_OIDS, READABLE_PG_TYPES } from './pg-types.js';
import { type RowRefusal, RowRefusals } from './row-refusals.js';
import { EnumReader, TextReader } from './text-reader.js';
import { ROW_BYTES_MAX } from './text-writer.js';
import { NanosReader, TimeReader } from './time-readers.js';

const STEP_ROWS = 1_024;
const SIGNATURE_BYTES = 11;
const HEADER_BYTES = 19;
/** A bit of the flags: rows have an object id in front. No server since version 12 sets it. */
const HAS_OIDS = 0x1_0000;
const FIRST_BYTES = 65_536;

/** Bytes of the types of fixed length. */
const LENGTHS: Readonly<Partial<Record<string, number>>> = {
  timestamptz: 8,
  timestamp: 8,
  date: 4,
  int2: 2,
  int4: 4,
  int8: 8,
  float4: 4,
  float8: 8,
  bool: 1,
};
/** Memory beyond this is only for a long row, and given back after it. */
const KEPT_BYTES_MAX = 1_048_576;

export interface PgCopyDecoderOptions {
  /** The most bytes of a row. Default: 1,073,741,823, as PostgreSQL has it. */
  readonly rowBytesMax?: number;
  /** Readers of the columns behind those of the fields, which see their values and write into no batch. */
  readonly watchers?: readonly FieldReader[];
}

/**
 * Reads the binary format of COPY into the columns of batches. It takes chunks of any size, and finds the fields of
 * up to 1,024 rows first, to read them a column at a time. It keeps a chunk and the beginning of one row.
 */
export class PgCopyDecoder {
  readonly #readers: readonly FieldReader[];
  readonly #fields: readonly PgReadField[];
  /** By field: where the lengths of its values are. */
  readonly #places: readonly Int32Array[];
  readonly #lengths: readonly (number | undefined)[];
  readonly #refused = new RowRefusals(STEP_ROWS);
  readonly #rowBytesMax: number;
  #refusals: RowRefusal[] = [];
  #bytes = Buffer.alloc(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
  /** The first byte that is not read, and the end of those that have come. */
  #at = 0;
  #end = 0;
  #hasHeader = false;
  #isAtEnd = false;
  #rows = 0;

  /**
   * @param fields - The columns of the stream in their order.
   * @throws {InvalidOptionsError} for columns that cannot be read from their types.
   */
  constructor(fields: readonly PgReadField[], options: PgCopyDecoderOptions = {}) {
    const { rowBytesMax = ROW_BYTES_MAX, watchers = [] } = options;
    const problems = fields.map(problemOfReadField).filter((problem) => problem !== undefined);
    if (problems.length > 0) throw new InvalidOptionsError('PgCopyDecoder', problems);
    this.#fields = [...fields, ...watchers.map(({ field }) => field)];
    this.#readers = [...fields.map((field) => readerOf(field, fields)), ...watchers];
    this.#lengths = this.#fields.map(({ type }, i) => (i < fields.length ? LENGTHS[type] : undefined));
    this.#places = this.#fields.map(() => new Int32Array(STEP_ROWS));
    this.#rowBytesMax = rowBytesMax;
  }

  /** Rows read so far, refused ones included. */
  get rows(): number {
    return this.#rows;
  }

  /** Whether the end of the rows was read. A stream that ends without it was cut off. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Bytes of memory that it holds. */
  get bytesHeld(): number {
    return this.#bytes.length;
  }

  /** Adds the next bytes of the stream. They are copied. */
  push(chunk: Uint8Array): void {
    const rest = this.#end - this.#at;
    const needed = rest + chunk.length;
    const isWide = this.#bytes.length > KEPT_BYTES_MAX && needed < this.#bytes.length / 4;
    if (isWide || this.#end + chunk.length > this.#bytes.length) {
      const fits = needed <= this.#bytes.length && !isWide;
      const target = fits ? this.#bytes : Buffer.alloc(Math.max(FIRST_BYTES, needed, 2 * rest));
      this.#bytes.copy(target, 0, this.#at, this.#end);
      if (!fits) {
        this.#bytes = target;
        this.#view = new DataView(target.buffer, target.byteOffset, target.length);
      }
      this.#at = 0;
      this.#end = rest;
    }
    this.#bytes.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /**
   * Reads rows into a batch, behind those that it has, while there is room and whole rows have come.
   *
   * @returns How many rows it added.
   * @throws {PipelineError} `INPUT_CORRUPT` for bytes that are not those of such rows.
   */
  decode(batch: Batch): number {
    const before = batch.length;
    while (batch.length < batch.capacity) {
      const count = this.#findRows(Math.min(STEP_ROWS, batch.capacity - batch.length));
      if (count === 0) break;
      this.#readRows(batch, count);
    }
    return batch.length - before;
  }

  /** The refused rows since the last call. `row` counts from the beginning of the stream. */
  takeRefusals(): readonly RowRefusal[] {
    const refusals = this.#refusals;
    if (refusals.length > 0) this.#refusals = [];
    return refusals;
  }

  /** @returns How many whole rows there are, at most `rowsMax`; their fields are in `#places`. */
  #findRows(rowsMax: number): number {
    if (!this.#hasHeader && !this.#readHeader()) return 0;
    let count = 0;
    while (count < rowsMax && !this.#isAtEnd) {
      const next = this.#findRow(count);
      if (next < 0) break;
      this.#at = next;
      if (!this.#isAtEnd) count++;
    }
    return count;
  }

  /** @returns Where the row ends; −1 if it has not come yet. */
  #findRow(i: number): number {
    const view = this.#view;
    const end = this.#end;
    let at = this.#at;
    if (at + 2 > end) return -1;
    const fields = view.getInt16(at);
    at += 2;
    if (fields === -1) {
      this.#isAtEnd = true;
      return at;
    }
    if (fields !== this.#fields.length)
      this.#corrupt(`expected ${this.#fields.length} columns, found ${fields}`);
    for (let field = 0; field < fields; field++) {
      if (at + 4 > end) return this.#unfinished(at);
      const length = view.getInt32(at);
      this.#places[field]![i] = at;
      at += 4;
      if (length === -1) continue;
      if (length !== this.#lengths[field]) this.#checkLength(field, length, at);
      at += length;
      if (at > end) return this.#unfinished(at);
    }
    return at;
  }

  #unfinished(at: number): -1 {
    if (at - this.#at > this.#rowBytesMax)
      this.#corrupt(`expected a row of at most ${this.#rowBytesMax} bytes, found a longer one`);
    return -1;
  }

  /** Of a value that has not the one length of its type. */
  #checkLength(field: number, length: number, at: number): void {
    const { name, type } = this.#fields[field]!;
    const has = (expected: number) => `expected ${expected} bytes in column "${name}", found ${length}`;
    const fixed = this.#lengths[field];
    if (fixed !== undefined) this.#corrupt(has(fixed));
    if (length < 0) this.#corrupt(has(0));
    if (type !== 'numeric' || at + NUMERIC_HEADER_BYTES > this.#end) return;
    const expected = NUMERIC_HEADER_BYTES + 2 * this.#view.getUint16(at);
    if (length !== expected) this.#corrupt(has(expected));
  }

  #readHeader(): boolean {
    if (this.#end - this.#at < HEADER_BYTES) return false;
    const found = this.#bytes.subarray(this.#at, this.#at + SIGNATURE_BYTES);
    if (found.compare(PG_COPY_HEADER, 0, SIGNATURE_BYTES) !== 0)
      this.#corrupt('expected the signature of a binary COPY, found other bytes');
    if (this.#view.getUint32(this.#at + SIGNATURE_BYTES) & HAS_OIDS)
      this.#corrupt('expected rows without object ids, found some with them');
    const extension = this.#view.getUint32(this.#at + SIGNATURE_BYTES + 4);
    if (this.#end - this.#at < HEADER_BYTES + extension) return false;
    this.#at += HEADER_BYTES + extension;
    this.#hasHeader = true;
    return true;
  }

  #readRows(batch: Batch, count: number): void {
    const start = batch.length;
    const first = this.#rows;
    const refuse: ValuesRead['refuse'] = (i, { name }, expected, found) =>
      this.#refused.add(i, { row: first + i, column: name, expected, found });
    for (let field = 0; field < this.#readers.length; field++) {
      const places = this.#places[field]!;
      this.#readers[field]!.read(
        { view: this.#view, bytes: this.#bytes, places, count, refuse },
        batch,
        start,
      );
    }
    this.#rows += count;
    batch.length = start + count;
    if (this.#refused.count > 0) this.#leaveOutRefused(batch, start, count);
  }

  #leaveOutRefused(batch: Batch, start: number, count: number): void {
    let to = start;
    for (let i = 0; i < count; i++) {
      if (this.#refused.isRefused(i)) continue;
      for (const [index, { type }] of batch.schema.columns.entries()) {
        const width = elementsPerRow(type);
        batch.columns[index]!.copyWithin(to * width, (start + i) * width, (start + i + 1) * width);
      }
      to++;
    }
    batch.length = to;
    this.#refusals.push(...this.#refused.take());
  }

  #corrupt(what: string): never {
    throw new PipelineError('INPUT_CORRUPT', `Binary COPY, row ${this.#rows + 1}: ${what}`);
  }
}

/** What is wrong with a field, if its column cannot be read from its type. */
export function problemOfReadField({ name, column, type, part }: PgReadField): string | undefined {
  if (part !== undefined) {
    if (column.type === 'timestamp' && (type === 'int2' || type === 'int4')) return undefined;
    return `"${name}": expected int2 or int4 with the nanoseconds of a timestamp, found ${type}`;
  }
  const types = READABLE_PG_TYPES[column.type];
  if (types.includes(type)) return undefined;
  return `"${name}": a column of type ${column.type} is read from ${types.join(', ')}, found ${type} (oid ${PG_OIDS[type]})`;
}

function readerOf(field: PgReadField, all: readonly PgReadField[]): FieldReader {
  if (field.part === 'nanos') return new NanosReader(field);
  switch (field.column.type) {
    case 'timestamp':
      return new TimeReader(
        field,
        all.some(({ part, column }) => part === 'nanos' && column.name === field.column.name),
      );
    case 'int64':
      return new Int64Reader(field);
    case 'int32':
      return new Int32Reader(field);
    case 'float64':
      return new Float64Reader(field);
    case 'boolean':
      return new BooleanReader(field);
    case 'enum':
      return new EnumReader(field);
    default:
      return new TextReader(field);
  }
}
