import { readEpochMillis, readSubMillis, writeEpochMillis } from '../../columns/int64.js';
import type { FileDirection } from '../file-decoder.js';
import type { DoubledStretch, ZoneOffsets } from './zone-offsets.js';

/**
 * Decides whether a time in a doubled hour is from the first or the second pass, by the row before it.
 * It was read as the first pass; if the second is meant, this function moves it there.
 *
 * @param previous - Words of the time of the row before it in the file, if there is one.
 */
export function choosePass(
  words: Int32Array,
  row: number,
  stretch: DoubledStretch,
  previous: Int32Array | undefined,
  direction: FileDirection,
): void {
  const { from, offsetMs, secondOffsetMs } = stretch;
  const begin = from - offsetMs;
  const turn = from - secondOffsetMs;
  const time: DoubledTime = {
    sinceBegin: nanosFrom(begin, words, row),
    previous: previous ? nanosFrom(turn, previous, 0) : Number.NaN,
    shift: (turn - begin) * 1e6,
  };
  if (isSecondPass(time, direction)) toSecondPass(words, row, stretch);
}

/**
 * Settles the doubled hours of another timestamp column: of the two instants, it chooses the one nearer
 * to the row's `time`.
 */
export function settleBeside(
  words: Int32Array,
  { doubledRows, doubledStretches }: ZoneOffsets,
  times: Int32Array,
): void {
  for (let i = 0; i < doubledRows.length; i++) {
    const row = doubledRows[i]!;
    const stretch = doubledStretches[i]!;
    const shiftMs = stretch.offsetMs - stretch.secondOffsetMs;
    if (readEpochMillis(times, row) - readEpochMillis(words, row) > shiftMs / 2) {
      toSecondPass(words, row, stretch);
    }
  }
}

/** A time that the clock shows twice, relative to the row before it in the file. All in ns. */
interface DoubledTime {
  /** Local time since the doubled stretch begins. */
  readonly sinceBegin: number;
  /**
   * Instant of the row before, relative to the instant at which the clock goes back: `-shift` to 0 is
   * the first pass, 0 to `shift` the second. NaN if there is no such row.
   */
  readonly previous: number;
  /** By how much the clock goes back; also the length of the stretch. */
  readonly shift: number;
}

/**
 * Whether the second pass is meant, by the order of rows. Within the stretch, a fall of half the shift
 * or more begins the second pass; a smaller fall is disorder. After a row outside of the stretch, the
 * pass next to that row is meant: the first after an earlier row, the second after a later row, unless
 * the fall from a later row is so large that the rows of another symbol may begin. A descending file
 * has the second pass first, and a rise begins the first pass.
 */
function isSecondPass({ sinceBegin, previous, shift }: DoubledTime, direction: FileDirection): boolean {
  const previousInFirst = previous + shift; // since the start of the stretch, on the clock of the first pass
  if (direction === 'ascending') {
    if (Number.isNaN(previous) || previous < -shift) return false;
    if (previous < 0) return previousInFirst - sinceBegin >= shift / 2;
    return previous < shift || previous - sinceBegin < shift / 2;
  }
  if (Number.isNaN(previous) || previous >= shift) return true;
  if (previous >= 0) return sinceBegin - previous < shift / 2;
  return previous < -shift && sinceBegin - previousInFirst >= shift / 2;
}

function toSecondPass(words: Int32Array, row: number, { offsetMs, secondOffsetMs }: DoubledStretch): void {
  const utcMs = readEpochMillis(words, row) + offsetMs - secondOffsetMs;
  writeEpochMillis(words, row, utcMs, readSubMillis(words, row));
}

/** The ns from an instant in ms since 1970 to one in words. Exact within 104 days; beyond, the sign is right. */
const nanosFrom = (epochMs: number, words: Int32Array, row: number): number =>
  (readEpochMillis(words, row) - epochMs) * 1e6 + readSubMillis(words, row);
