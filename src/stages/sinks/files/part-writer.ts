import type { Batch } from '../../../columns/batch.js';
import type { ControlRecord, PlacedControl } from '../../../columns/control-record.js';
import type { PartEncoder } from '../../../formats/part-encoder.js';
import type { Output } from '../../../outputs/output.js';
import type { FileCut, OutputFile, ResumedFile } from '../../../outputs/output-file.js';
import type { Rotation } from './rotation.js';

/** Totals over all parts of a sink that have ended. */
export interface EndedParts {
  rows: number;
  parts: number;
  bytes: number;
}

/**
 * Writes rows into one part after the other. Where a part ends, and what is in it, does not depend on the
 * format.
 */
export class PartWriter {
  readonly #output: Output;
  readonly #encoder: PartEncoder;
  readonly #rotation: Rotation;
  readonly #ended: EndedParts;
  readonly #partition: string;
  #file: OutputFile | undefined;
  #rows = 0;
  /** Rows and bytes that a resumed file already had. */
  #rowsAtBegin = 0;
  #bytesAtBegin = 0;
  /** Control records that came while no file was open. */
  #waiting: ControlRecord[] = [];

  /** @param partition - The folders that hold its parts. */
  constructor(output: Output, encoder: PartEncoder, rotation: Rotation, ended: EndedParts, partition = '') {
    this.#partition = partition;
    this.#output = output;
    this.#encoder = encoder;
    this.#rotation = rotation;
    this.#ended = ended;
  }

  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /** Rows in the open part. */
  get rows(): number {
    return this.#rows;
  }

  /** Of these, the rows written since this start of the run. */
  get newRows(): number {
    return this.#rows - this.#rowsAtBegin;
  }

  get newBytes(): number {
    return this.#file ? this.#file.bytes - this.#bytesAtBegin : 0;
  }

  /** Whether control records other than watermarks are waiting. */
  get hasRecords(): boolean {
    return this.#waiting.some(({ type }) => type !== 'watermark');
  }

  async take(batch: Batch): Promise<void> {
    const { controls } = batch;
    let nextControl = 0;
    for (let row = 0; row < batch.length; ) {
      if (this.#rows > 0 && this.#rotation.cut(batch, row, this.#rows) === row) await this.end();
      if (!this.#file) await this.begin();
      if (this.#rows === 0) this.#rotation.begin(batch, row);
      const end = this.#rotation.cut(batch, row, this.#rows);
      for (; nextControl < controls.length && controls[nextControl]!.row < end; nextControl++) {
        const placed = controls[nextControl]!;
        await this.#rowsOf(batch, row, placed.row);
        row = placed.row;
        await this.#control(placed);
        if (this.isOpen) continue;
        nextControl++; // a watermark has ended the part: the rows after it go to the next one
        break;
      }
      if (!this.isOpen) continue;
      await this.#rowsOf(batch, row, end);
      row = end;
      if (this.#rotation.isFull(this.#rows, this.#file!.bytes + this.#encoder.pendingBytes)) await this.end();
    }
    for (; nextControl < controls.length; nextControl++) await this.#control(controls[nextControl]!);
  }

  /** Ends the part of a quiet feed once a watermark has passed its end. */
  async passed({ at, symbol }: Watermark): Promise<void> {
    if (this.#rows > 0 && symbol === undefined && this.#rotation.isPast(at)) await this.end();
  }

  async begin(): Promise<void> {
    this.#file = await this.#output.begin(this.#partition);
    this.#rows = this.#rowsAtBegin = 0;
    this.#bytesAtBegin = this.#file.bytes;
    await this.#encoder.begin(this.#file);
    for (const record of this.#waiting) await this.#encoder.control?.(record);
    this.#waiting = [];
  }

  async end(): Promise<void> {
    const file = this.#file!;
    await this.#encoder.end();
    await this.#output.end(file);
    this.#ended.rows += this.newRows;
    this.#ended.bytes += this.newBytes;
    this.#ended.parts++;
    this.#file = undefined;
    this.#rows = this.#rowsAtBegin = 0;
  }

  /** The part of the open file that counts in a checkpoint. */
  async cut(whole: boolean): Promise<FileCut> {
    const { state: encoder, mark, log, tail, beginsTail } = await this.#encoder.cut(whole);
    const state: WriterState = { rows: this.#rows, rotation: [...this.#rotation.state], encoder };
    return { file: this.#file!, mark, state, log, tail, beginsTail };
  }

  async goOn(resumed: ResumedFile): Promise<void> {
    const { rows, rotation, encoder } = resumed.state as WriterState;
    this.#file = resumed.file;
    this.#rows = this.#rowsAtBegin = rows;
    this.#bytesAtBegin = resumed.file.bytes;
    this.#rotation.state = rotation;
    await this.#encoder.goOn({ ...resumed, state: encoder });
  }

  close(): void {
    this.#file = undefined;
    this.#encoder.close?.();
  }

  async #rowsOf(batch: Batch, start: number, end: number): Promise<void> {
    if (start >= end) return;
    await this.#encoder.rows(batch, start, end);
    this.#rows += end - start;
  }

  async #control({ record }: PlacedControl): Promise<void> {
    const isWatermark = record.type === 'watermark';
    if (isWatermark) await this.passed(record);
    if (!this.#encoder.control) return;
    if (!this.#file && this.#output.isOneFile && !isWatermark) await this.begin();
    if (this.#file) return this.#encoder.control(record);
    this.#wait(record);
    if (this.#waiting.length === WAITING_MAX) await this.begin();
  }

  /** Keeps a record for the next file. Of consecutive watermarks for one symbol, only the last is kept. */
  #wait(record: ControlRecord): void {
    const last = this.#waiting.at(-1);
    if (record.type === 'watermark' && last?.type === 'watermark' && last.symbol === record.symbol) {
      this.#waiting.pop();
    }
    this.#waiting.push(record);
  }
}

type Watermark = Extract<ControlRecord, { type: 'watermark' }>;

/** Number of waiting records at which a part begins without a row. */
const WAITING_MAX = 10_000;

type WriterState = {
  readonly rows: number;
  readonly rotation: readonly [low: number, high: number];
  readonly encoder: FileCut['state'];
};
