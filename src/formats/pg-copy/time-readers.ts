import type { Batch } from '../../columns/batch.js';
import { TWO_32, writeEpochMillis } from '../../columns/int64.js';
import { EXPECTED_NOT_NULL, type FieldReader, type PgReadField, type ValuesRead } from './field-reader.js';
import { DAY_MS, PG_EPOCH_MS } from './time-writers.js';

const EXPECTED = 'a time from 1677-09-21 to 2262-04-11, which is what nanoseconds of 64 bits hold';
/** More than 64 bits of nanoseconds hold, in 2³² µs. Up to here, the arithmetic is exact. */
const HIGH_MAX = 2_400_000;
const NS_MS_MIN = -9_223_372_036_855;
const NS_MS_MAX = 9_223_372_036_854;
/** Nanoseconds past the first and the last millisecond, of the first and the last instant. */
const SUB_MIN = 224_192;
const SUB_MAX = 775_807;

const INFINITY_HIGH = 0x7fff_ffff;
const MINUS_INFINITY_HIGH = -0x8000_0000;

/** Of the microsecond in which the first instant is. */
const SUB_MICRO_MIN = 224_000;

const isHeld = (ms: number, subNanos: number, subMin = SUB_MIN): boolean =>
  (ms > NS_MS_MIN && ms < NS_MS_MAX) ||
  (ms === NS_MS_MIN && subNanos >= subMin) ||
  (ms === NS_MS_MAX && subNanos <= SUB_MAX);

/** A timestamp of `timestamptz`, or of `timestamp` or `date` as one of UTC. */
export class TimeReader implements FieldReader {
  readonly field: PgReadField;
  readonly #subMin: number;

  /** @param hasNanos - Whether a `NanosReader` adds to it. */
  constructor(field: PgReadField, hasNanos: boolean) {
    this.field = field;
    this.#subMin = hasNanos ? SUB_MICRO_MIN : SUB_MIN;
  }

  read(values: ValuesRead, batch: Batch, start: number): void {
    const words = batch.int32(this.field.column.name);
    if (this.field.type === 'date') this.#readDays(values, words, start);
    else this.#readMicros(values, words, start);
  }

  #readMicros(values: ValuesRead, words: Int32Array, start: number): void {
    const { view, places, count } = values;
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      if (view.getInt32(place) < 0) {
        values.refuse(i, this.field, EXPECTED_NOT_NULL('timestamp'), 'NULL');
        continue;
      }
      const high = view.getInt32(place + 4);
      const low = view.getUint32(place + 8);
      if (high > HIGH_MAX || high < -HIGH_MAX) {
        values.refuse(i, this.field, EXPECTED, shownMicros(high, low));
        continue;
      }
      // 2³² = 4294967·10³ + 296
      const rest = high * 296 + low;
      const carry = Math.floor(rest / 1_000);
      const ms = high * 4_294_967 + carry + PG_EPOCH_MS;
      const subNanos = (rest - carry * 1_000) * 1_000;
      if (isHeld(ms, subNanos, this.#subMin)) writeEpochMillis(words, start + i, ms, subNanos);
      else values.refuse(i, this.field, EXPECTED, shownMicros(high, low));
    }
  }

  #readDays(values: ValuesRead, words: Int32Array, start: number): void {
    const { view, places, count } = values;
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      if (view.getInt32(place) < 0) {
        values.refuse(i, this.field, EXPECTED_NOT_NULL('timestamp'), 'NULL');
        continue;
      }
      const days = view.getInt32(place + 4);
      const ms = days * DAY_MS + PG_EPOCH_MS;
      if (isHeld(ms, 0)) writeEpochMillis(words, start + i, ms);
      else if (days === INFINITY_HIGH) values.refuse(i, this.field, EXPECTED, 'infinity');
      else if (days === MINUS_INFINITY_HIGH) values.refuse(i, this.field, EXPECTED, '-infinity');
      else values.refuse(i, this.field, EXPECTED, `day ${days} since 2000-01-01`);
    }
  }
}

function shownMicros(high: number, low: number): string {
  if (high === INFINITY_HIGH && low === 0xffff_ffff) return 'infinity';
  if (high === MINUS_INFINITY_HIGH && low === 0) return '-infinity';
  return `${(BigInt(high) << 32n) + BigInt(low)} µs since 2000-01-01`;
}

const LAST_HIGH = 0x7fff_ffff;
const FIRST_LOW = TWO_32 - (SUB_MIN - SUB_MICRO_MIN);

const EXPECTED_NANOS = 'nanoseconds from 0 to 999';

/** Adds the nanoseconds below the microsecond to a timestamp that was read before. */
export class NanosReader implements FieldReader {
  readonly field: PgReadField;

  constructor(field: PgReadField) {
    this.field = field;
  }

  read(values: ValuesRead, batch: Batch, start: number): void {
    const { view, places, count } = values;
    const words = batch.int32(this.field.column.name);
    for (let i = 0; i < count; i++) {
      const place = places[i]!;
      const length = view.getInt32(place);
      const nanos = length < 0 ? -1 : length === 2 ? view.getInt16(place + 4) : view.getInt32(place + 4);
      const at = 2 * (start + i);
      const high = words[at + 1]!;
      const low = (words[at]! >>> 0) + nanos;
      const isPast = low >= TWO_32;
      // The microsecond of the first instant begins before it, so that its words have wrapped around.
      const isFirst = high === LAST_HIGH && words[at]! >>> 0 === FIRST_LOW;
      if (nanos >= 0 && nanos < 1_000 && (high < LAST_HIGH || isPast === isFirst)) {
        words[at] = low;
        words[at + 1] = isPast ? high + 1 : high;
      } else values.refuse(i, this.field, EXPECTED_NANOS, length < 0 ? 'NULL' : String(nanos));
    }
  }
}
