import type { Batch } from '../../columns/batch.js';
import { InvalidOptionsError } from '../../core/errors.js';
import { invariant } from '../../core/invariant.js';
import { BooleanWriter } from './boolean-writer.js';
import type { FieldWriter } from './field-writer.js';
import { NumberWriter } from './number-writer.js';
import { NumericWriter } from './numeric-writer.js';
import { type PgField, problemOfField } from './pg-field.js';
import { type RowRefusal, RowRefusals } from './row-refusals.js';
import { ROW_BYTES_MAX, TextWriter } from './text-writer.js';
import { DateWriter, NanosWriter, TimeWriter, WordsWriter } from './time-writers.js';

/** Eleven bytes that no transfer leaves as they are if it changes bytes; then no flags, and no extension. */
export const PG_COPY_HEADER: Uint8Array = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** In place of a row: the end. */
export const PG_COPY_TRAILER: Uint8Array = Buffer.from([0xff, 0xff]);

/** Rows of a step: its part of the output fits into the cache of a core. */
const STEP_ROWS = 1_024;
/** The number of fields, in front of each row. */
const COUNT_BYTES = 2;
const FIELDS_MAX = 1_600;

/** Rows as bytes for `COPY … FROM STDIN (FORMAT binary)`, between header and trailer. */
export interface PgCopyPart {
  /** Whole rows. Valid until the next call: the memory is used again. */
  readonly bytes: Uint8Array;
  /** The row to go on with; `end` once all are done. */
  readonly next: number;
  /** Rows in `bytes`. */
  readonly rows: number;
  /** The rows from `start` to `next` that are not in `bytes`, in order, and why. */
  readonly refusals: readonly RowRefusal[];
}

export interface PgCopyEncoderOptions {
  /** Bytes at which a part ends. A row of its own may be longer. Default: 1 MiB. */
  readonly partBytes?: number;
  /** The most bytes of a row. Default: 1,073,741,823, as PostgreSQL has it. */
  readonly rowBytesMax?: number;
}

/**
 * Makes the rows of batches into the binary format of COPY. It works a column at a time: first the bytes that each
 * row takes, then the bytes. No object is made per row.
 */
export class PgCopyEncoder {
  readonly fields: readonly PgField[];
  readonly #writers: readonly FieldWriter[];
  readonly #partBytes: number;
  readonly #refusals = new RowRefusals(STEP_ROWS);
  readonly #rows = new Int32Array(STEP_ROWS);
  readonly #bytes = new Float64Array(STEP_ROWS);
  readonly #at = new Int32Array(STEP_ROWS);
  #out: DataView;

  /** @throws {InvalidOptionsError} for fields whose columns cannot be written to their types. */
  constructor(fields: readonly PgField[], options: PgCopyEncoderOptions = {}) {
    const { partBytes = 1_048_576, rowBytesMax = ROW_BYTES_MAX } = options;
    const problems = fields.map(problemOfField).filter((problem) => problem !== undefined);
    if (fields.length === 0 || fields.length > FIELDS_MAX)
      problems.push(`expected 1 to ${FIELDS_MAX} columns, found ${fields.length}`);
    if (problems.length > 0) throw new InvalidOptionsError('PgCopyEncoder', problems);
    this.fields = fields;
    this.#partBytes = partBytes;
    this.#writers = fields.map((field) => writerOf(field, rowBytesMax));
    this.#out = new DataView(new ArrayBuffer(partBytes));
  }

  /** Encodes rows from `start` to before `end`, until a part is full. At least one row, or its refusal, is in it. */
  encode(batch: Batch, start: number, end: number): PgCopyPart {
    invariant(batch.selection === undefined, 'encoded rows stand together');
    const refusals: RowRefusal[] = [];
    let length = 0;
    let rows = 0;
    let next = start;
    let isFull = false;
    while (next < end && !isFull) {
      const stepEnd = Math.min(end, next + STEP_ROWS);
      const count = this.#prepare(batch, next, stepEnd, refusals);
      const fitting = this.#place(count, length);
      isFull = fitting < count;
      next = isFull ? this.#rows[fitting]! : stepEnd;
      length = this.#write(fitting, length);
      rows += fitting;
    }
    // Those behind the part are found again in the next one.
    while (refusals.length > 0 && refusals.at(-1)!.row >= next) refusals.pop();
    return { bytes: new Uint8Array(this.#out.buffer, 0, length), next, rows, refusals };
  }

  /** Measures rows, and lists those that are not refused. @returns How many they are. */
  #prepare(batch: Batch, start: number, end: number, refusals: RowRefusal[]): number {
    const rows = this.#rows;
    for (let row = start; row < end; row++) rows[row - start] = row;
    this.#measure(batch, end - start);
    if (this.#refusals.count === 0) return end - start;
    let count = 0;
    for (let row = start; row < end; row++) {
      if (!this.#refusals.isRefused(row - start)) rows[count++] = row;
    }
    refusals.push(...this.#refusals.take());
    // Again, since writers keep what they have measured by its place in the step.
    this.#measure(batch, count);
    return count;
  }

  #measure(batch: Batch, count: number): void {
    this.#bytes.fill(COUNT_BYTES, 0, count);
    const step = { rows: this.#rows, count };
    for (const writer of this.#writers) writer.measure(batch, step, this.#bytes, this.#refusals);
  }

  /** Gives each row its place behind the others. @returns How many fit: at least one into an empty part. */
  #place(count: number, start: number): number {
    let end = start;
    for (let i = 0; i < count; i++) {
      const next = end + this.#bytes[i]!;
      if (next > this.#partBytes && end > 0) return i;
      this.#at[i] = end;
      end = next;
    }
    return count;
  }

  /** @returns The length of the part. */
  #write(count: number, start: number): number {
    if (count === 0) return start;
    const at = this.#at;
    const length = at[count - 1]! + this.#bytes[count - 1]!;
    this.#reserve(length);
    const out = this.#out;
    for (let i = 0; i < count; i++) {
      out.setInt16(at[i]!, this.#writers.length);
      at[i]! += COUNT_BYTES;
    }
    const step = { rows: this.#rows, count };
    for (const writer of this.#writers) writer.write(step, out, at);
    return length;
  }

  /** Memory beyond that of a part is only for a long row, and given back after it. */
  #reserve(length: number): void {
    const usual = this.#out.byteLength === this.#partBytes;
    if (usual ? length <= this.#partBytes : length > this.#partBytes && length <= this.#out.byteLength)
      return;
    this.#out = new DataView(new ArrayBuffer(Math.max(length, this.#partBytes)));
  }
}

function writerOf(field: PgField, rowBytesMax: number): FieldWriter {
  const { column, type, part } = field;
  if (part === 'nanos') return new NanosWriter(field);
  switch (column.type) {
    case 'timestamp':
      if (type.name === 'int8') return new WordsWriter(field);
      return type.name === 'date' ? new DateWriter(field) : new TimeWriter(field);
    case 'string':
    case 'enum':
      return new TextWriter(field, rowBytesMax);
    case 'boolean':
      return new BooleanWriter(field);
    default:
      if (type.name === 'numeric') return new NumericWriter(field);
      return column.type === 'int64' && type.name === 'int8'
        ? new WordsWriter(field)
        : new NumberWriter(field);
  }
}
