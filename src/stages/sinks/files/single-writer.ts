import type { Batch } from '../../../columns/batch.js';
import type { Output } from '../../../outputs/output.js';
import type { ResumedFile } from '../../../outputs/output-file.js';
import type { PartWriter } from './part-writer.js';

/** Writes the rows of a sink into files. */
export interface Writers {
  take(batch: Batch): Promise<void>;
  /** Writers that have an open part. */
  readonly open: readonly PartWriter[];
  goOn(resumed: ResumedFile): Promise<void>;
  /**
   * Begins a file if one is needed although it has no rows.
   *
   * @param isEnd - Whether nothing follows.
   */
  beginWhatIsMissing(isEnd: boolean): Promise<void>;
  /** Ends all open parts. */
  end(): Promise<void>;
  close(): void;
}

/** Writes one part after the other. */
export class SingleWriter implements Writers {
  readonly #writer: PartWriter;
  readonly #output: Output;

  constructor(writer: PartWriter, output: Output) {
    this.#writer = writer;
    this.#output = output;
  }

  get open(): readonly PartWriter[] {
    return this.#writer.isOpen ? [this.#writer] : [];
  }

  take(batch: Batch): Promise<void> {
    return this.#writer.take(batch);
  }

  goOn(resumed: ResumedFile): Promise<void> {
    return this.#writer.goOn(resumed);
  }

  /**
   * Begins a file for control records that wait for one, since the stream continues after them; at the
   * end also for the columns.
   */
  async beginWhatIsMissing(isEnd: boolean): Promise<void> {
    if (this.#writer.isOpen) return;
    if (this.#writer.hasRecords || (isEnd && this.#output.lacksSchema())) await this.#writer.begin();
  }

  async end(): Promise<void> {
    if (this.#writer.isOpen) await this.#writer.end();
  }

  close(): void {
    this.#writer.close();
  }
}
