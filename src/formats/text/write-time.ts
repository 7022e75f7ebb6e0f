import { readEpochMillis, readSubMillis } from '../../columns/int64.js';
import { writeAscii, writeInt64, writeInteger, writePadded } from './write-number.js';

/** How an instant is written: as ISO 8601 with nine decimals, or as a whole number since 1970, rounded down. */
export type TimeFormat = 'iso' | 'ns' | 'us' | 'ms';

/** Enough for `2014-05-08T05:00:17.007000000Z` (30 bytes); numbers are shorter. */
export const TIME_BYTES_MAX = 32;

const SECONDS_PER_DAY = 86_400;

/** Writes the timestamps of one column. Successive rows often share their second, so its text is cached. */
export class TimeWriter {
  readonly #format: TimeFormat;
  #second = Number.NaN;
  #day = Number.NaN;
  /** `2014-05-08T05:00:17.` */
  readonly #prefix = new Uint8Array(20);

  constructor(format: TimeFormat) {
    this.#format = format;
  }

  write(bytes: Uint8Array, at: number, words: Int32Array, row: number): number {
    switch (this.#format) {
      case 'iso':
        return this.#writeIso(bytes, at, words, row);
      case 'ns':
        return writeInt64(bytes, at, words[2 * row]!, words[2 * row + 1]!);
      case 'ms':
        return writeInteger(bytes, at, readEpochMillis(words, row));
      case 'us':
        return writeMicros(bytes, at, words, row);
    }
  }

  #writeIso(bytes: Uint8Array, at: number, words: Int32Array, row: number): number {
    const epochMs = readEpochMillis(words, row);
    const second = Math.floor(epochMs / 1_000);
    if (second !== this.#second) this.#moveTo(second);
    const prefix = this.#prefix;
    for (let i = 0; i < 20; i++) bytes[at + i] = prefix[i]!;
    writePadded(bytes, at + 20, epochMs - second * 1_000, 3);
    writePadded(bytes, at + 23, readSubMillis(words, row), 6);
    bytes[at + 29] = 90; // Z
    return at + 30;
  }

  #moveTo(second: number): void {
    this.#second = second;
    const prefix = this.#prefix;
    const day = Math.floor(second / SECONDS_PER_DAY);
    if (day !== this.#day) {
      this.#day = day;
      const date = new Date(day * SECONDS_PER_DAY * 1_000).toISOString();
      for (let i = 0; i < 20; i++) prefix[i] = date.charCodeAt(i);
    }
    const ofDay = second - day * SECONDS_PER_DAY;
    const hour = Math.floor(ofDay / 3_600);
    const minute = Math.floor((ofDay - hour * 3_600) / 60);
    writePadded(prefix, 11, hour, 2);
    writePadded(prefix, 14, minute, 2);
    writePadded(prefix, 17, ofDay - hour * 3_600 - minute * 60, 2);
  }
}

function writeMicros(bytes: Uint8Array, at: number, words: Int32Array, row: number): number {
  const epochMs = readEpochMillis(words, row);
  const micros = Math.floor(readSubMillis(words, row) / 1_000);
  // From 2255 on, and before 1685, microseconds do not fit a double, so the parts are written separately.
  if (epochMs > 0) return writePadded(bytes, writeInteger(bytes, at, epochMs), micros, 3);
  return writeAscii(bytes, at, String(BigInt(epochMs) * 1_000n + BigInt(micros)));
}
