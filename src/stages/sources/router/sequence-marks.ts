import type { Batch } from '../../../columns/batch.js';
import { readInt64 } from '../../../columns/int64.js';
import { type Column, columnIndex, eventTimeIndex, type Schema } from '../../../columns/schema.js';
import { sequenceIndex } from '../../../columns/sequence.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Nanos } from '../../../core/units.js';
import { LastOfSymbols } from './last-of-symbols.js';

/** Slots at first: one for each symbol, and one for rows without. */
const SLOTS = 64;
/** The high word of a slot without a mark. Its low word is 0: no provider numbers a row −2⁶³. */
const UNSET = -0x8000_0000;

/** The number and the time of the last row that was delivered: of each symbol, or of the stream. */
export class SequenceMarks {
  readonly #sequence: number;
  readonly #symbol: number;
  readonly #marks: Marks;
  readonly #time: number;
  readonly #times = new WordMarks();
  readonly #last = new LastOfSymbols();
  /** Of the symbols, if the marks are by symbol. */
  readonly #symbolColumn: Column | undefined;
  /** Whether each row has a number: then the last row of a symbol has its last one. */
  readonly #isNumbered: boolean;
  /** The greatest number of the stream. */
  #greatest: bigint | undefined;

  /** @param scope - `symbol` counts as `stream` where rows have no symbol. */
  constructor(schema: Schema, scope: 'symbol' | 'stream') {
    this.#sequence = sequenceIndex(schema);
    this.#symbol = scope === 'symbol' ? columnIndex(schema, 'symbol') : -1;
    this.#symbolColumn = schema.columns[this.#symbol];
    const { type, nullable = false } = schema.columns[this.#sequence]!;
    this.#isNumbered = type !== 'float64' || !nullable;
    this.#marks = type === 'int64' ? new WordMarks() : new NumberMarks();
    this.#time = eventTimeIndex(schema);
  }

  get isBySymbol(): boolean {
    return this.#symbol >= 0;
  }

  /** Slots in use: a slot that is not below was never marked. */
  get slots(): number {
    return this.#marks.slots;
  }

  /** The slot that a row belongs to: one more than the id of its symbol; 0 without one. */
  slotOf(batch: Batch, row: number): number {
    return this.#symbol < 0 ? 0 : batch.columns[this.#symbol]![row]! + 1;
  }

  isSet(slot: number): boolean {
    return slot < this.#marks.slots && this.#marks.at(slot) !== undefined;
  }

  /** Whether the last number of a slot is not behind that of others. */
  reaches(slot: number, others: SequenceMarks): boolean {
    const [own, other] = [this.isSet(slot) ? this.#marks.at(slot) : undefined, others.#marks.at(slot)];
    return own !== undefined && other !== undefined && own >= other;
  }

  /**
   * Where the number of a row stands: not after the mark of its slot, right after it, or further. A row whose number is
   * null is not compared: it counts as the next one.
   */
  compare(batch: Batch, row: number, slot: number): 'seen' | 'next' | 'beyond' {
    const mark = this.#marks.at(slot);
    const number = this.#marks.read(batch.columns[this.#sequence]!, row);
    if (mark === undefined || number === undefined) return 'next';
    if (number <= mark) return 'seen';
    return number === mark + 1n ? 'next' : 'beyond';
  }

  /** The numbers between the mark of a slot and a row, as text: `101 to 103`. */
  between(batch: Batch, row: number, slot: number): string {
    const first = this.#marks.at(slot)! + 1n;
    const last = this.#marks.read(batch.columns[this.#sequence]!, row)! - 1n;
    return first === last ? `${first}` : `${first} to ${last}`;
  }

  /** Whether the last number of the stream is its greatest: what is not after the mark was delivered. */
  get isInOrder(): boolean {
    return this.#greatest === undefined || this.#marks.at(0) === this.#greatest;
  }

  /** Time of the last row of a slot; `undefined` if that is not known. */
  timeOf(slot: number): Nanos | undefined {
    return slot < this.#times.slots ? (this.#times.at(slot) as Nanos | undefined) : undefined;
  }

  /** Numbers begin anew: those so far say nothing of the order of the ones to come. */
  beginAnew(): void {
    this.#greatest = undefined;
  }

  /** Marks the rows of a batch as delivered. */
  note(batch: Batch): void {
    const { length, columns } = batch;
    if (length === 0) return;
    const numbers = columns[this.#sequence]!;
    if (this.#symbolColumn) {
      this.#noteSymbols(batch, this.#symbolColumn);
      return;
    }
    this.#marks.note(numbers, 0, length - 1);
    if (this.#time >= 0) this.#times.note(columns[this.#time]!, 0, length - 1);
    const greatest = this.#marks.read(numbers, this.#marks.greatest(numbers, length));
    if (greatest === undefined) return;
    if (this.#greatest === undefined || greatest > this.#greatest) this.#greatest = greatest;
  }

  #noteSymbols(batch: Batch, column: Column): void {
    const { length, columns } = batch;
    const symbols = columns[this.#symbol] as Int32Array;
    const numbers = columns[this.#sequence]!;
    const symbolsMax = batch.dictionary(column).size + (column.nullable ? 1 : 0);
    if (this.#time >= 0 || this.#isNumbered) {
      const times = columns[this.#time];
      const count = this.#last.find(symbols, length, symbolsMax);
      for (let i = 0; i < count; i++) {
        const row = this.#last.rows[i]!;
        const slot = symbols[row]! + 1;
        if (times) this.#times.note(times, slot, row);
        if (this.#isNumbered) this.#marks.note(numbers, slot, row);
      }
    }
    if (this.#isNumbered) return;
    const count = this.#last.find(symbols, length, symbolsMax, numbers as Float64Array);
    for (let i = 0; i < count; i++) {
      const row = this.#last.rows[i]!;
      this.#marks.note(numbers, symbols[row]! + 1, row);
    }
  }

  snapshot(): PlainData {
    const marks: SavedMark[] = [];
    for (let slot = 0; slot < this.#marks.slots; slot++) {
      const mark = this.#marks.at(slot);
      if (mark === undefined) continue;
      const at = this.timeOf(slot);
      const time = at === undefined ? null : String(at);
      if (this.isInOrder || slot > 0) marks.push([slot, String(mark), time]);
      else marks.push([slot, String(mark), time, String(this.#greatest)]);
    }
    return marks as unknown as PlainData;
  }

  restore(saved: PlainData): void {
    for (const [slot, mark, time, greatest] of saved as unknown as readonly SavedMark[]) {
      this.#marks.set(slot, BigInt(mark));
      if (typeof time === 'string') this.#times.set(slot, BigInt(time));
      if (!this.isBySymbol) this.#greatest = BigInt(greatest ?? mark);
    }
  }
}

/** Slot, number, time and, of a stream whose last number is not its greatest, that. */
type SavedMark = readonly [slot: number, mark: string, time?: string | null, greatest?: string];

/** The last numbers by slot. */
interface Marks {
  readonly slots: number;
  /** `undefined` if there is none. */
  at(slot: number): bigint | undefined;
  /** `undefined` if the row has no number. */
  read(column: Batch['columns'][number], row: number): bigint | undefined;
  set(slot: number, mark: bigint): void;
  /** The row with the greatest number of the first `length` ones. */
  greatest(column: Batch['columns'][number], length: number): number;
  /** Marks a slot with the number of a row, if it has one. */
  note(column: Batch['columns'][number], slot: number, row: number): void;
}

/** Of numbers in two words. */
class WordMarks implements Marks {
  slots = 0;
  #words = unsetWords(SLOTS);

  at(slot: number): bigint | undefined {
    const isUnset = this.#words[2 * slot + 1] === UNSET && this.#words[2 * slot] === 0;
    return isUnset ? undefined : readInt64(this.#words, slot);
  }

  read(column: Batch['columns'][number], row: number): bigint {
    return readInt64(column as Int32Array, row);
  }

  set(slot: number, mark: bigint): void {
    this.#grow(slot);
    this.#words[2 * slot] = Number(BigInt.asIntN(32, mark));
    this.#words[2 * slot + 1] = Number(mark >> 32n);
  }

  greatest(column: Batch['columns'][number], length: number): number {
    let at = 0;
    for (let row = 1; row < length; row++) {
      const high = column[2 * row + 1]!;
      const most = column[2 * at + 1]!;
      if (high > most || (high === most && column[2 * row]! >>> 0 > column[2 * at]! >>> 0)) at = row;
    }
    return at;
  }

  note(column: Batch['columns'][number], slot: number, row: number): void {
    if (slot >= this.slots) this.#grow(slot);
    this.#words[2 * slot] = column[2 * row]!;
    this.#words[2 * slot + 1] = column[2 * row + 1]!;
  }

  #grow(slot: number): void {
    const size = this.#words.length / 2;
    if (slot >= size) {
      const words = unsetWords(Math.max(2 * size, slot + 1));
      words.set(this.#words);
      this.#words = words;
    }
    if (slot >= this.slots) this.slots = slot + 1;
  }
}

/** Of whole numbers in an int32 or a float64, whose null is NaN. */
class NumberMarks implements Marks {
  slots = 0;
  #numbers = new Float64Array(SLOTS).fill(Number.NaN);

  at(slot: number): bigint | undefined {
    return bigOf(this.#numbers[slot]!);
  }

  read(column: Batch['columns'][number], row: number): bigint | undefined {
    return bigOf(column[row]!);
  }

  set(slot: number, mark: bigint): void {
    this.#grow(slot);
    this.#numbers[slot] = Number(mark);
  }

  greatest(column: Batch['columns'][number], length: number): number {
    let at = 0;
    for (let row = 1; row < length; row++) {
      if (column[row]! > column[at]! || Number.isNaN(column[at]!)) at = row;
    }
    return at;
  }

  note(column: Batch['columns'][number], slot: number, row: number): void {
    if (slot >= this.slots) this.#grow(slot);
    const number = column[row]!;
    if (!Number.isNaN(number)) this.#numbers[slot] = number;
  }

  #grow(slot: number): void {
    const size = this.#numbers.length;
    if (slot >= size) {
      const numbers = new Float64Array(Math.max(2 * size, slot + 1)).fill(Number.NaN);
      numbers.set(this.#numbers);
      this.#numbers = numbers;
    }
    if (slot >= this.slots) this.slots = slot + 1;
  }
}

const bigOf = (number: number): bigint | undefined =>
  Number.isFinite(number) ? BigInt(Math.floor(number)) : undefined;

function unsetWords(slots: number): Int32Array {
  const words = new Int32Array(2 * slots);
  for (let slot = 0; slot < slots; slot++) words[2 * slot + 1] = UNSET;
  return words;
}
