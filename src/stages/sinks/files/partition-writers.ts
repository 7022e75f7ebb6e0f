import type { Batch } from '../../../columns/batch.js';
import type { PartEncoder } from '../../../formats/part-encoder.js';
import type { Output } from '../../../outputs/output.js';
import type { ResumedFile } from '../../../outputs/staging/open-files.js';
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
  /** Parts that are open at the same time. */
  readonly openMax: number;
  readonly log: Logger;
}

/** What rows that are not in their files yet will take there, about. */
const PENDING_BYTES_MAX = 16 * 1_048_576;
/** Encoders that nobody uses are kept up to here: their memory is used again. */
const SPARES_MAX = 8;

/**
 * A part open for each partition that rows came for of late. Past a bound, the one that had no rows for
 * the longest ends.
 */
export class PartitionWriters implements Writers {
  readonly #parts: PartitionWritersParts;
  /** With an open part, by folders, the one that rows came for last at the end. */
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
        // One whose part was rotated takes no place.
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

  /** In the order of their last rows. More than may be open by now, of an earlier start, end. */
  async goOn(resumed: ResumedFile): Promise<void> {
    await this.#makeRoom();
    const { name } = resumed.file;
    const writer = this.#make(name.slice(0, Math.max(0, name.lastIndexOf('/'))));
    await writer.goOn(resumed);
  }

  /** Without a row there is no partition: a file beside the folders would be in none. */
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

  /** Rows that wait for more of their partition are bounded over all of them. */
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

  /** @returns Whether a part ended for it. */
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
      'rows come for more partitions than may be open at a time, so that their files are many and small: ' +
        'raise "openPartsMax", or sort the rows',
    );
  }
}
