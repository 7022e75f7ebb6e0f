import type { Batch } from '../../columns/batch.js';
import { readEpochMillis, readNanos, readSubMillis, TWO_32 } from '../../columns/int64.js';
import { formatIsoNanos } from '../../columns/iso-nanos.js';
import { addBytes, type FieldWriter, LENGTH_BYTES, type RowsToWrite } from './field-writer.js';
import type { PgField } from './pg-field.js';
import type { RowRefusals } from './row-refusals.js';

/** PostgreSQL counts from 2000-01-01 UTC. Every instant of 64 bits of nanoseconds is within its range. */
export const PG_EPOCH_MS = 946_684_800_000;
export const DAY_MS = 86_400_000;
const PG_EPOCH_DAYS = PG_EPOCH_MS / DAY_MS;
const TWO_16 = 65_536;

const shown = (words: Int32Array, row: number): string => formatIsoNanos(readNanos(words, row));

/** A timestamp as `timestamptz` or `timestamp` (of UTC): microseconds. */
export class TimeWriter implements FieldWriter {
  readonly field: PgField;
  readonly #mayDrop: boolean;
  #words: Int32Array = new Int32Array(0);

  constructor(field: PgField) {
    this.field = field;
    this.#mayDrop = field.belowMicros === 'drop';
  }

  measure(batch: Batch, { rows, count }: RowsToWrite, bytes: Float64Array, refusals: RowRefusals): void {
    const words = batch.int32(this.field.column.name);
    this.#words = words;
    addBytes(bytes, count, 8);
    if (this.#mayDrop) return;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      if (readSubMillis(words, row) % 1_000 === 0) continue;
      const expected = 'a time in whole microseconds, which is what PostgreSQL keeps';
      refusals.add(i, { row, column: this.field.name, expected, found: shown(words, row) });
    }
  }

  write({ rows, count }: RowsToWrite, out: DataView, at: Int32Array): void {
    const words = this.#words;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const place = at[i]!;
      // (ms·1000 + µs) in words: ms = a·2¹⁶ + b, so that no product passes 2⁵³.
      const ms = readEpochMillis(words, row) - PG_EPOCH_MS;
      const micros = Math.floor(readSubMillis(words, row) / 1_000);
      const a = Math.floor(ms / TWO_16);
      const upper = a * 1_000; // counts 2¹⁶
      const upperHigh = Math.floor(upper / TWO_16); // counts 2³²
      const rest = (upper - upperHigh * TWO_16) * TWO_16 + (ms - a * TWO_16) * 1_000 + micros;
      const carry = Math.floor(rest / TWO_32);
      out.setInt32(place, 8);
      out.setInt32(place + LENGTH_BYTES, upperHigh + carry);
      out.setUint32(place + LENGTH_BYTES + 4, rest - carry * TWO_32);
      at[i] = place + LENGTH_BYTES + 8;
    }
  }
}

/** The nanoseconds of a timestamp below its microsecond, as `int2` or `int4`. */
export class NanosWriter implements FieldWriter {
  readonly field: PgField;
  readonly #length: number;
  #words: Int32Array = new Int32Array(0);

  constructor(field: PgField) {
    this.field = field;
    this.#length = field.type.name === 'int2' ? 2 : 4;
  }

  measure(batch: Batch, { count }: RowsToWrite, bytes: Float64Array): void {
    this.#words = batch.int32(this.field.column.name);
    addBytes(bytes, count, this.#length);
  }

  write({ rows, count }: RowsToWrite, out: DataView, at: Int32Array): void {
    const length = this.#length;
    for (let i = 0; i < count; i++) {
      const place = at[i]!;
      const nanos = readSubMillis(this.#words, rows[i]!) % 1_000;
      out.setInt32(place, length);
      if (length === 2) out.setInt16(place + LENGTH_BYTES, nanos);
      else out.setInt32(place + LENGTH_BYTES, nanos);
      at[i] = place + LENGTH_BYTES + length;
    }
  }
}

/** A timestamp as `date`: midnight UTC, or the day that it is in where that is asked for. */
export class DateWriter implements FieldWriter {
  readonly field: PgField;
  #words: Int32Array = new Int32Array(0);

  constructor(field: PgField) {
    this.field = field;
  }

  measure(batch: Batch, { rows, count }: RowsToWrite, bytes: Float64Array, refusals: RowRefusals): void {
    const words = batch.int32(this.field.column.name);
    this.#words = words;
    addBytes(bytes, count, 4);
    if (this.field.rounds) return;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      if (readEpochMillis(words, row) % DAY_MS === 0 && readSubMillis(words, row) === 0) continue;
      const expected = 'midnight UTC, since the column is a date';
      refusals.add(i, { row, column: this.field.name, expected, found: shown(words, row) });
    }
  }

  write({ rows, count }: RowsToWrite, out: DataView, at: Int32Array): void {
    for (let i = 0; i < count; i++) {
      const place = at[i]!;
      out.setInt32(place, 4);
      const days = Math.floor(readEpochMillis(this.#words, rows[i]!) / DAY_MS) - PG_EPOCH_DAYS;
      out.setInt32(place + LENGTH_BYTES, days);
      at[i] = place + LENGTH_BYTES + 4;
    }
  }
}

/** An int64, or a timestamp as its nanoseconds since 1970, as `int8`. */
export class WordsWriter implements FieldWriter {
  readonly field: PgField;
  #words: Int32Array = new Int32Array(0);

  constructor(field: PgField) {
    this.field = field;
  }

  measure(batch: Batch, { count }: RowsToWrite, bytes: Float64Array): void {
    this.#words = batch.int32(this.field.column.name);
    addBytes(bytes, count, 8);
  }

  write({ rows, count }: RowsToWrite, out: DataView, at: Int32Array): void {
    const words = this.#words;
    for (let i = 0; i < count; i++) {
      const row = rows[i]!;
      const place = at[i]!;
      out.setInt32(place, 8);
      out.setInt32(place + LENGTH_BYTES, words[2 * row + 1]!);
      out.setInt32(place + LENGTH_BYTES + 4, words[2 * row]!);
      at[i] = place + LENGTH_BYTES + 8;
    }
  }
}
