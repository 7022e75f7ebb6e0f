import type { Batch } from '../../core/batch.js';
import type { PlainData } from '../../core/plain-data.js';
import type { Schema } from '../../core/schema.js';
import type { Durable, Sink } from '../../pipeline/sink.js';
import type { StageStatistics } from '../../protocol/pipeline-report.js';
import type { Output } from './output.js';
import type { PartEncoder } from './part-encoder.js';
import { type EndedParts, PartWriter } from './part-writer.js';
import { Rotation, type RotationLimits } from './rotation.js';

/**
 * A sink that writes files: parts, rotation, control records and commits are the same for all formats.
 *
 * Once a step has failed, all later ones fail with the same error: a second `fsync` may succeed though
 * the bytes are lost, so nothing may be published after a failed one.
 */
export class FileSink implements Sink {
  readonly capabilities = { delivery: 'transactional' } as const;
  readonly #output: Output;
  readonly #writer: PartWriter;
  readonly #ended: EndedParts = { rows: 0, parts: 0, bytes: 0 };
  #failure: { readonly error: unknown } | undefined;
  /** Never rejects. A checkpoint is prepared and committed while batches come. */
  #lastStep: Promise<void> = Promise.resolve();

  constructor(schema: Schema, output: Output, encoder: PartEncoder, limits: RotationLimits) {
    this.#output = output;
    this.#writer = new PartWriter(output, encoder, new Rotation(schema, limits), this.#ended);
  }

  get bytesOut(): number {
    return this.#ended.bytes + this.#writer.newBytes;
  }

  open(): Promise<void> {
    return this.#output.open();
  }

  async resume(position: PlainData): Promise<void> {
    for (const file of await this.#output.resume(position)) await this.#writer.goOn(file);
  }

  async write(batch: Batch): Promise<void> {
    try {
      await this.#inTurn(() => this.#writer.take(batch));
    } finally {
      batch.release();
    }
  }

  async prepare(isEnd: boolean): Promise<Durable> {
    const { rows, prepared } = await this.#inTurn(async () => {
      await this.#beginWhatIsMissing(isEnd);
      const writer = this.#writer;
      if (isEnd && writer.isOpen) await writer.end();
      const cuts = writer.isOpen ? [await writer.cut(this.#output.wantsWhole)] : [];
      return { rows: this.#ended.rows + writer.newRows, prepared: await this.#output.prepare(cuts) };
    });
    // Rows go on while the disk is at it.
    await this.#orFail(() => prepared.sync());
    return { position: prepared.position, rows };
  }

  commit(position: PlainData): Promise<void> {
    return this.#inTurn(() => this.#output.commit(position));
  }

  flush(): Promise<Durable> {
    return this.#inTurn(async () => {
      await this.#beginWhatIsMissing(true);
      if (this.#writer.isOpen) await this.#writer.end();
      return { position: await this.#output.flush(), rows: this.#ended.rows };
    });
  }

  outputs(): readonly string[] {
    return this.#output.paths();
  }

  statistics(): StageStatistics {
    return { parts: this.#ended.parts, rowsInOpenPart: this.#writer.rows };
  }

  async close(): Promise<void> {
    this.#writer.close();
    await this.#output.close();
  }

  /** A file for control records that wait for one, since the stream goes on behind them; at the end, for the columns. */
  async #beginWhatIsMissing(isEnd: boolean): Promise<void> {
    if (this.#writer.isOpen) return;
    if (this.#writer.hasRecords || (isEnd && this.#output.lacksSchema())) await this.#writer.begin();
  }

  /** One step at a time: what comes meanwhile waits. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#lastStep.then(() => this.#orFail(step));
    this.#lastStep = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  async #orFail<T>(step: () => Promise<T>): Promise<T> {
    if (this.#failure) throw this.#failure.error;
    try {
      return await step();
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }
}
