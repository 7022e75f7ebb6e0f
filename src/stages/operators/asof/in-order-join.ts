import type { Batch } from '../../../columns/batch.js';
import type { ColumnMemory, MemoryShare } from '../../../columns/column-memory.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import { TWO_32 } from '../../../columns/int64.js';
import { loadBatch, saveBatch } from '../../../columns/saved-batch.js';
import { allocateColumn, type ColumnData, elementsPerRow, type Schema } from '../../../columns/schema.js';
import { carryPairs, gatherMatches, NONE } from './gather-matches.js';
import type { AsOfColumns, AsOfLateness, Join, JoinState } from './join.js';
import { copyValue, KeptRowsWriter, readKeptRows, savedAt } from './kept-rows.js';

/** The row is in `#carried`, at the index of its symbol. */
const CARRIED = -2;
const SYMBOLS_MIN = 64;
/** High word of an instant before all others. */
const BEFORE_ALL_HIGH = -2_147_483_648;

/** Settings of a join of ordered inputs. */
export interface InOrderSettings extends AsOfColumns {
  /** Tolerance in ns, as a double: exact within 104 days. `Infinity`: no limit. */
  readonly toleranceNs: number;
  readonly memory: ColumnMemory;
  readonly dictionaries: DictionarySet;
}

/**
 * A join for the common case: backward, with both inputs in order of time. It keeps only the last side row
 * of each symbol, so it needs no search. A side row costs one comparison and one write. Values are copied
 * only for joined rows, and for the last row of each symbol in a side batch.
 */
export class InOrderJoin implements Join {
  readonly #settings: InOrderSettings;
  readonly #late: AsOfLateness;
  readonly #memory: MemoryShare;
  readonly #touchedMemory: MemoryShare;
  /** Per symbol: `NONE`, `CARRIED`, or a row of the side batch. */
  #latest = new Int32Array(0);
  /** Symbols with a row of the side batch. */
  #touched = new Int32Array(SYMBOLS_MIN);
  #touchedCount = 0;
  /** Values of the last rows from used-up side batches, by symbol: per taken column, and below for `time`. */
  #carried: ColumnData[];
  #carriedTimes = new Int32Array(0);
  readonly #widths: readonly number[];
  #side: Batch | undefined;
  #sideRow = 0;
  #hasEnded = false;
  #main: Batch | undefined;
  #target: readonly ColumnData[] = [];
  #age: Float64Array | undefined;
  #mainRow = 0;
  #gathered = 0;
  /** For each row of the main batch, as in `gather-matches.ts`. */
  #matches = new Int32Array(0);
  /** Times of the last row of the main input and of the side input. */
  #lastHigh = BEFORE_ALL_HIGH;
  #lastLow = 0;
  #lastSideHigh = BEFORE_ALL_HIGH;
  #lastSideLow = 0;

  constructor(settings: InOrderSettings, late: AsOfLateness) {
    this.#settings = settings;
    this.#late = late;
    this.#memory = settings.memory.share('asof');
    this.#touchedMemory = settings.memory.share('asof');
    this.#touchedMemory.resize(this.#touched.byteLength);
    this.#widths = settings.taken.map(({ column }) => elementsPerRow(column.type));
    this.#carried = settings.taken.map(({ column }) => allocateColumn(column.type, 0));
    this.#growSymbols(SYMBOLS_MIN);
  }

  begin(main: Batch, target: readonly ColumnData[], age: Float64Array | undefined): void {
    this.#main = main;
    this.#target = target;
    this.#age = age;
    this.#mainRow = 0;
    this.#gathered = 0;
    if (this.#matches.length < main.length) this.#matches = new Int32Array(main.capacity);
  }

  give(side: Batch): void {
    this.#side = side;
    this.#sideRow = 0;
    const { symbol } = this.#settings.side;
    if (symbol < 0) return;
    // Done once per batch, so that rows need no check whether there is room for their symbol.
    const ids = side.columns[symbol] as Int32Array;
    let most = 0;
    for (let row = 0; row < side.length; row++) if (ids[row]! > most) most = ids[row]!;
    if (most >= this.#latest.length) this.#growSymbols(Math.max(most + 1, 2 * this.#latest.length));
  }

  endSide(): void {
    this.#hasEnded = true;
  }

  markMatched(keep: Uint8Array): void {
    const { length } = this.#main!;
    for (let row = 0; row < length; row++) keep[row] = this.#matches[row] === NONE ? 0 : 1;
  }

  snapshot(): JoinState {
    const { taken, side: columns, dictionaries } = this.#settings;
    const kept = new KeptRowsWriter(taken, dictionaries);
    const side = this.#side;
    const sideValues = side ? taken.map(({ at }) => side.columns[at]!) : this.#carried;
    this.#latest.forEach((found, symbol) => {
      if (found === NONE) return;
      const isCarried = found === CARRIED;
      const times = isCarried ? this.#carriedTimes : (side!.columns[columns.time] as Int32Array);
      const at = isCarried ? symbol : found;
      const row = {
        symbol,
        high: times[2 * at + 1]!,
        low: times[2 * at]! >>> 0,
        sequenceHigh: 0,
        sequenceLow: 0,
      };
      kept.add(row, isCarried ? this.#carried : sideValues, at);
    });
    return {
      kept: kept.save(),
      side: side ? { batch: saveBatch(side), row: this.#sideRow, control: 0 } : null,
      progress: {
        main: [this.#lastHigh, this.#lastLow],
        side: [this.#lastSideHigh, this.#lastSideLow],
      },
      hasEnded: this.#hasEnded,
    };
  }

  restore({ kept, side, progress, hasEnded }: JoinState, sideSchema: Schema): void {
    const { taken, dictionaries } = this.#settings;
    const places = savedAt(taken);
    readKeptRows(kept, taken, dictionaries, ({ symbol, high, low }, batch, row) => {
      if (symbol >= this.#latest.length) this.#growSymbols(Math.max(symbol + 1, 2 * this.#latest.length));
      this.#latest[symbol] = CARRIED;
      this.#carriedTimes[2 * symbol] = low | 0;
      this.#carriedTimes[2 * symbol + 1] = high;
      this.#carried.forEach((values, i) => {
        copyValue(batch.columns[places[i]!.at]!, row, values, symbol, this.#widths[i]!);
      });
    });
    const { main, side: sideAt } = progress as { readonly main: number[]; readonly side: number[] };
    this.#lastHigh = main[0]!;
    this.#lastLow = main[1]!;
    this.#lastSideHigh = sideAt[0]!;
    this.#lastSideLow = sideAt[1]!;
    this.#hasEnded = hasEnded;
    if (!side) return;
    this.give(loadBatch(side.batch, sideSchema, dictionaries));
    this.#sideRow = side.row;
  }

  advance(): boolean {
    const main = this.#main!;
    const { time, symbol } = this.#settings.main;
    const times = main.columns[time] as Int32Array;
    const symbols = symbol < 0 ? undefined : (main.columns[symbol] as Int32Array);
    const { length } = main;
    const matches = this.#matches;
    for (let row = this.#mainRow; row < length; row++) {
      const high = times[2 * row + 1]!;
      const low = times[2 * row]! >>> 0;
      if (!this.#passSideTo(high, low)) {
        this.#mainRow = row;
        this.#gather(row);
        if (this.#side) this.#retire(this.#side);
        return false;
      }
      const id = symbols === undefined ? 0 : symbols[row]!;
      const found = id >= 0 && id < this.#latest.length ? this.#latest[id]! : NONE;
      matches[row] = found === CARRIED ? ~(id + 1) : found;
      if (high < this.#lastHigh || (high === this.#lastHigh && low < this.#lastLow)) {
        if (!this.#isAtOrBefore(found, id, high, low)) {
          matches[row] = NONE;
          this.#late.mainRow(main, row);
        }
        continue;
      }
      this.#lastHigh = high;
      this.#lastLow = low;
    }
    this.#mainRow = length;
    this.#gather(length);
    return true;
  }

  close(): void {
    this.#side?.release();
    this.#side = undefined;
    this.#memory.resize(0);
    this.#touchedMemory.resize(0);
  }

  /** Notes the side rows up to and including an instant. @returns `false` if more of them may follow. */
  #passSideTo(high: number, low: number): boolean {
    const side = this.#side;
    if (side === undefined) return this.#hasEnded;
    const { time, symbol } = this.#settings.side;
    const times = side.columns[time] as Int32Array;
    const symbols = symbol < 0 ? undefined : (side.columns[symbol] as Int32Array);
    const latest = this.#latest;
    const { length } = side;
    let lastHigh = this.#lastSideHigh;
    let lastLow = this.#lastSideLow;
    let row = this.#sideRow;
    for (; row < length; row++) {
      const rowHigh = times[2 * row + 1]!;
      const rowLow = times[2 * row]! >>> 0;
      if (rowHigh > high || (rowHigh === high && rowLow > low)) break;
      const id = symbols === undefined ? 0 : symbols[row]!;
      if (id < 0) continue;
      if (rowHigh < lastHigh || (rowHigh === lastHigh && rowLow < lastLow)) {
        if (!this.#isStillLatest(side, row, id)) continue;
      } else {
        lastHigh = rowHigh;
        lastLow = rowLow;
      }
      if (latest[id]! < 0) this.#touch(id);
      latest[id] = row;
    }
    this.#lastSideHigh = lastHigh;
    this.#lastSideLow = lastLow;
    this.#sideRow = row;
    return row < length;
  }

  /**
   * Whether a side row that came out of order is still the latest of its symbol. Reports it as late if rows
   * at or after it were already answered.
   */
  #isStillLatest(side: Batch, row: number, symbol: number): boolean {
    const times = side.columns[this.#settings.side.time] as Int32Array;
    const high = times[2 * row + 1]!;
    const low = times[2 * row]! >>> 0;
    if (high < this.#lastHigh || (high === this.#lastHigh && low <= this.#lastLow)) {
      this.#late.sideRow(side, row);
      return false;
    }
    return this.#isAtOrBefore(this.#latest[symbol]!, symbol, high, low);
  }

  #touch(symbol: number): void {
    if (this.#touchedCount === this.#touched.length) {
      this.#touchedMemory.resize(2 * this.#touched.byteLength);
      const longer = new Int32Array(2 * this.#touchedCount);
      longer.set(this.#touched);
      this.#touched = longer;
    }
    this.#touched[this.#touchedCount++] = symbol;
  }

  /** Whether a found row is at or before an instant. Also true if no row was found. */
  #isAtOrBefore(found: number, symbol: number, high: number, low: number): boolean {
    if (found === NONE) return true;
    const isCarried = found === CARRIED;
    const times = isCarried
      ? this.#carriedTimes
      : (this.#side!.columns[this.#settings.side.time] as Int32Array);
    const at = isCarried ? symbol : found;
    const foundHigh = times[2 * at + 1]!;
    return foundHigh < high || (foundHigh === high && times[2 * at]! >>> 0 <= low);
  }

  /** Copies the matched values to the main batch, before the side batch is released. */
  #gather(end: number): void {
    const start = this.#gathered;
    this.#gathered = end;
    if (start === end) return;
    this.#dropFar(start, end);
    const matches = this.#matches;
    const side = this.#side?.columns;
    this.#settings.taken.forEach(({ column, at }, i) => {
      const carried = this.#carried[i]!;
      const from = side?.[at] ?? carried; // without a side batch, no match refers to one
      gatherMatches(column.type, from, carried, matches, start, end, this.#target[i]!);
    });
  }

  /** Removes matches beyond the tolerance, and writes the age of the others. */
  #dropFar(start: number, end: number): void {
    const { toleranceNs, main, side } = this.#settings;
    const age = this.#age;
    if (age === undefined && toleranceNs === Number.POSITIVE_INFINITY) return;
    const times = this.#main!.columns[main.time] as Int32Array;
    const sideTimes = this.#side?.columns[side.time] as Int32Array | undefined;
    const matches = this.#matches;
    for (let row = start; row < end; row++) {
      const match = matches[row]!;
      let distance = Number.NaN;
      if (match !== NONE) {
        const from = match >= 0 ? sideTimes! : this.#carriedTimes;
        const at = match >= 0 ? match : ~match - 1;
        distance =
          (times[2 * row + 1]! - from[2 * at + 1]!) * TWO_32 +
          ((times[2 * row]! >>> 0) - (from[2 * at]! >>> 0));
        if (distance > toleranceNs) {
          matches[row] = NONE;
          distance = Number.NaN;
        }
      }
      if (age) age[row] = distance;
    }
  }

  /** Copies the last row of each symbol from a used-up side batch to `#carried`, and releases the batch. */
  #retire(side: Batch): void {
    const latest = this.#latest;
    const touched = this.#touched;
    const count = this.#touchedCount;
    this.#settings.taken.forEach(({ at }, i) => {
      const from = side.columns[at]!;
      const to = this.#carried[i]!;
      if (this.#widths[i] === 2) carryPairs(from as Int32Array, latest, touched, count, to as Int32Array);
      else for (let n = 0; n < count; n++) to[touched[n]!] = from[latest[touched[n]!]!]!;
    });
    carryPairs(
      side.columns[this.#settings.side.time] as Int32Array,
      latest,
      touched,
      count,
      this.#carriedTimes,
    );
    for (let n = 0; n < count; n++) latest[touched[n]!] = CARRIED;
    this.#touchedCount = 0;
    this.#side = undefined;
    side.release();
  }

  #growSymbols(count: number): void {
    const latest = new Int32Array(count).fill(NONE);
    latest.set(this.#latest);
    let bytes = 12 * count;
    for (const { column } of this.#settings.taken) bytes += allocateColumn(column.type, 1).byteLength * count;
    this.#memory.resize(bytes);
    this.#latest = latest;
    const times = new Int32Array(2 * count);
    times.set(this.#carriedTimes);
    this.#carriedTimes = times;
    this.#carried = this.#settings.taken.map(({ column }, i) => {
      const values = allocateColumn(column.type, count);
      values.set(this.#carried[i]!);
      return values;
    });
  }
}
