import type { Batch } from '../../core/batch.js';
import type { ControlRecord, PlacedControl } from '../../core/control-record.js';
import type { PlainData } from '../../core/plain-data.js';
import type { Schema } from '../../core/schema.js';
import type { StagedFile } from '../../outputs/staged-file.js';
import type { Durable, Sink } from '../../pipeline/sink.js';
import type { StageStatistics } from '../../protocol/pipeline-report.js';
import type { Output } from './output.js';
import { Rotation, type RotationLimits } from './rotation.js';

/** Turns rows into the bytes of one format. Looks at batches; does not own them. */
export interface PartEncoder {
  /** Starts a file, or goes on with one that holds bytes already. */
  begin(file: StagedFile): Promise<void> | void;
  rows(batch: Batch, start: number, end: number): Promise<void> | void;
  /** Writes a control record down between the rows. Without it, they are not in the file. */
  control?(record: ControlRecord): Promise<void> | void;
  /** Everything is in the file when it settles. */
  end(): Promise<void>;
  /** Bytes, about, that rows taken and not yet written will add to the file. */
  readonly pendingBytes: number;
  /** Frees what is held outside of V8's heap, and gives its memory back. */
  close?(): void;
}

/**
 * A sink that writes files: parts, rotation, control records and commits are the same for all formats.
 *
 * Once a step has failed, all later ones fail with the same error: a second `fsync` may succeed though
 * the bytes are lost, so nothing may be published after a failed one.
 */
export class FileSink implements Sink {
  readonly capabilities = { delivery: 'transactional' } as const;
  readonly #output: Output;
  readonly #encoder: PartEncoder;
  readonly #rotation: Rotation;
  #file: StagedFile | undefined;
  #rows = 0;
  #rowsEnded = 0;
  #partsEnded = 0;
  #bytesEnded = 0;
  /** Of a file that is gone on with. */
  #bytesAtBegin = 0;
  /** Control records that came while no file was open. */
  #waiting: ControlRecord[] = [];
  #failure: { readonly error: unknown } | undefined;
  /** Never rejects. A checkpoint is prepared and committed while batches come. */
  #lastStep: Promise<void> = Promise.resolve();

  constructor(schema: Schema, output: Output, encoder: PartEncoder, limits: RotationLimits = {}) {
    this.#output = output;
    this.#encoder = encoder;
    this.#rotation = new Rotation(schema, limits);
  }

  get bytesOut(): number {
    return this.#bytesEnded + (this.#file ? this.#file.bytes - this.#bytesAtBegin : 0);
  }

  open(): Promise<void> {
    return this.#output.open();
  }

  resume(position: PlainData): Promise<void> {
    return this.#output.resume(position);
  }

  async write(batch: Batch): Promise<void> {
    try {
      await this.#inTurn(() => this.#take(batch));
    } finally {
      batch.release();
    }
  }

  prepare(): Promise<Durable> {
    return this.#inTurn(async () => {
      if (this.#file) await this.#end();
      return { position: await this.#output.prepare(), rows: this.#rowsEnded };
    });
  }

  commit(position: PlainData): Promise<void> {
    return this.#inTurn(() => this.#output.commit(position));
  }

  flush(): Promise<Durable> {
    return this.#inTurn(async () => {
      const hasRecords = this.#waiting.some(({ type }) => type !== 'watermark');
      if (!this.#file && (hasRecords || this.#output.lacksSchema())) await this.#begin();
      if (this.#file) await this.#end();
      return { position: await this.#output.flush(), rows: this.#rowsEnded };
    });
  }

  outputs(): readonly string[] {
    return this.#output.paths();
  }

  statistics(): StageStatistics {
    return { parts: this.#partsEnded, rowsInOpenPart: this.#rows };
  }

  async close(): Promise<void> {
    this.#file = undefined;
    this.#encoder.close?.();
    await this.#output.close();
  }

  async #take(batch: Batch): Promise<void> {
    const { controls } = batch;
    let nextControl = 0;
    for (let row = 0; row < batch.length; ) {
      if (this.#file && this.#rotation.cut(batch, row, this.#rows) === row) await this.#end();
      if (!this.#file) {
        await this.#begin();
        this.#rotation.begin(batch, row);
      }
      const end = this.#rotation.cut(batch, row, this.#rows);
      for (; nextControl < controls.length && controls[nextControl]!.row < end; nextControl++) {
        const placed = controls[nextControl]!;
        await this.#rowsOf(batch, row, placed.row);
        row = placed.row;
        await this.#control(placed);
      }
      await this.#rowsOf(batch, row, end);
      row = end;
      if (this.#rotation.isFull(this.#rows, this.#file!.bytes + this.#encoder.pendingBytes))
        await this.#end();
    }
    for (; nextControl < controls.length; nextControl++) await this.#control(controls[nextControl]!);
  }

  async #rowsOf(batch: Batch, start: number, end: number): Promise<void> {
    if (start >= end) return;
    await this.#encoder.rows(batch, start, end);
    this.#rows += end - start;
  }

  async #control({ record }: PlacedControl): Promise<void> {
    if (!this.#encoder.control) return;
    if (!this.#file && this.#output.isOneFile && record.type !== 'watermark') await this.#begin();
    if (this.#file) await this.#encoder.control(record);
    else if (this.#waiting.length < WAITING_MAX) this.#wait(record);
  }

  /** For the next file. Of the watermarks that follow one another, the last says it all. */
  #wait(record: ControlRecord): void {
    const last = this.#waiting.at(-1);
    if (record.type === 'watermark' && last?.type === 'watermark' && last.symbol === record.symbol) {
      this.#waiting.pop();
    }
    this.#waiting.push(record);
  }

  /** One step at a time: what comes meanwhile waits. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#lastStep.then(() => {
      if (this.#failure) throw this.#failure.error;
      return step();
    });
    this.#lastStep = result.then(
      () => undefined,
      (error) => {
        this.#failure ??= { error };
      },
    );
    return result;
  }

  async #begin(): Promise<void> {
    this.#rows = 0;
    this.#file = await this.#output.begin();
    this.#bytesAtBegin = this.#file.bytes;
    await this.#encoder.begin(this.#file);
    for (const record of this.#waiting) await this.#encoder.control?.(record);
    this.#waiting = [];
  }

  async #end(): Promise<void> {
    const file = this.#file!;
    await this.#encoder.end();
    await this.#output.end(file);
    this.#file = undefined;
    this.#rowsEnded += this.#rows;
    this.#bytesEnded += file.bytes - this.#bytesAtBegin;
    this.#partsEnded++;
    this.#rows = 0;
  }
}

/** Past that, a stream of control records alone loses some. */
const WAITING_MAX = 10_000;
