import { TWO_32, writeEpochMillis } from '../../columns/int64.js';
import type { ColumnData } from '../../columns/schema.js';
import type { Kernels } from '../kernels/kernels.js';
import type { ColumnReader, ReadTask } from './column-reader.js';
import { EPOCH_MS_MAX, MILLI_SHIFT, writeEpochText } from './epoch-text.js';
import { IsoText } from './iso-text.js';
import { KernelClock } from './kernel-clock.js';
import { type EpochUnit, likelyUnit, meaningOf, roughMillis, UNIT_NAMES } from './likely-unit.js';
import { LONG_WHOLE, SHORT_DIGITS } from './row-scanner.js';
import type { ZoneOffsets } from './zone-offsets.js';

/** Reads times. A time that the zone's clock shows twice is read as the first pass, and recorded in the zone. */
export interface TimeReader extends ColumnReader {
  readonly zone: ZoneOffsets;
}

export interface EpochReaderOptions {
  readonly unit: EpochUnit;
  /** Local midnight from which times count, in ms since 1970; if omitted, they count from 1970. */
  readonly midnightMs?: number | undefined;
  readonly zone: ZoneOffsets;
  /** Whether times in January 1970 and past 2200 are accepted. */
  readonly anyInstant?: boolean;
}

/** Reads numbers in a unit, since 1970 or since midnight of a day, on the clock of a zone. */
export class EpochReader implements TimeReader {
  readonly expected: string;
  readonly unit: EpochUnit;
  readonly zone: ZoneOffsets;
  /** Whether the resulting instants are checked for plausibility. */
  readonly isJudged: boolean;
  readonly #shift: number;
  readonly #baseMs: number;
  readonly #clock: KernelClock;

  constructor({ unit, midnightMs, zone, anyInstant = false }: EpochReaderOptions) {
    this.unit = unit;
    this.zone = zone;
    this.isJudged = midnightMs === undefined && !anyInstant;
    this.#shift = MILLI_SHIFT[unit];
    this.#baseMs = midnightMs ?? 0;
    this.#clock = KernelClock.ofEpochs(zone, this.#baseMs);
    this.expected = `a time in ${UNIT_NAMES[unit]} since ${midnightMs === undefined ? '1970' : 'midnight'}, of the years 1691 to 2248`;
  }

  read(
    { bytes, bounds, numbers, stride, from, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const words = data as Int32Array;
    const shift = this.#shift;
    const baseMs = this.#baseMs;
    const zone = this.zone;
    const milliseconds = shift === 3 ? 1_000 : 1;
    const unitNs = zone.isFixed ? UNIT_NS[this.unit] : 0;
    const areShortHeld = Math.abs(baseMs) <= EPOCH_MS_MAX - SHORT_MS_MAX;
    // The last long number, from which a near one is computed: index of its field, and of its time in `words`.
    let near = -1;
    let nearOut = 0;
    for (let row = from, k = from * stride + 2 * slot; row < rows; row++, k += stride) {
      const out = outRow + row;
      if (shift >= 0 && numbers[k + 1] === 0 && areShortHeld) {
        writeEpochMillis(words, out, zone.toUtc(numbers[k]! * milliseconds + baseMs, out), 0);
        continue;
      }
      const isLong = unitNs > 0 && numbers[k + 1] === LONG_WHOLE;
      if (isLong && near >= 0 && beginsAlike(bytes, bounds, k, near)) {
        const passed = (numbers[k]! - numbers[near]!) | 0;
        if (writeLater(words, nearOut, out, passed * unitNs)) {
          near = k;
          nearOut = out;
          continue;
        }
      }
      if (!writeEpochText(bytes, bounds[k]!, bounds[k + 1]!, shift, baseMs, zone, words, out)) bad(row);
      else if (isLong) {
        near = k;
        nearOut = out;
      }
    }
  }

  readBy(kernels: Kernels, rows: number, out: ColumnData, outRow: number): number {
    const parameters = this.#clock.parameters();
    if (parameters === undefined) return rows;
    kernels.parameters.set(parameters);
    const unread = kernels.call.readEpochs(rows, NANO_PLACES[this.unit]);
    kernels.copyValues(out, 2 * outRow, 2 * rows);
    return unread;
  }

  /** Suggests the unit that was probably meant, if the number is too large for this unit. */
  hint(text: string): string | undefined {
    if (!this.isJudged || !(Math.abs(roughMillis(text, this.unit)) > EPOCH_MS_MAX)) return undefined;
    const unit = likelyUnit(text);
    if (unit === undefined) return undefined;
    return `as ${UNIT_NAMES[unit]} it would be ${meaningOf(text, unit, this.zone)}: set "unit" to ${unit}`;
  }
}

/** ns per unit, for the units in which a difference of 10⁹ stays below 2⁵³ ns; 0 for the others. */
const UNIT_NS = { s: 0, ms: 1e6, us: 1e3, ns: 1 } as const;

/** Nine digits of seconds, in ms. */
const SHORT_MS_MAX = 1e12;

/** Decimal places between a unit and nanoseconds. */
const NANO_PLACES = { s: 9, ms: 6, us: 3, ns: 0 } as const;

/** Bound of the high word that keeps a time within the years 1691 to 2248. */
const HIGH_MAX = 2_040_000_000;

/**
 * Whether two whole numbers have the same number of digits and differ only in the last nine, so that
 * they are less than 10⁹ apart.
 */
function beginsAlike(bytes: Uint8Array, bounds: Int32Array, a: number, b: number): boolean {
  const start = bounds[a]!;
  const leading = bounds[a + 1]! - SHORT_DIGITS;
  const shift = bounds[b]! - start;
  if (bounds[b + 1]! - SHORT_DIGITS - leading !== shift) return false;
  for (let at = start; at < leading; at++) if (bytes[at] !== bytes[at + shift]) return false;
  return true;
}

/**
 * Writes the time of another row plus `passedNs`.
 *
 * @returns False if the result may be out of range; then nothing is written.
 */
function writeLater(words: Int32Array, from: number, row: number, passedNs: number): boolean {
  const low = (words[2 * from]! >>> 0) + passedNs;
  const carry = Math.floor(low / TWO_32);
  const high = words[2 * from + 1]! + carry;
  if (high > HIGH_MAX || high < -HIGH_MAX) return false;
  words[2 * row] = (low - carry * TWO_32) | 0;
  words[2 * row + 1] = high;
  return true;
}

/** Reads times like `2024-01-31T23:59:00Z`. */
export class IsoReader implements TimeReader {
  readonly expected = 'a time like 2024-01-31T23:59:00.123456789Z, of the years 1691 to 2248 (or set "unit")';
  readonly zone: ZoneOffsets;
  readonly #text = new IsoText();
  readonly #clock: KernelClock;

  constructor(zone: ZoneOffsets) {
    this.zone = zone;
    this.#clock = KernelClock.ofIsoTimes(zone);
  }

  read(
    { bytes, bounds, stride, from, rows, outRow }: ReadTask,
    slot: number,
    data: ColumnData,
    bad: (row: number) => void,
  ): void {
    const words = data as Int32Array;
    const zone = this.zone;
    const text = this.#text;
    for (let row = from, k = from * stride + 2 * slot; row < rows; row++, k += stride) {
      if (!text.write(bytes, bounds[k]!, bounds[k + 1]!, zone, words, outRow + row)) bad(row);
    }
  }

  readBy(kernels: Kernels, rows: number, out: ColumnData, outRow: number): number {
    kernels.parameters.set(this.#clock.parameters()!);
    const unread = kernels.call.readIsoTimes(rows);
    kernels.copyValues(out, 2 * outRow, 2 * rows);
    return unread;
  }
}
