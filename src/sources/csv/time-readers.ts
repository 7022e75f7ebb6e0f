import { writeEpochMillis } from '../../core/int64.js';
import type { ColumnData } from '../../core/schema.js';
import type { TimeUnit } from './column-plan.js';
import type { ColumnReader, ReadTask } from './column-reader.js';
import { MILLI_SHIFT, writeEpochText } from './epoch-text.js';
import { IsoText } from './iso-text.js';
import type { ZoneOffsets } from './zone-offsets.js';

const UNIT_NAMES = { s: 'seconds', ms: 'milliseconds', us: 'microseconds', ns: 'nanoseconds' } as const;

/** Reads numbers of some unit, since 1970 or since midnight of a day, on a zone's clock. */
export class EpochReader implements ColumnReader {
  readonly expected: string;
  readonly #shift: number;
  readonly #baseMs: number;
  readonly #zone: ZoneOffsets;

  /** @param midnightMs - Of the day from which times count, local, as ms since 1970; without it, from 1970. */
  constructor(unit: Exclude<TimeUnit, 'iso'>, midnightMs: number | undefined, zone: ZoneOffsets) {
    this.#shift = MILLI_SHIFT[unit];
    this.#baseMs = midnightMs ?? 0;
    this.#zone = zone;
    this.expected = `a time in ${UNIT_NAMES[unit]} since ${midnightMs === undefined ? '1970' : 'midnight'}, of the years 1691 to 2248`;
  }

  read(
    { bytes, bounds, numbers, stride, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const words = data as Int32Array;
    const shift = this.#shift;
    const baseMs = this.#baseMs;
    const zone = this.#zone;
    const milliseconds = shift === 3 ? 1_000 : 1;
    for (let row = 0, k = 2 * slot; row < rows; row++, k += stride) {
      if (shift >= 0 && numbers[k + 1] === 0) {
        writeEpochMillis(words, outRow + row, zone.toUtc(numbers[k]! * milliseconds + baseMs), 0);
        continue;
      }
      const start = bounds[k]!;
      if (!writeEpochText(bytes, start, bounds[k + 1]!, shift, baseMs, zone, words, outRow + row)) bad(row);
    }
  }
}

/** Reads times like `2024-01-31T23:59:00Z`. */
export class IsoReader implements ColumnReader {
  readonly expected = 'a time like 2024-01-31T23:59:00.123456789Z, of the years 1691 to 2248 (or set "unit")';
  readonly #text = new IsoText();
  readonly #zone: ZoneOffsets;

  constructor(zone: ZoneOffsets) {
    this.#zone = zone;
  }

  read(
    { bytes, bounds, stride, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const words = data as Int32Array;
    const zone = this.#zone;
    const text = this.#text;
    for (let row = 0, k = 2 * slot; row < rows; row++, k += stride) {
      if (!text.write(bytes, bounds[k]!, bounds[k + 1]!, zone, words, outRow + row)) bad(row);
    }
  }
}
