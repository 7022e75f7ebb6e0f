import type { Batch } from '../../../columns/batch.js';
import type { PartEncoder } from '../../../formats/part-encoder.js';
import type { Output } from '../../../outputs/output.js';
import type { ResumedFile } from '../../../outputs/output-file.js';
import type { Logger } from '../../../telemetry/logger.js';
import { type EndedParts, PartWriter } from './part-writer.js';
import type { Partitioner } from './partitioner.js';
import type { Rotation } from './rotation.js';
import type { Writers } from './single-writer.js';

export interface PartitionWritersParts {
  readonly output: Output;
  readonly partitioner: Partitioner;
  readonly makeEncoder: () => PartEncoder;
  readonly makeRotation: () => Rotation;
  readonly ended: EndedParts;
  /** Most parts that may be open at the same time. */
  readonly openMax: number;
  readonly log: Logger;
}

/** Approximate limit for the encoded size of rows that are not in their files yet. */
const PENDING_BYTES_MAX = 16 * 1_048_576;
/** How many unused encoders are kept, so that their memory is reused. */
const SPARES_MAX = 8;

/**
 * Keeps a part open for each partition with recent rows. Above a limit, the part that has been without
 * rows for the longest time ends.
 */
export class PartitionWriters implements Writers {
  readonly #parts: PartitionWritersParts;
  /** Writers with an open part, by folders. The one with the most recent rows is last. */
  readonly #writers = new Map<string, PartWriter>();
  readonly #spares: PartEncoder[] = [];
  readonly #encoders = new Map<PartWriter, PartEncoder>();
  #isTold = false;

  constructor(parts: PartitionWritersParts) {
    this.#parts = parts;
  }

  get open(): PartWriter[] {
    return [...this.#writers.values()].filter(({ isOpen }) => isOpen);
  }

  async take(batch: Batch): Promise<void> {
    for (const { folders, rows } of this.#parts.partitioner.split(batch)) {
      try {
        const writer = await this.#writerOf(folders);
        await writer.take(rows);
        // A writer whose part was rotated does not count against the limit.
        if (!writer.isOpen) this.#drop(folders, writer);
      } finally {
        rows.release();
      }
    }
    await this.#encodeSome();
    for (const { record } of batch.controls) {
      if (record.type !== 'watermark') continue;
      for (const [folders, writer] of this.#writers) {
        await writer.passed(record);
        if (!writer.isOpen) this.#drop(folders, writer);
      }
    }
  }

  /**
   * Resumes parts in the order of their last rows. If an earlier start had more parts open than are
   * allowed now, the oldest end.
   */
  async goOn(resumed: ResumedFile): Promise<void> {
    await this.#makeRoom();
    const { name } = resumed.file;
    const writer = this.#make(name.slice(0, Math.max(0, name.lastIndexOf('/'))));
    await writer.goOn(resumed);
  }

  /**
   * Begins nothing: without a row there is no partition, and a file beside the folders would belong to
   * none.
   */
  async beginWhatIsMissing(): Promise<void> {}

  async end(): Promise<void> {
    for (const [folders, writer] of this.#writers) {
      await writer.end();
      this.#drop(folders, writer);
    }
  }

  close(): void {
    for (const writer of this.#writers.values()) writer.close();
    for (const encoder of this.#spares) encoder.close?.();
  }

  /** Bounds the rows that wait for more of their partition, over all partitions. */
  async #encodeSome(): Promise<void> {
    const pending = [...this.#encoders.values()].map((encoder) => ({ encoder, bytes: encoder.pendingBytes }));
    let bytes = pending.reduce((sum, one) => sum + one.bytes, 0);
    if (bytes <= PENDING_BYTES_MAX) return;
    pending.sort((a, b) => b.bytes - a.bytes);
    for (const one of pending) {
      if (bytes <= PENDING_BYTES_MAX / 2) return;
      await one.encoder.encodePending?.();
      bytes -= one.bytes;
    }
  }

  async #writerOf(folders: string): Promise<PartWriter> {
    const found = this.#writers.get(folders);
    if (found) {
      this.#writers.delete(folders);
      this.#writers.set(folders, found);
      return found;
    }
    if (await this.#makeRoom()) this.#tellManyPartitions();
    return this.#make(folders);
  }

  /** @returns Whether a part was ended to make room. */
  async #makeRoom(): Promise<boolean> {
    const isFull = this.#writers.size >= this.#parts.openMax;
    while (this.#writers.size >= this.#parts.openMax) {
      const [oldest, writer] = this.#writers.entries().next().value!;
      await writer.end();
      this.#drop(oldest, writer);
    }
    return isFull;
  }

  #make(folders: string): PartWriter {
    const { output, makeEncoder, makeRotation, ended } = this.#parts;
    const encoder = this.#spares.pop() ?? makeEncoder();
    const writer = new PartWriter(output, encoder, makeRotation(), ended, folders);
    this.#encoders.set(writer, encoder);
    this.#writers.set(folders, writer);
    return writer;
  }

  #drop(folders: string, writer: PartWriter): void {
    this.#writers.delete(folders);
    const encoder = this.#encoders.get(writer)!;
    this.#encoders.delete(writer);
    if (this.#spares.length < SPARES_MAX) this.#spares.push(encoder);
    else encoder.close?.();
  }

  #tellManyPartitions(): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#parts.log.warn(
      { openPartsMax: this.#parts.openMax },
      'rows come for more partitions than may be open at the same time, which gives many small files: ' +
        'raise "openPartsMax", or sort the rows',
    );
  }
}
