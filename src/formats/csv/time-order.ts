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
  /** By row, counted from `first`; of the column `time` where that is to blame too. */
  readonly bad: ReadonlyMap<number, RowFault>;
}

/**
 * What the order of a file's rows says of their times: which pass of a doubled hour is meant, and
 * which row lies too far from its neighbours to be meant at all. All that it keeps of the rows before
 * is the instant of the last good one, so that a file can be gone on with at any row; a row that
 * cannot be used, for whatever reason, counts for nothing.
 */
export class TimeOrder {
  readonly #direction: FileDirection;
  readonly #limit: JumpLimit;
  readonly #fall: FarFall;
  readonly #strays: StrayRun;
  readonly #isJudged: boolean;
  /** Words of the last good row's time, once there is one. */
  readonly #previous = new Int32Array(2);
  #hasPrevious = false;

  /** @param isJudged - Whether times of January 1970 are taken for numbers in the wrong unit. */
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

  /** It goes on behind another row: those that were refused before the next one do not count. */
  set previousNs(ns: bigint | undefined) {
    this.#strays.end();
    this.#hasPrevious = ns !== undefined;
    if (ns !== undefined) writeInt64(this.#previous, 0, ns);
  }

  /**
   * Settles the times of rows that were read, in their order.
   *
   * @param zone - Has noted which of them its clock shows twice.
   * @param isFirstMeant - Of the first row: what `isMeant` said of it.
   * @param tell - Is told of each row whose time is not meant, counted from the first, and what was
   *   expected of it.
   * @returns How many rows it has settled. Fewer than there are: the next one is for `isMeant` to
   *   judge, and has to come again as the first.
   * @throws {StrayRunError} when many that are not meant agree with one another.
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
   * Whether a row that lies far behind the previous one is meant.
   *
   * @param words - Its time, and those of the rows after it as far as they can be read.
   */
  isMeant(words: Int32Array): boolean {
    this.#fall.begin(this.#previous, words, 0);
    for (let next = 1; next < words.length / 2; next++) {
      const isMeant = this.#fall.see(words, next);
      if (isMeant !== undefined) return isMeant;
    }
    return true;
  }

  /** Whether a row is meant; `undefined` where only more rows after it can tell. */
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

/** The first row whose time is not near that of the row before it, by the upper words alone: most files have none. */
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
