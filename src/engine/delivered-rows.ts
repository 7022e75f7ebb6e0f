import type { Batch } from '../columns/batch.js';
import { compareInt64, readInt64, TWO_32, writeInt64 } from '../columns/int64.js';
import { columnIndex, type Schema } from '../columns/schema.js';
import type { Clock } from '../core/clock.js';
import { indexesById } from './indexes-by-id.js';
import type { LastRow } from './last-rows.js';

/**
 * The last row of a symbol: its time, how many rows had that time, and its number, 0 if rows have none. Of 64-bit
 * numbers, the words: texts of them would cost more than everything else that is done for a batch.
 */
export type DeliveredEntry = readonly [
  timeHigh: number,
  timeLow: number,
  rowsAtTime: number,
  numberHigh: number,
  numberLow: number,
];

/** Of each symbol, in the order of the options; `null` for those without a row. Entries do not change. */
export type DeliveredEntries = readonly (DeliveredEntry | null)[];

/** The entry of a last row that somebody else has seen. */
export const entryOf = ({ time, rowsAtTime, number = 0n }: LastRow): DeliveredEntry => [
  Number(time >> 32n),
  Number(BigInt.asIntN(32, time)),
  rowsAtTime,
  Number(number >> 32n),
  Number(BigInt.asIntN(32, number)),
];

/** A row that is further ahead of the clock has a wrong time: nothing could be fetched from before it. */
const AHEAD_NS = 600_000_000_000n;

/**
 * The last row of each symbol that was delivered: where to go on after a gap, and after a restart. It is the one with
 * the highest number, or the latest one where rows have none. A lower number is the last one if its row is later in
 * time than late rows can be: numbers have begun anew. Symbols are known by their index in the options. Allocates
 * nothing for a row.
 */
export class DeliveredRows {
  readonly #timeAt: number;
  readonly #symbolAt: number;
  readonly #numberAt: number;
  readonly #maxDelayNs: number;
  readonly #clock: Clock | undefined;
  /** The wall clock when it was last looked at, and the high word up to which times need no look at it. */
  readonly #wall = new Int32Array(2);
  #highMax = Number.NEGATIVE_INFINITY;
  #indexOf = new Int32Array(0);
  #times: Int32Array;
  #numbers: Int32Array;
  #rowsAtTime: Uint32Array;
  #isChanged: Uint8Array;
  readonly #changed: number[] = [];
  readonly #entries: (DeliveredEntry | null)[];

  /**
   * @param maxDelayNs - How far a row may be behind earlier rows of its symbol, in time.
   * @param clock - Times that are far ahead of it count as now.
   */
  constructor(
    schema: Schema,
    symbols: number,
    { maxDelayNs = 0, clock }: { readonly maxDelayNs?: number; readonly clock?: Clock | undefined } = {},
  ) {
    this.#maxDelayNs = maxDelayNs;
    this.#clock = clock;
    if (!clock) this.#highMax = Number.POSITIVE_INFINITY;
    this.#timeAt = columnIndex(schema, 'time');
    this.#symbolAt = columnIndex(schema, 'symbol');
    this.#numberAt = columnIndex(schema, 'sequence');
    this.#times = new Int32Array(2 * symbols);
    this.#numbers = new Int32Array(2 * symbols);
    this.#rowsAtTime = new Uint32Array(symbols);
    this.#isChanged = new Uint8Array(symbols);
    this.#entries = new Array<DeliveredEntry | null>(symbols).fill(null);
  }

  /** @param ids - Of each symbol, in the column `symbol`. */
  bind(ids: readonly number[]): void {
    this.#indexOf = indexesById(ids);
  }

  /** For symbols that are known by their ids alone: makes room for those below an id, each with its id as its index. */
  growTo(ids: number): void {
    const known = this.#rowsAtTime.length;
    if (ids <= known) return;
    const room = Math.max(ids, 2 * known, 64);
    this.#times = grown(this.#times, 2 * room);
    this.#numbers = grown(this.#numbers, 2 * room);
    const rowsAtTime = new Uint32Array(room);
    rowsAtTime.set(this.#rowsAtTime);
    this.#rowsAtTime = rowsAtTime;
    const isChanged = new Uint8Array(room);
    isChanged.set(this.#isChanged);
    this.#isChanged = isChanged;
    while (this.#entries.length < room) this.#entries.push(null);
    this.#indexOf = Int32Array.from({ length: room }, (_, id) => id);
  }

  /** The index of a symbol by its id; −1 if it was not asked for. */
  indexOf(id: number): number {
    return id < this.#indexOf.length ? this.#indexOf[id]! : -1;
  }

  timeOf(index: number): bigint | undefined {
    return this.#rowsAtTime[index] === 0 ? undefined : readInt64(this.#times, index);
  }

  rowsAtTime(index: number): number {
    return this.#rowsAtTime[index]!;
  }

  numberOf(index: number): bigint | undefined {
    return this.#numberAt < 0 || this.#rowsAtTime[index] === 0 ? undefined : readInt64(this.#numbers, index);
  }

  /** The last row of a symbol; `undefined` if it has had none. */
  lastOf(index: number): LastRow | undefined {
    const time = this.timeOf(index);
    return time === undefined
      ? undefined
      : { time, rowsAtTime: this.#rowsAtTime[index]!, number: this.numberOf(index) };
  }

  /** Rows from one to before another are delivered. */
  pass({ columns }: Batch, from: number, to: number): void {
    const times = columns[this.#timeAt] as Int32Array;
    const ids = columns[this.#symbolAt] as Int32Array;
    const numbers = columns[this.#numberAt] as Int32Array | undefined;
    const indexOf = this.#indexOf;
    const lastTimes = this.#times;
    const lastNumbers = this.#numbers;
    const maxDelayNs = this.#maxDelayNs;
    const rowsAtTime = this.#rowsAtTime;
    const isChanged = this.#isChanged;
    for (let row = from; row < to; row++) {
      const id = ids[row]!;
      const index = id < indexOf.length ? indexOf[id]! : -1;
      if (index < 0) continue;
      let low = times[2 * row]!;
      let high = times[2 * row + 1]!;
      if (high > this.#highMax && this.#isAhead(high)) {
        low = this.#wall[0]!;
        high = this.#wall[1]!;
      }
      let isLast = true;
      let isAlike = false;
      if (rowsAtTime[index] !== 0) {
        const step =
          (high - lastTimes[2 * index + 1]!) * TWO_32 + ((low >>> 0) - (lastTimes[2 * index]! >>> 0));
        isAlike = step === 0;
        isLast = numbers
          ? step > maxDelayNs || compareInt64(numbers, row, lastNumbers, index) > 0
          : step >= 0;
      }
      if (!isLast && !isAlike) continue; // a late row
      rowsAtTime[index] = isAlike ? rowsAtTime[index]! + 1 : 1;
      if (isChanged[index] === 0) {
        isChanged[index] = 1;
        this.#changed.push(index);
      }
      if (!isLast) continue;
      lastTimes[2 * index] = low;
      lastTimes[2 * index + 1] = high;
      if (!numbers) continue;
      lastNumbers[2 * index] = numbers[2 * row]!;
      lastNumbers[2 * index + 1] = numbers[2 * row + 1]!;
    }
  }

  #isAhead(high: number): boolean {
    const wall = (this.#clock as Clock).wall(); // without a clock nothing is ahead of it
    writeInt64(this.#wall, 0, wall);
    this.#highMax = Number((wall + AHEAD_NS) >> 32n);
    return high > this.#highMax;
  }

  /** What was delivered up to now. It does not change later. */
  snapshot(): DeliveredEntries {
    for (const index of this.#changed) {
      this.#isChanged[index] = 0;
      this.#entries[index] = [
        this.#times[2 * index + 1]!,
        this.#times[2 * index]!,
        this.#rowsAtTime[index]!,
        this.#numbers[2 * index + 1]!,
        this.#numbers[2 * index]!,
      ];
    }
    this.#changed.length = 0;
    return this.#entries.slice();
  }

  /** Goes on from an earlier `snapshot`. */
  restore(entries: DeliveredEntries): void {
    for (const [index, entry] of entries.entries()) {
      if (entry === null || index >= this.#rowsAtTime.length) continue;
      const [timeHigh, timeLow, rowsAtTime, numberHigh, numberLow] = entry;
      this.#times[2 * index] = timeLow;
      this.#times[2 * index + 1] = timeHigh;
      this.#rowsAtTime[index] = rowsAtTime;
      this.#numbers[2 * index] = numberLow;
      this.#numbers[2 * index + 1] = numberHigh;
      this.#entries[index] = entry;
    }
  }
}

function grown(from: Int32Array, words: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(words);
  to.set(from);
  return to;
}
