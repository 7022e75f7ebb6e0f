import type { Batch } from '../../../columns/batch.js';
import type { Instant } from '../../../columns/instants.js';
import { TWO_32 } from '../../../columns/int64.js';
import { columnIndex, type Schema } from '../../../columns/schema.js';
import { type SequenceReader, sequenceIndex, sequenceReader } from '../../../columns/sequence.js';
import type { PlainData } from '../../../core/plain-data.js';

/** Slots at first: one for each symbol, and one for rows without. */
const SLOTS = 64;

/**
 * The number of the last row that was delivered: of each symbol, or of the stream. Numbers are kept as the two words of
 * an int64. A row whose number is null has none, and is not compared.
 */
export class SequenceMarks {
  readonly #sequence: number;
  readonly #symbol: number;
  readonly #read: SequenceReader;
  readonly #isWords: boolean;
  #high = new Int32Array(SLOTS);
  #low = new Uint32Array(SLOTS);
  #isSet = new Uint8Array(SLOTS);
  /** Slots in use. */
  #slots = 0;
  readonly #at: Instant = { high: 0, low: 0 };

  /** @param scope - `symbol` counts as `stream` where rows have no symbol. */
  constructor(schema: Schema, scope: 'symbol' | 'stream') {
    this.#sequence = sequenceIndex(schema);
    this.#symbol = scope === 'symbol' ? columnIndex(schema, 'symbol') : -1;
    const { type } = schema.columns[this.#sequence]!;
    this.#read = type === 'float64' ? readWhole : sequenceReader(type);
    this.#isWords = type === 'int64';
  }

  get isBySymbol(): boolean {
    return this.#symbol >= 0;
  }

  /** Slots in use: a slot that is not below was never marked. */
  get slots(): number {
    return this.#slots;
  }

  /** The slot that a row belongs to: one more than the id of its symbol; 0 without one. */
  slotOf(batch: Batch, row: number): number {
    return this.#symbol < 0 ? 0 : batch.columns[this.#symbol]![row]! + 1;
  }

  isSet(slot: number): boolean {
    return slot < this.#slots && this.#isSet[slot] === 1;
  }

  /** Where the number of a row stands: not after the mark of its slot, right after it, or further. */
  compare(batch: Batch, row: number, slot: number): 'seen' | 'next' | 'beyond' {
    const at = this.#at;
    this.#read(batch.columns[this.#sequence]!, row, at);
    if (Number.isNaN(at.high)) return 'next';
    const high = this.#high[slot]!;
    const low = this.#low[slot]!;
    if (at.high < high || (at.high === high && at.low <= low)) return 'seen';
    const isNext =
      at.low > 0 ? at.high === high && at.low === low + 1 : at.high === high + 1 && low === 0xffff_ffff;
    return isNext ? 'next' : 'beyond';
  }

  /** The numbers between the mark of a slot and a row, as text: `101 to 103`. */
  between(batch: Batch, row: number, slot: number): string {
    const at = this.#at;
    this.#read(batch.columns[this.#sequence]!, row, at);
    const first = bigOf(this.#high[slot]!, this.#low[slot]!) + 1n;
    const last = bigOf(at.high, at.low) - 1n;
    return first === last ? `${first}` : `${first} to ${last}`;
  }

  /** Marks the rows of a batch as delivered. */
  note(batch: Batch): void {
    const { length } = batch;
    if (length === 0) return;
    if (this.#symbol < 0) this.#mark(batch, length - 1, 0);
    else if (this.#isWords) this.#noteWords(batch, length);
    else for (let row = 0; row < length; row++) this.#mark(batch, row, this.slotOf(batch, row));
  }

  snapshot(): PlainData {
    const marks: [number, number, number][] = [];
    for (let slot = 0; slot < this.#slots; slot++) {
      if (this.#isSet[slot] === 1) marks.push([slot, this.#high[slot]!, this.#low[slot]!]);
    }
    return marks;
  }

  restore(saved: PlainData): void {
    for (const [slot, high, low] of saved as unknown as readonly [number, number, number][]) {
      this.#grow(slot);
      this.#high[slot] = high;
      this.#low[slot] = low;
      this.#isSet[slot] = 1;
    }
  }

  #noteWords(batch: Batch, length: number): void {
    const symbols = batch.columns[this.#symbol] as Int32Array;
    const words = batch.columns[this.#sequence] as Int32Array;
    let [high, low, isSet] = [this.#high, this.#low, this.#isSet];
    let slots = this.#slots;
    for (let row = 0; row < length; row++) {
      const slot = symbols[row]! + 1;
      if (slot >= slots) {
        this.#grow(slot);
        [high, low, isSet, slots] = [this.#high, this.#low, this.#isSet, this.#slots];
      }
      low[slot] = words[2 * row]!;
      high[slot] = words[2 * row + 1]!;
      isSet[slot] = 1;
    }
  }

  #mark(batch: Batch, row: number, slot: number): void {
    if (slot >= this.#slots) this.#grow(slot);
    const at = this.#at;
    this.#read(batch.columns[this.#sequence]!, row, at);
    if (Number.isNaN(at.high)) return;
    this.#high[slot] = at.high;
    this.#low[slot] = at.low;
    this.#isSet[slot] = 1;
  }

  #grow(slot: number): void {
    if (slot >= this.#isSet.length) {
      const size = Math.max(2 * this.#isSet.length, slot + 1);
      this.#high = grown(this.#high, new Int32Array(size));
      this.#low = grown(this.#low, new Uint32Array(size));
      this.#isSet = grown(this.#isSet, new Uint8Array(size));
    }
    if (slot >= this.#slots) this.#slots = slot + 1;
  }
}

/** A double is a whole number here; NaN stays one. */
const readWhole: SequenceReader = (column, row, to) => {
  const value = column[row]!;
  to.high = Math.floor(value / TWO_32);
  to.low = value - to.high * TWO_32;
};

const bigOf = (high: number, low: number): bigint => (BigInt(high) << 32n) | BigInt(low);

function grown<Words extends Int32Array | Uint32Array | Uint8Array>(from: Words, to: Words): Words {
  to.set(from);
  return to;
}
