import { readInt64, TWO_32, writeInt64 } from '../../columns/int64.js';
import type { FileDirection } from '../file-decoder.js';
import { choosePass } from './doubled-hour.js';
import { FarFall } from './far-fall.js';
import { timeText } from './instant-text.js';
import type { JumpLimit } from './jump-limit.js';
import type { RowFault } from './row-faults.js';
import { STRAYS_MAX, StrayRun, StrayRunError } from './stray-run.js';
import type { ZoneOffsets } from './zone-offsets.js';

/** Rows of a batch that were just read, and which of them cannot be used. */
export interface ReadRows {
  readonly first: number;
  readonly end: number;
  /** Faults by row, counted from `first`. If the column `time` has one, that is the fault listed. */
  readonly bad: ReadonlyMap<number, RowFault>;
}

/**
 * Checks and settles times by the order of the rows in a file: which pass of a doubled hour is meant,
 * and which rows are too far from their neighbours to be meant at all. The only state is the instant of
 * the last good row (and a run of refused rows), so that reading can continue at any row. Rows that
 * cannot be used, for whatever reason, are ignored.
 */
export class TimeOrder {
  readonly #direction: FileDirection;
  readonly #limit: JumpLimit;
  readonly #fall: FarFall;
  readonly #strays: StrayRun;
  readonly #isJudged: boolean;
  /** Words of the time of the last good row, once there is one. */
  readonly #previous = new Int32Array(2);
  #hasPrevious = false;

  /** @param isJudged - Whether times in January 1970 are treated as unset or in the wrong unit. */
  constructor(direction: FileDirection, limit: JumpLimit, isJudged: boolean) {
    this.#direction = direction;
    this.#limit = limit;
    this.#fall = new FarFall(limit);
    this.#strays = new StrayRun(limit);
    this.#isJudged = isJudged;
  }

  /** Time of the last good row, ns since 1970. */
  get previousNs(): bigint | undefined {
    return this.#hasPrevious ? readInt64(this.#previous, 0) : undefined;
  }

  /** Continues after another row; refused rows from before do not count towards a run. */
  set previousNs(ns: bigint | undefined) {
    this.#strays.end();
    this.#hasPrevious = ns !== undefined;
    if (ns !== undefined) writeInt64(this.#previous, 0, ns);
  }

  /**
   * Settles the times of rows that were read, in their order.
   *
   * @param zone - Has recorded which of the rows its clock shows twice.
   * @param isFirstMeant - The result of `isMeant` for the first row, if it was called.
   * @param tell - Called for each row whose time cannot be meant, counted from the first, with what was
   *   expected.
   * @returns The number of settled rows. If it is less than all, `isMeant` must judge the next row, which
   *   then has to be the first row of the next call.
   * @throws {StrayRunError} if many refused times agree with one another.
   */
  settle(
    words: Int32Array,
    zone: ZoneOffsets,
    rows: ReadRows,
    isFirstMeant: boolean | undefined,
    tell: (row: number, expected: string) => void,
  ): number {
    const { first, end, bad } = rows;
    const previous = this.#previous;
    const jumpHigh = this.#limit.high;
    const { doubledRows, doubledStretches } = zone;
    let low = previous[0]!;
    let high = previous[1]!;
    let isKnown = this.#hasPrevious;
    let doubled = 0;
    let doubledRow = doubledRows[0] ?? -1;
    let isStray = this.#strays.isRunning;
    let row = first;
    if (isKnown && !isStray && bad.size === 0 && doubledRow < 0) {
      row = firstFar(words, first, end, high, jumpHigh);
      if (row > first) {
        low = words[2 * row - 2]!;
        high = words[2 * row - 1]!;
      }
    }
    for (; row < end; row++) {
      const isDoubled = row === doubledRow;
      if (isDoubled) doubledRow = doubledRows[++doubled] ?? -1;
      if (bad.size > 0 && bad.has(row - first)) continue;
      if (isDoubled) {
        previous[0] = low;
        previous[1] = high;
        const stretch = doubledStretches[doubled - 1]!;
        choosePass(words, row, stretch, isKnown ? previous : undefined, this.#direction);
      }
      const rowLow = words[2 * row]!;
      const rowHigh = words[2 * row + 1]!;
      const passed = rowHigh - high;
      if ((passed >= jumpHigh || passed <= -jumpHigh) && isKnown) {
        previous[0] = low;
        previous[1] = high;
        const isMeant = this.#isMeantAmong(words, row, rows) ?? (row === first ? isFirstMeant : undefined);
        if (isMeant === undefined) break;
        if (!isMeant) {
          const expected = this.#limit.expected(`the row before, ${timeText(previous, 0)}`);
          tell(row - first, expected);
          isStray = true;
          if (this.#strays.see(words, row) >= STRAYS_MAX) throw new StrayRunError(row - first, expected);
          continue;
        }
      }
      if (isStray) {
        this.#strays.end();
        isStray = false;
      }
      low = rowLow;
      high = rowHigh;
      isKnown = true;
    }
    previous[0] = low;
    previous[1] = high;
    this.#hasPrevious = isKnown;
    return row - first;
  }

  /**
   * Whether a row far behind the previous row is meant.
   *
   * @param words - Its time, and the readable times of the rows after it.
   */
  isMeant(words: Int32Array): boolean {
    this.#fall.begin(this.#previous, words, 0);
    for (let next = 1; next < words.length / 2; next++) {
      const isMeant = this.#fall.see(words, next);
      if (isMeant !== undefined) return isMeant;
    }
    return true;
  }

  /** Whether a row is meant; `undefined` if more rows after it are needed to decide. */
  #isMeantAmong(words: Int32Array, row: number, { first, end, bad }: ReadRows): boolean | undefined {
    const previous = this.#previous;
    if (this.#limit.isNear(previous, 0, words, row)) return true;
    if (this.#limit.isAhead(previous, 0, words, row)) return false;
    if (this.#isJudged && isJanuary1970(words, row) && !isJanuary1970(previous, 0)) return false;
    this.#fall.begin(previous, words, row);
    for (let next = row + 1; next < end; next++) {
      if (bad.get(next - first)?.field === 'time') continue;
      const isMeant = this.#fall.see(words, next);
      if (isMeant !== undefined) return isMeant;
    }
    return undefined;
  }
}

/** The first row whose time may be far from the row before it, by the high words only. Most files have none. */
function firstFar(words: Int32Array, row: number, end: number, high: number, jumpHigh: number): number {
  for (; row < end; row++) {
    const next = words[2 * row + 1]!;
    const passed = next - high;
    if (passed >= jumpHigh || passed <= -jumpHigh) return row;
    high = next;
  }
  return end;
}

const FEBRUARY_1970_NS = 31 * 86_400e9;

function isJanuary1970(words: Int32Array, row: number): boolean {
  const high = words[2 * row + 1]!;
  return high >= 0 && high * TWO_32 + (words[2 * row]! >>> 0) < FEBRUARY_1970_NS;
}
