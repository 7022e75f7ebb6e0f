import type { Batch } from '../../../columns/batch.js';
import type { ControlRecord, PlacedControl } from '../../../columns/control-record.js';
import { readNanos } from '../../../columns/int64.js';
import { columnIndex, eventTimeIndex, type Schema } from '../../../columns/schema.js';
import { retainRows } from '../../../columns/selection.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Nanos } from '../../../core/units.js';
import type { SequenceNumbers } from '../../../wire/provider-capabilities.js';
import { SequenceMarks } from './sequence-marks.js';

/** In place of a record that says nothing of the stream. */
const LEFT_OUT: ControlRecord = { type: 'watermark', at: 0n as Nanos };

export interface SeamBegin {
  readonly from: string;
  readonly to: string;
  /** Time of the last row before the seam. */
  readonly since: Nanos | undefined;
  /** Whether rows before the seam were held back and not delivered: later ones of other symbols were. */
  readonly hasHeld: boolean;
  /** The last numbers that the new source has given. */
  readonly given?: SequenceMarks | undefined;
  /** Whether it is the same opening of the same source: it has given all rows before the seam itself. */
  readonly isSame: boolean;
}

/**
 * Joins the rows of one source to those of the one before it, where both number the same rows in the same way. Behind
 * a seam, rows with a number that was delivered already are dropped, and numbers that are missing are told as a
 * `gap`: of each symbol, or of the stream, up to its first row with a later number.
 */
export class Stitch {
  readonly #numbers: Pick<SequenceNumbers, 'scope' | 'step'>;
  readonly #marks: SequenceMarks;
  readonly #time: number;
  readonly #symbol: number;
  /** By slot: 1 if it had a mark at the seam and has not passed it, 2 if it overlaps, too. Else, and beyond the end: 0. */
  #isOpen = new Uint8Array(0);
  /** By slot: 1 if the new source has told of a gap in front of its next row. */
  #isBehindGap = new Uint8Array(0);
  /** How many are open. */
  #open = 0;
  /** Of how many slots it is not known what they lack. */
  #unproven = 0;
  #names = { from: '', to: '' };
  /** Whether a row was seen before since the seam began: the new source overlaps with what was delivered. */
  #hasOverlap = false;
  /**
   * Whether the new source has begun its numbers anew, or may have; or the one before has given rows of the stream out
   * of order, so that its last number does not say what was delivered.
   */
  #beganAnew = false;
  /** Time of the last row before the seam. */
  #since: Nanos | undefined;
  #keep = new Uint8Array(0);
  readonly #maxDelayNs: bigint;

  /** @param maxDelayNs - How far a row may be behind earlier rows of its symbol, in time. */
  constructor(schema: Schema, numbers: Pick<SequenceNumbers, 'scope' | 'step'>, maxDelayNs = 0) {
    this.#numbers = numbers;
    this.#maxDelayNs = BigInt(maxDelayNs);
    this.#marks = new SequenceMarks(schema, numbers.scope);
    this.#time = eventTimeIndex(schema);
    this.#symbol = columnIndex(schema, 'symbol');
  }

  /**
   * Whether it is known now what the seam lacks: nothing, since the new source was there before the last one had ended,
   * or what the gaps so far say. A symbol that has had no row yet may lack some, which nobody knows before its next one:
   * that another symbol overlaps does not tell.
   */
  get isExact(): boolean {
    if (this.#beganAnew) return false;
    return this.#unproven === 0 && (this.#hasOverlap || this.tellsAll);
  }

  /** Whether every number that is missing is told. */
  get tellsAll(): boolean {
    return this.#numbers.step === 'one';
  }

  /**
   * The next rows come from another source, or from one that was opened again. A symbol of which the new source has
   * given the last row that was delivered, beside the last one, lacks nothing.
   */
  begin({ from, to, since, hasHeld, given, isSame }: SeamBegin): void {
    this.#since = since;
    const { slots } = this.#marks;
    if (this.#isOpen.length < slots) {
      this.#isOpen = new Uint8Array(2 * slots);
      this.#isBehindGap = new Uint8Array(2 * slots);
    }
    this.#names = { from, to };
    this.#hasOverlap = false;
    this.#beganAnew = !this.#marks.isInOrder || (hasHeld && !this.#marks.isBySymbol);
    this.#open = 0;
    this.#unproven = 0;
    this.#isOpen.fill(0);
    this.#isBehindGap.fill(0);
    if (this.#beganAnew) return;
    for (let slot = 0; slot < slots; slot++) {
      if (!this.#marks.isSet(slot)) continue;
      this.#open++;
      // What is left out of the rows that it kept shows in numbers that go up by one.
      const overlaps = (isSame && this.tellsAll) || given?.reaches(slot, this.#marks) === true;
      this.#isOpen[slot] = overlaps ? 2 : 1;
      if (overlaps) this.#hasOverlap = true;
      else this.#unproven++;
    }
  }

  /** The source itself knows what was delivered: nothing is compared. */
  rest(): void {
    this.#open = 0;
    this.#isOpen.fill(0);
  }

  /** Whether rows may be missing in front of a batch of the new source, as far as its numbers show. */
  lacks(batch: Batch): boolean {
    if (this.#beganAnew) return true;
    if (this.#open === 0) return false;
    const looked = new Set<number>();
    for (let row = 0; row < batch.length; row++) {
      const slot = this.#marks.slotOf(batch, row);
      if (!this.#isOpen[slot] || looked.has(slot)) continue;
      if ((this.#isOpen[slot] === 1 || this.tellsAll) && this.#marks.compare(batch, row, slot) === 'beyond')
        return true;
      looked.add(slot);
    }
    return false;
  }

  /**
   * Drops the rows of a batch that were delivered already, and adds gaps in front of those that do not follow on.
   * @returns How many were dropped.
   */
  pass(batch: Batch): number {
    if (this.#open === 0) return 0;
    const { length } = batch;
    if (this.#keep.length < length) this.#keep = new Uint8Array(Math.max(1_024, length));
    const keep = this.#keep.subarray(0, length).fill(1);
    const { controls } = batch;
    const told: PlacedControl[] = [];
    let control = 0;
    let seen = 0;
    for (let row = 0; row < length && this.#open > 0; row++) {
      for (; control < controls.length && controls[control]!.row <= row; control++) {
        const { record } = controls[control]!;
        const own = this.#heed(record, batch);
        if (own !== record) controls[control] = { row: controls[control]!.row, record: own ?? LEFT_OUT };
      }
      const slot = this.#marks.slotOf(batch, row);
      if (!this.#isOpen[slot]) continue;
      const relation = this.#marks.compare(batch, row, slot);
      if (relation === 'seen' && this.#beginsAnew(batch, row, slot)) {
        this.#beganAnew = true;
        this.#pass(slot);
        continue;
      }
      if (this.#isBehindGap[slot] && this.tellsAll) this.#leaveOutGaps(batch, row, slot);
      if (relation === 'seen') {
        keep[row] = 0;
        seen++;
        this.#hasOverlap = true;
        if (this.#isOpen[slot] === 1) this.#unproven--;
        this.#isOpen[slot] = 2;
        continue;
      }
      if (relation === 'beyond' && this.tellsAll) {
        told.push({ row, record: this.#gapBefore(batch, row, slot) });
      }
      this.#pass(slot);
    }
    if (controls.some(({ record }) => record === LEFT_OUT)) {
      batch.controls = controls.filter(({ record }) => record !== LEFT_OUT);
    }
    if (told.length > 0) batch.controls = [...batch.controls, ...told].sort((a, b) => a.row - b.row);
    if (seen > 0) retainRows(batch, keep);
    return seen;
  }

  /** Notes records that come without rows. @returns Those that say something of the stream. */
  heed(records: readonly ControlRecord[], batch: Batch): ControlRecord[] {
    return records.flatMap((record) => this.#heed(record, batch) ?? []);
  }

  /** Marks the rows of a batch as delivered. */
  note(batch: Batch): void {
    if (batch.controls.some(({ record }) => record.type === 'reset')) this.#marks.beginAnew();
    this.#marks.note(batch);
  }

  /** Whether all rows of a batch have been delivered already, as far as numbers tell. */
  hasSeen(batch: Batch): boolean {
    for (let row = batch.length - 1; row >= 0; row--) {
      const slot = this.#marks.slotOf(batch, row);
      if (!this.#marks.isSet(slot) || this.#marks.compare(batch, row, slot) !== 'seen') return false;
    }
    return true;
  }

  snapshot(): PlainData {
    return this.#marks.snapshot();
  }

  restore(saved: PlainData): void {
    this.#marks.restore(saved);
  }

  /**
   * A `reset` begins the numbers anew, so the marks say nothing of what follows. A `gap` may. Of one in front of the
   * first row of its symbol, what lies before the last row that was delivered was not missed.
   *
   * @returns The record; without what was not missed. `undefined` if nothing is left of it.
   */
  #heed(record: ControlRecord, batch: Batch): ControlRecord | undefined {
    if (record.type !== 'gap' && record.type !== 'reset') return record;
    if (record.type === 'reset' || !this.#marks.isBySymbol) {
      this.#beganAnew = true;
      this.#open = 0;
      this.#isOpen.fill(0);
      return record;
    }
    const { symbol, from, to } = record;
    if (symbol === undefined) {
      this.#isBehindGap.set(this.#isOpen);
      return record;
    }
    const { columns } = batch.schema;
    const slot = (batch.dictionary(columns[this.#symbol]!).find(symbol) ?? -1) + 1;
    if (!this.#isOpen[slot]) return record;
    this.#isBehindGap[slot] = 1;
    const last = this.#marks.timeOf(slot);
    if (last === undefined || last <= from) return record;
    return last < to ? { ...record, from: last } : undefined;
  }

  /** Its number says what a symbol lacks in front of its first row, which the gaps there may not know. */
  #leaveOutGaps(batch: Batch, row: number, slot: number): void {
    const symbol = batch.dictionary(batch.schema.columns[this.#symbol]!).at(slot - 1);
    for (const [i, placed] of batch.controls.entries()) {
      if (placed.row > row) return;
      const { record } = placed;
      if (record.type !== 'gap' || record.symbol === undefined || record.symbol !== symbol) continue;
      batch.controls[i] = { row: placed.row, record: LEFT_OUT };
    }
  }

  /** Behind a gap, numbers that are not higher in rows that are later: they begin anew. */
  #beginsAnew(batch: Batch, row: number, slot: number): boolean {
    if (!this.#isBehindGap[slot]) return false;
    const last = this.#marks.timeOf(slot);
    if (this.#time < 0 || last === undefined) return true;
    return readNanos(batch.columns[this.#time] as Int32Array, row) > last + this.#maxDelayNs;
  }

  #pass(slot: number): void {
    if (this.#isOpen[slot] === 1 && this.tellsAll) this.#unproven--;
    this.#isOpen[slot] = 0;
    this.#open--;
  }

  #gapBefore(batch: Batch, row: number, slot: number): ControlRecord {
    const { from: source, to: next } = this.#names;
    const missing = this.#marks.between(batch, row, slot);
    const at = this.#time < 0 ? (0n as Nanos) : readNanos(batch.columns[this.#time] as Int32Array, row);
    const since = this.#marks.timeOf(slot) ?? this.#since;
    const from = since !== undefined && since < at ? since : at;
    const { columns } = batch.schema;
    const symbol = this.#marks.isBySymbol ? batch.dictionary(columns[this.#symbol]!).at(slot - 1) : null;
    return {
      type: 'gap',
      from,
      to: (at + 1n) as Nanos, // a missing row may be of the same instant
      ...(symbol !== null && { symbol }),
      reason: `sequence ${missing} is missing between ${source} and ${next}`,
    };
  }
}
