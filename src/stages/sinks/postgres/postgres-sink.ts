import type { Batch } from '../../../columns/batch.js';
import { formatIsoNanos } from '../../../columns/iso-nanos.js';
import { RowView } from '../../../columns/row-view.js';
import type { Schema } from '../../../columns/schema.js';
import { PipelineError } from '../../../core/errors.js';
import type { Durable, Sink } from '../../../engine/sink.js';
import type { SinkCapabilities } from '../../../engine/sink-capabilities.js';
import type { StageContext } from '../../../engine/stage.js';
import { PG_COPY_HEADER, PG_COPY_TRAILER, PgCopyEncoder } from '../../../formats/pg-copy/pg-copy-encoder.js';
import type { RowRefusal } from '../../../formats/pg-copy/row-refusals.js';
import { Hold } from './hold.js';
import type { PostgresSinkOptions } from './options.js';
import { RefusedRowsError } from './refused-row.js';
import type { TableWriter } from './table-writer.js';

export interface PostgresSinkParts {
  readonly options: PostgresSinkOptions;
  readonly context: StageContext;
  readonly input: Schema;
  readonly writer: TableWriter;
}

/**
 * Writes batches by COPY. With a checkpoint store, rows of `append` stay in one transaction from checkpoint to checkpoint;
 * between `prepare` and `decide`, a write waits. Otherwise each batch is a transaction of its own.
 */
export class PostgresSink implements Sink {
  readonly capabilities: SinkCapabilities;
  readonly readsOnly = true;
  readonly #parts: PostgresSinkParts;
  readonly #decides: boolean;
  readonly #view: RowView;
  #encoder: PgCopyEncoder | undefined;
  /** Rows of the run that it was given, those that were refused included. */
  #ordinal = 0;
  #rows = 0;
  #rowsCommitted = 0;
  #rowsRejected = 0;
  #bytes = 0;
  /** Between `prepare` and `decide`: the rows in front of it are to be committed by themselves. */
  readonly #hold = new Hold();

  constructor(parts: PostgresSinkParts) {
    const { options, context, input } = parts;
    const isAppend = options.mode === 'append';
    this.#parts = parts;
    this.#decides = isAppend && context.checkpointed === true;
    this.#view = new RowView(input);
    this.capabilities = isAppend ? { delivery: 'transactional', decides: true } : { delivery: 'idempotent' };
  }

  get bytesOut(): number {
    return this.#bytes;
  }

  get rowsRejected(): number {
    return this.#rowsRejected;
  }

  get rowsDurable(): number {
    return this.#rowsCommitted;
  }

  async open(): Promise<void> {
    const { writer, context } = this.#parts;
    this.#encoder = new PgCopyEncoder(await writer.open(context.resuming !== true));
  }

  resume(position: unknown): void {
    const { ordinal } = (position ?? {}) as { readonly ordinal?: unknown };
    if (typeof ordinal !== 'number') {
      throw new PipelineError(
        'CHECKPOINT_INVALID',
        'Expected the position of a sink "postgres", {ordinal}, found something else',
      );
    }
    this.#ordinal = ordinal;
  }

  async write(batch: Batch): Promise<void> {
    const { writer, context } = this.#parts;
    try {
      await this.#hold.passed(context.stopping);
      const { length } = batch;
      await this.#writeRange(batch, 0, length, false);
      if (!this.#decides) await writer.commit();
      this.#ordinal += length;
      this.#rows += length;
      if (!this.#decides) this.#rowsCommitted = this.#rows;
    } finally {
      batch.release();
    }
  }

  prepare(): Durable {
    if (this.#decides) this.#hold.begin();
    return this.#durable();
  }

  async decide(checkpoint: string): Promise<void> {
    try {
      await this.#parts.writer.commit(checkpoint);
    } catch (error) {
      this.#hold.fail(error); // the pipeline may wait for a write
      throw error;
    }
    this.#rowsCommitted = this.#rows;
    this.#hold.release();
  }

  takeBack(): void {
    this.#hold.release();
  }

  flush(): Durable {
    return this.#durable();
  }

  async close(): Promise<void> {
    this.#hold.fail(new PipelineError('JOB_STATE', 'The run has ended'));
    await this.#parts.writer.close();
  }

  #durable(): Durable {
    return { rows: this.#rows - this.#rowsRejected, position: { ordinal: this.#ordinal } };
  }

  /**
   * Writes rows of a batch. Of those that the server refuses, it halves the range until each is found.
   * @param isAgain - Whether rows that cannot be encoded have been told of.
   */
  async #writeRange(batch: Batch, start: number, end: number, isAgain: boolean): Promise<void> {
    const { writer, context } = this.#parts;
    for (let at = start; at < end; ) {
      const { bytes, next, rows, refusals } = this.#encoder!.encode(batch, at, end); // it is open
      const copy = rows > 0 ? Buffer.concat([PG_COPY_HEADER, bytes, PG_COPY_TRAILER]) : undefined;
      if (!isAgain && refusals.length > 0) {
        for (const refusal of refusals) this.#reject(batch, refusal);
        await context.rejects.flush();
      }
      try {
        if (copy) {
          await writer.add(copy);
          this.#bytes += copy.length;
        }
      } catch (error) {
        if (!(error instanceof RefusedRowsError)) throw error;
        if (next - at === 1) {
          const { column = '', message } = error;
          this.#reject(batch, { row: at, column, expected: 'a row that the table takes', found: message });
          await context.rejects.flush();
        } else {
          const middle = at + Math.ceil((next - at) / 2);
          await this.#writeRange(batch, at, middle, true);
          await this.#writeRange(batch, middle, next, true);
        }
      }
      at = next;
    }
  }

  #reject(batch: Batch, { row, column, expected, found }: RowRefusal): void {
    const { options, context } = this.#parts;
    context.rejects.add({
      file: `table "${options.table}"`,
      line: this.#ordinal + row + 1,
      ...(column !== '' && { field: column }),
      expected,
      found,
      raw: this.#textOf(batch, row),
    });
    this.#rowsRejected++;
  }

  #textOf(batch: Batch, row: number): string {
    const values = this.#view.over(batch).at(row);
    const texts = batch.schema.columns.map(({ name, type }) => {
      const value = values[name];
      if (typeof value !== 'bigint') return [name, value];
      return [name, type === 'timestamp' ? formatIsoNanos(value) : String(value)];
    });
    return JSON.stringify(Object.fromEntries(texts));
  }
}
