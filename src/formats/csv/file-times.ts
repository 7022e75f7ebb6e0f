import type { Batch } from '../../columns/batch.js';
import type { FileDirection } from '../file-decoder.js';
import type { CsvLayout, PlacedReader } from './csv-layout.js';
import { settleBeside } from './doubled-hour.js';
import { isJudged, judgeFirstTimes, type StrayRow } from './first-times.js';
import { timeText } from './instant-text.js';
import { JumpLimit } from './jump-limit.js';
import { lookAhead, type ReadingFront, timesAhead } from './rows-ahead.js';
import { type ReadRows, TimeOrder } from './time-order.js';
import type { TimeReader } from './time-readers.js';

/** A far fall is judged by at most this many rows after it, unreadable rows included. */
const ROWS_MAX = 1_000;

export interface FileTimesOptions {
  readonly direction: FileDirection;
  /** The largest allowed step in time from one row to the next; Infinity: no limit. */
  readonly maxJumpNs: number;
}

/** Rows that were just read, and their offsets in the file. */
export interface ScannedRows extends ReadRows {
  /** Offset in the file of a row, counted from `first`. */
  offsetOf(row: number): number;
}

/** Reports a field that cannot be used; the row is counted from the first row that was read. */
export type TellFault = (row: number, placed: PlacedReader, expected: string, found: string) => void;

/** A row that was judged by the rows after it. */
interface JudgedRow {
  /** Offset in the file. */
  readonly offset: number;
  readonly isMeant: boolean;
}

/**
 * Checks and settles the times of one file, in all timestamp columns: first by the first rows together,
 * then by the order of rows.
 */
export class FileTimes {
  readonly #layout: Pick<CsvLayout, 'time' | 'otherTimes'>;
  readonly #limit: JumpLimit;
  readonly #order: TimeOrder;
  /** The first row of the file, if its time is not meant. */
  #stray: StrayRow | undefined;
  #judged: JudgedRow | undefined;

  constructor(layout: Pick<CsvLayout, 'time' | 'otherTimes'>, { direction, maxJumpNs }: FileTimesOptions) {
    this.#layout = layout;
    this.#limit = new JumpLimit(maxJumpNs, direction);
    this.#order = new TimeOrder(direction, this.#limit, layout.time !== undefined && isJudged(layout.time));
  }

  /** Time of the last good row, ns since 1970; `undefined` if there is none. */
  get previousNs(): bigint | undefined {
    return this.#order.previousNs;
  }

  set previousNs(ns: bigint | undefined) {
    this.#order.previousNs = ns;
  }

  /** Called before the first row of the file is read. See `judgeFirstTimes`. */
  async judgeFront(front: ReadingFront): Promise<void> {
    this.#stray = await judgeFirstTimes(front, this.#limit);
  }

  /** Called before the file is read from another place: the results of judging do not apply there. */
  forgetJudged(): void {
    this.#judged = undefined;
    this.#stray = undefined;
  }

  /** Judges the row at which `settle` stopped, before it is read again. */
  async judgeNext(place: ReadingFront): Promise<void> {
    const time = this.#layout.time!;
    const isMeant = await lookAhead(place, ROWS_MAX, (rows) =>
      this.#order.isMeant(timesAhead(rows, time).words),
    );
    this.#judged = { offset: place.window.offsetOf(place.window.start), isMeant };
  }

  /**
   * Settles which pass of a doubled hour is meant, and reports rows whose time cannot be meant.
   *
   * @returns The number of settled rows. If it is less than all, the next row must be judged by
   *   `judgeNext`, and read again together with the rows after it.
   * @throws {StrayRunError} if many refused times agree with one another; the rows before are settled.
   */
  settle(batch: Batch, rows: ScannedRows, tell: TellFault): number {
    const { time, otherTimes } = this.#layout;
    const times = time && (batch.columns[time.index] as Int32Array);
    try {
      return times ? this.#settleTime(time, times, rows, tell) : rows.end - rows.first;
    } finally {
      // Also after an error, since the rows before it are delivered.
      for (const { index, reader } of otherTimes) {
        if (times) settleBeside(batch.columns[index] as Int32Array, reader.zone, times);
        reader.zone.forgetDoubled();
      }
    }
  }

  #settleTime(time: PlacedReader<TimeReader>, times: Int32Array, rows: ScannedRows, tell: TellFault): number {
    const { zone } = time.reader;
    const tellOfTime = (row: number, expected: string) =>
      tell(row, time, expected, timeText(times, rows.first + row));
    if (this.#stray) this.#findStray(this.#stray, rows, tellOfTime);
    try {
      return this.#order.settle(times, zone, rows, this.#isFirstMeant(rows), tellOfTime);
    } finally {
      zone.forgetDoubled();
    }
  }

  #isFirstMeant(rows: ScannedRows): boolean | undefined {
    const judged = this.#judged;
    if (!judged || rows.end === rows.first) return undefined;
    this.#judged = undefined;
    return rows.offsetOf(0) === judged.offset ? judged.isMeant : undefined;
  }

  #findStray(
    { offset, expected }: StrayRow,
    rows: ScannedRows,
    tell: (row: number, expected: string) => void,
  ): void {
    for (let row = 0; row < rows.end - rows.first; row++) {
      if (rows.offsetOf(row) < offset) continue;
      // `#stray` is kept: the row may be read again.
      if (rows.offsetOf(row) === offset) tell(row, expected);
      return;
    }
  }
}
