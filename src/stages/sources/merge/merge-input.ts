import { appendRows, Batch } from '../../../columns/batch.js';
import type { ControlRecord, PlacedControl } from '../../../columns/control-record.js';
import type { DictionarySet } from '../../../columns/dictionary.js';
import {
  AFTER_ALL,
  BEFORE_ALL,
  type Instant,
  instantOf,
  instantOfText,
  isAfter,
  isBefore,
  setDifference,
  textOfInstant,
} from '../../../columns/instants.js';
import type { Schema } from '../../../columns/schema.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Input } from '../../../engine/input.js';
import type { LateNotice } from './late-notice.js';
import type { RowOrder, RowSurvey } from './row-order.js';
import { RowsInOrder } from './rows-in-order.js';

export interface MergeInputSettings {
  /** As in the spec: `sources[1]`. */
  readonly id: string;
  readonly input: Input;
  /** Columns of the merged rows. */
  readonly schema: Schema;
  readonly order: RowOrder;
  readonly batchRows: number;
  readonly dictionaries: DictionarySet;
  /** Told of rows that come behind its watermark. */
  readonly notice: LateNotice;
}

/** One input of a merge: what was read of it, and how far its time has come. */
export class MergeInput {
  readonly id: string;
  readonly rows: RowsInOrder;
  /** Whether its source may be silent for long. */
  readonly isLive: boolean;
  /** No row before this instant is expected. */
  readonly watermark: Instant = { ...BEFORE_ALL };
  /** Time of its latest row. */
  readonly latest: Instant = { ...BEFORE_ALL };
  /** Whether the others do not wait for it any more: until its watermark moves. Its rows are released as they come. */
  isPassedOver = false;
  /** Whether it has told its time in this start: from then on the clock moves it, or its operators hold it back. */
  hasToldTime = false;
  /** Rows that came behind its watermark. */
  rowsLate = 0;
  readonly #settings: MergeInputSettings;
  readonly #maxDelay: Instant;
  readonly #at: Instant = { ...BEFORE_ALL };
  #failure: { readonly error: unknown } | undefined;
  /** Rows that it has given in this start. */
  #rowsGiven = 0;
  #isReading = false;
  #isClosed = false;

  constructor(settings: MergeInputSettings) {
    const { id, input, schema, order, batchRows, dictionaries } = settings;
    this.#settings = settings;
    this.id = id;
    this.rows = new RowsInOrder(schema, order, batchRows, dictionaries);
    this.isLive = input.capabilities.delivery !== 'replayable';
    this.#maxDelay = instantOf(BigInt(input.order.maxDelayNs));
  }

  /** What its source is called in messages. */
  get title(): string {
    return this.#settings.input.title;
  }

  get hasEnded(): boolean {
    return this.watermark.high === Number.POSITIVE_INFINITY;
  }

  /** Whether it has said how far its time has come. */
  get hasTime(): boolean {
    return this.watermark.high !== Number.NEGATIVE_INFINITY;
  }

  /** Whether its rows tell the time of all symbols. */
  get tellsByRows(): boolean {
    return this.#settings.input.order.scope === 'all';
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  get rowsRejected(): number {
    return this.#settings.input.rowsRejected;
  }

  get rowsLeftOut(): number {
    return this.#settings.input.rowsLeftOut;
  }

  get bytesIn(): number {
    return this.#settings.input.bytesIn;
  }

  /**
   * Begins a read, unless one is in progress or there is nothing left to read.
   *
   * @param onArrival - Called once it has ended, maybe at once.
   */
  read(onArrival: () => void): void {
    if (this.#isReading || this.hasEnded || this.#failure) return;
    const arrive = (batch: Batch | null) => {
      this.#isReading = false;
      if (this.#isClosed) batch?.release();
      else if (batch) this.#give(batch);
      else this.end();
      onArrival();
    };
    const fail = (error: unknown) => {
      this.#isReading = false;
      this.#failure = { error };
      onArrival();
    };
    this.#isReading = true;
    try {
      const reading = this.#settings.input.read();
      if (reading instanceof Promise) reading.then(arrive, fail);
      else arrive(reading);
    } catch (error) {
      fail(error);
    }
  }

  /** Notes that it has no more rows. */
  end(): void {
    Object.assign(this.watermark, AFTER_ALL);
    this.isPassedOver = false;
  }

  /** Releases the rows that its watermark is past. */
  release(): void {
    if (this.isPassedOver) this.releaseAll();
    else this.rows.release(this.watermark, !this.#settings.order.hasSequence);
  }

  /** Releases all rows. */
  releaseAll(): void {
    this.rows.release(AFTER_ALL, true);
  }

  /** Lowers an instant to that of the earliest row that is held or may come. */
  lower(instant: Instant): void {
    const { order } = this.#settings;
    const note = (high: number, low: number) => {
      if (isAfter(high, low, instant) || (high === instant.high && low === instant.low)) return;
      instant.high = high;
      instant.low = low;
    };
    note(this.watermark.high, this.watermark.low);
    this.rows.eachEarliest((batch, row) => {
      const times = order.timesOf(batch);
      note(times[2 * row + 1]!, times[2 * row]! >>> 0);
    });
  }

  snapshot(): PlainData {
    return {
      watermark: textOfInstant(this.watermark),
      latest: textOfInstant(this.latest),
      rowsLate: this.rowsLate,
      rows: this.rows.snapshot(),
    };
  }

  /** @throws {PipelineError} `CHECKPOINT_INVALID` if the saved columns differ. */
  restore(saved: PlainData): void {
    const { watermark, latest, rowsLate, rows } = saved as unknown as SavedMergeInput;
    Object.assign(this.watermark, instantOfText(watermark));
    Object.assign(this.latest, instantOfText(latest));
    this.rowsLate = rowsLate;
    this.rows.restore(rows);
  }

  close(): void {
    this.#isClosed = true;
    this.rows.close();
  }

  #give(batch: Batch): void {
    const { controls } = batch;
    batch.controls = [];
    const survey = batch.length > 0 ? this.#passRows(batch) : undefined;
    for (const { record } of controls) {
      if (record.type !== 'watermark' || record.symbol !== undefined) continue;
      const { high, low } = instantOf(record.at);
      this.#raise(high, low);
    }
    const others = controls.filter(({ record }) => record.type !== 'watermark');
    if (others.length > 0) this.#divide(batch, others);
    else if (survey) this.rows.add(batch, survey);
    else batch.release();
  }

  /** Notes what its rows tell of its time. */
  #passRows(batch: Batch): Readonly<RowSurvey> {
    const { order } = this.#settings;
    const times = order.timesOf(batch);
    const survey = order.survey(batch);
    const { isSorted, earliest, latest } = survey;
    if (isBefore(times[2 * earliest + 1]!, times[2 * earliest]! >>> 0, this.watermark)) {
      const rows = isSorted
        ? order.endOf(batch, 0, this.watermark, false)
        : countBefore(times, batch.length, this.watermark);
      this.rowsLate += rows;
      const { notice } = this.#settings;
      notice.add({ input: this.id, rows, batch, row: earliest, times, before: this.#rowsGiven });
    }
    this.#rowsGiven += batch.length;
    const high = times[2 * latest + 1]!;
    const low = times[2 * latest]! >>> 0;
    if (isAfter(high, low, this.latest)) Object.assign(this.latest, { high, low });
    if (this.tellsByRows) {
      setDifference(this.#at, high, low, this.#maxDelay);
      this.#raise(this.#at.high, this.#at.low);
    }
    return survey;
  }

  #raise(high: number, low: number): void {
    if (!isAfter(high, low, this.watermark)) return;
    this.watermark.high = high;
    this.watermark.low = low;
    this.hasToldTime = true;
    this.isPassedOver = false;
  }

  /** Adds the rows of a batch with the control records between them. */
  #divide(batch: Batch, controls: readonly PlacedControl[]): void {
    const { schema, order, dictionaries } = this.#settings;
    const { origin, length } = batch;
    let start = 0;
    const addTo = (end: number) => {
      if (end === start) return;
      const part = new Batch(schema, end - start, dictionaries);
      appendRows(batch, start, end, part);
      const from = start;
      if (origin) part.origin = { at: (place) => origin.at(from + place) };
      this.rows.add(part, order.survey(part));
      start = end;
    };
    const records: ControlRecord[] = [];
    for (const { row, record } of controls) {
      if (row > start) {
        if (records.length > 0) this.rows.mark(records.splice(0));
        addTo(row);
      }
      records.push(record);
    }
    this.rows.mark(records);
    addTo(length);
    batch.release();
  }
}

function countBefore(times: Int32Array, rows: number, instant: Readonly<Instant>): number {
  let count = 0;
  for (let row = 0; row < rows; row++) {
    if (isBefore(times[2 * row + 1]!, times[2 * row]! >>> 0, instant)) count++;
  }
  return count;
}

interface SavedMergeInput {
  readonly watermark: string;
  readonly latest: string;
  readonly rowsLate: number;
  readonly rows: PlainData;
}
