import type { Batch } from '../../columns/batch.js';
import { compareInt64, readInt64 } from '../../columns/int64.js';
import { columnIndex, type Schema } from '../../columns/schema.js';
import { indexesById } from './indexes-by-id.js';

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

/**
 * The last row of each symbol that was delivered: where to go on after a gap, and after a restart. Symbols are
 * known by their index in the options. Allocates nothing for a row.
 */
export class DeliveredRows {
  readonly #timeAt: number;
  readonly #symbolAt: number;
  readonly #numberAt: number;
  #indexOf = new Int32Array(0);
  readonly #times: Int32Array;
  readonly #numbers: Int32Array;
  readonly #rowsAtTime: Uint32Array;
  readonly #isChanged: Uint8Array;
  readonly #changed: number[] = [];
  readonly #entries: (DeliveredEntry | null)[];

  constructor(schema: Schema, symbols: number) {
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

  /** Rows from one to before another are delivered. */
  pass({ columns }: Batch, from: number, to: number): void {
    const times = columns[this.#timeAt] as Int32Array;
    const ids = columns[this.#symbolAt] as Int32Array;
    const numbers = columns[this.#numberAt] as Int32Array | undefined;
    const indexOf = this.#indexOf;
    const lastTimes = this.#times;
    const rowsAtTime = this.#rowsAtTime;
    const isChanged = this.#isChanged;
    for (let row = from; row < to; row++) {
      const id = ids[row]!;
      const index = id < indexOf.length ? indexOf[id]! : -1;
      if (index < 0) continue;
      const low = times[2 * row]!;
      const high = times[2 * row + 1]!;
      const count = rowsAtTime[index]!;
      let isLater = count === 0;
      if (!isLater) {
        const step = high - lastTimes[2 * index + 1]! || (low >>> 0) - (lastTimes[2 * index]! >>> 0);
        if (step < 0) continue; // a late row
        isLater = step > 0;
      }
      rowsAtTime[index] = isLater ? 1 : count + 1;
      if (isChanged[index] === 0) {
        isChanged[index] = 1;
        this.#changed.push(index);
      }
      lastTimes[2 * index] = low;
      lastTimes[2 * index + 1] = high;
      if (numbers && (isLater || compareInt64(numbers, row, this.#numbers, index) > 0)) {
        this.#numbers[2 * index] = numbers[2 * row]!;
        this.#numbers[2 * index + 1] = numbers[2 * row + 1]!;
      }
    }
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
