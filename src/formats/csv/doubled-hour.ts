import { readEpochMillis, readSubMillis, writeEpochMillis } from '../../columns/int64.js';
import type { FileDirection } from '../file-decoder.js';
import type { DoubledStretch, ZoneOffsets } from './zone-offsets.js';

/**
 * Moves a row's time, which was read as of the first pass of a doubled hour, to the second one where
 * the row before says so.
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
 * Settles the doubled hours of another column of times: of the two instants, the one nearer to the
 * row's own time is meant.
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

/** A time that a clock shows twice, and the row before it in the file. All in ns. */
interface DoubledTime {
  /** From the local time at which the doubled stretch begins. */
  readonly sinceBegin: number;
  /**
   * Instant of the row before, from the one at which the clock goes back: from `-shift` to 0 is the
   * first pass, from 0 to `shift` the second. NaN where there is no such row.
   */
  readonly previous: number;
  /** By how much the clock goes back, which is how long the stretch is. */
  readonly shift: number;
}

/**
 * Which of the two passes is meant, by the order of rows: a fall of half the shift or more within the
 * stretch begins the second pass, a smaller one is disorder. What comes in from outside goes on where
 * it came from, unless it falls so far that the rows of another symbol may begin. A file that runs
 * backwards meets the second pass first, and a rise begins the first one.
 */
function isSecondPass({ sinceBegin, previous, shift }: DoubledTime, direction: FileDirection): boolean {
  const previousInFirst = previous + shift; // since the begin of the stretch, on the first pass's clock
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

/** From an instant in ms since 1970 to one in words. Exact within 104 days, and right in sign beyond. */
const nanosFrom = (epochMs: number, words: Int32Array, row: number): number =>
  (readEpochMillis(words, row) - epochMs) * 1e6 + readSubMillis(words, row);
