import { writeEpochMillis } from '../../core/int64.js';
import type { ColumnData } from '../../core/schema.js';
import type { ColumnReader, ReadTask } from './column-reader.js';
import { EPOCH_MS_MAX, MILLI_SHIFT, writeEpochText } from './epoch-text.js';
import { IsoText } from './iso-text.js';
import { type EpochUnit, likelyUnit, meaningOf, roughMillis, UNIT_NAMES } from './likely-unit.js';
import type { ZoneOffsets } from './zone-offsets.js';

/** Reads times. Those that the zone's clock shows twice are read as of the first pass, and noted there. */
export interface TimeReader extends ColumnReader {
  readonly zone: ZoneOffsets;
}

export interface EpochReaderOptions {
  readonly unit: EpochUnit;
  /** Of the day from which times count, local, as ms since 1970; without it, they count from 1970. */
  readonly midnightMs?: number | undefined;
  readonly zone: ZoneOffsets;
  /** Whether times of any year are meant, those around 1970 and past 2200 too. */
  readonly anyInstant?: boolean;
}

/** Reads numbers of some unit, since 1970 or since midnight of a day, on a zone's clock. */
export class EpochReader implements TimeReader {
  readonly expected: string;
  readonly unit: EpochUnit;
  readonly zone: ZoneOffsets;
  /** Whether the unit may be judged by the instants that it gives. */
  readonly isJudged: boolean;
  readonly #shift: number;
  readonly #baseMs: number;

  constructor({ unit, midnightMs, zone, anyInstant = false }: EpochReaderOptions) {
    this.unit = unit;
    this.zone = zone;
    this.isJudged = midnightMs === undefined && !anyInstant;
    this.#shift = MILLI_SHIFT[unit];
    this.#baseMs = midnightMs ?? 0;
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
    const zone = this.zone;
    const milliseconds = shift === 3 ? 1_000 : 1;
    for (let row = 0, k = 2 * slot; row < rows; row++, k += stride) {
      const out = outRow + row;
      if (shift >= 0 && numbers[k + 1] === 0) {
        writeEpochMillis(words, out, zone.toUtc(numbers[k]! * milliseconds + baseMs, out), 0);
        continue;
      }
      if (!writeEpochText(bytes, bounds[k]!, bounds[k + 1]!, shift, baseMs, zone, words, out)) bad(row);
    }
  }

  /** The unit that a number was probably meant in, where it is too large for this one. */
  hint(text: string): string | undefined {
    if (!this.isJudged || !(Math.abs(roughMillis(text, this.unit)) > EPOCH_MS_MAX)) return undefined;
    const unit = likelyUnit(text);
    if (unit === undefined) return undefined;
    return `as ${UNIT_NAMES[unit]} it would be ${meaningOf(text, unit, this.zone)}: set "unit" to ${unit}`;
  }
}

/** Reads times like `2024-01-31T23:59:00Z`. */
export class IsoReader implements TimeReader {
  readonly expected = 'a time like 2024-01-31T23:59:00.123456789Z, of the years 1691 to 2248 (or set "unit")';
  readonly zone: ZoneOffsets;
  readonly #text = new IsoText();

  constructor(zone: ZoneOffsets) {
    this.zone = zone;
  }

  read(
    { bytes, bounds, stride, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const words = data as Int32Array;
    const zone = this.zone;
    const text = this.#text;
    for (let row = 0, k = 2 * slot; row < rows; row++, k += stride) {
      if (!text.write(bytes, bounds[k]!, bounds[k + 1]!, zone, words, outRow + row)) bad(row);
    }
  }
}
