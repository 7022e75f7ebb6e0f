import type { Batch } from '../../columns/batch.js';
import type { FileDirection } from '../file-decoder.js';
import type { CsvLayout, PlacedReader } from './csv-layout.js';
import { settleBeside } from './doubled-hour.js';
import { isJudged, judgeFirstTimes, type StrayRow } from './first-times.js';
import { timeText } from './instant-text.js';
import { JumpLimit } from './jump-limit.js';
import { type FilePlace, lookAhead, timesAhead } from './rows-ahead.js';
import { type ReadRows, TimeOrder } from './time-order.js';
import type { TimeReader } from './time-readers.js';

/** Rows after one that falls far by which it is judged, those that cannot be read among them. */
const ROWS_MAX = 1_000;

export interface FileTimesOptions {
  readonly direction: FileDirection;
  /** The most that time may pass from a row to the next; Infinity: as much as it will. */
  readonly maxJumpNs: number;
}

/** Rows that were just read, and where they stand in the file. */
export interface ScannedRows extends ReadRows {
  /** Among the bytes of the file, of a row counted from `first`. */
  offsetOf(row: number): number;
}

/** Says that a field of a row, counted from the first of those that were read, cannot be used. */
export type TellFault = (row: number, placed: PlacedReader, expected: string, found: string) => void;

/** What was found out of a row by those after it. */
interface JudgedRow {
  /** Among the bytes of the file. */
  readonly offset: number;
  readonly isMeant: boolean;
}

/**
 * The times of one file, in all columns that hold some: judged by the first rows together, then
 * settled by the order of rows.
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

  /** Time of the last good row, ns since 1970; `undefined` where there is none. */
  get previousNs(): bigint | undefined {
    return this.#order.previousNs;
  }

  set previousNs(ns: bigint | undefined) {
    this.#order.previousNs = ns;
  }

  /** Before the first row of the file is read. See `judgeFirstTimes`. */
  async judgeFront(front: FilePlace): Promise<void> {
    this.#stray = await judgeFirstTimes(front, this.#limit);
  }

  /** Before another place of the file is gone on with: what was found out is of rows elsewhere. */
  forgetJudged(): void {
    this.#judged = undefined;
    this.#stray = undefined;
  }

  /** Before the row is read again that `settle` has stopped at. */
  async judgeNext(place: FilePlace): Promise<void> {
    const time = this.#layout.time!;
    const isMeant = await lookAhead(place, ROWS_MAX, (rows) =>
      this.#order.isMeant(timesAhead(rows, time).words),
    );
    this.#judged = { offset: place.window.offsetOf(place.window.start), isMeant };
  }

  /**
   * Settles which pass of a doubled hour is meant, and finds rows whose time is not meant.
   *
   * @returns How many rows are settled. Fewer than there are: the next one waits for `judgeNext`, and
   *   is to be read again with those after it.
   * @throws {StrayRunError} when many that are not meant agree with one another; those before are settled.
   */
  settle(batch: Batch, rows: ScannedRows, tell: TellFault): number {
    const { time, otherTimes } = this.#layout;
    const times = time && (batch.columns[time.index] as Int32Array);
    try {
      return times ? this.#settleTime(time, times, rows, tell) : rows.end - rows.first;
    } finally {
      // Whatever is wrong with a row, those before it are given out.
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
      // It stays known: the row may be read again.
      if (rows.offsetOf(row) === offset) tell(row, expected);
      return;
    }
  }
}
