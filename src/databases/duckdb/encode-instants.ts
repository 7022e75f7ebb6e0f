import { readEpochMillis, readNanos, readSubMillis } from '../../columns/int64.js';
import { formatIsoNanos } from '../../columns/iso-nanos.js';
import type { ColumnData } from '../../columns/schema.js';
import { type ColumnEncoder, copied, type EncodedRows, type Refuse } from './encoded-rows.js';

/** The first instant of TIMESTAMP_NS: the midnight after −2⁶³ ns. The largest 64-bit number is its infinity. */
const NANOS_MIN = -9_223_286_400_000_000_000n;
const NANOS_INFINITY = 2n ** 63n - 1n;
/** Of an instant that is looked at more closely, the high word is at most this, or the largest one. */
const HIGH_LOW = Number(NANOS_MIN >> 32n);
const HIGH_HIGH = Number(NANOS_INFINITY >> 32n);

export function checkInstants(data: ColumnData, rows: number, refuse: Refuse): void {
  const words = data as Int32Array;
  for (let row = 0; row < rows; row++) {
    const high = words[2 * row + 1]!;
    if (high > HIGH_LOW && high < HIGH_HIGH) continue;
    const instant = readNanos(words, row);
    if (instant >= NANOS_MIN && instant < NANOS_INFINITY) continue;
    refuse(
      row,
      'an instant from 1677-09-22 to 2262-04-11T23:47:16.854775806Z for TIMESTAMP_NS',
      `${instant} ns since 1970`,
    );
  }
}

export const copyInstants = (data: ColumnData, start: number, rows: number): EncodedRows =>
  copied(data, start, rows, 8);

/** Types that count microseconds: what is below one is refused, never cut off. */
export function microsEncoder(rowsMax: number): ColumnEncoder {
  const micros = new BigInt64Array(rowsMax);
  const bytes = new Uint8Array(micros.buffer);
  return {
    check(data, rows, refuse) {
      const words = data as Int32Array;
      for (let row = 0; row < rows; row++) {
        if (readSubMillis(words, row) % 1_000 === 0) continue;
        refuse(
          row,
          'whole microseconds, as its type has them (TIMESTAMP_NS keeps nanoseconds)',
          formatIsoNanos(readNanos(words, row)),
        );
      }
    },
    encode(data, start, rows) {
      const words = data as Int32Array;
      for (let row = 0; row < rows; row++) {
        const from = start + row;
        // Below 2⁵³ until the year 2255, and a double up to 2262 is even there: both terms are exact on their own.
        micros[row] =
          BigInt(readEpochMillis(words, from)) * 1_000n + BigInt(readSubMillis(words, from) / 1_000);
      }
      return { bytes: bytes.subarray(0, rows * 8), validity: undefined };
    },
  };
}
