import type { Batch } from '../../../columns/batch.js';
import type { PlainData } from '../../../core/plain-data.js';
import type { Durable, Sink } from '../../../engine/sink.js';
import type { Output } from '../../../outputs/output.js';
import type { FileCut } from '../../../outputs/output-file.js';
import type { StageStatistics } from '../../../wire/pipeline-report.js';
import type { EndedParts, PartWriter } from './part-writer.js';
import type { Writers } from './single-writer.js';

/**
 * A sink that writes files. Parts, rotation, control records and commits are the same for all formats.
 *
 * Once a step has failed, all later steps fail with the same error: a second `fsync` may succeed although
 * the bytes are lost, so nothing may be published after a failed one.
 */
export class FileSink implements Sink {
  readonly capabilities = { delivery: 'transactional' } as const;
  readonly readsOnly = true;
  readonly startsOver: Sink['startsOver'];
  readonly #output: Output;
  readonly #writers: Writers;
  readonly #ended: EndedParts;
  #failure: { readonly error: unknown } | undefined;
  /**
   * Never rejects. Serializes the steps, since a checkpoint is prepared and committed while batches
   * arrive.
   */
  #lastStep: Promise<void> = Promise.resolve();

  /**
   * @param totals.ended - Totals that the writers add to.
   * @param totals.startsOver - What becomes of the rows of an earlier run.
   */
  constructor(
    output: Output,
    writers: Writers,
    { ended, startsOver }: { readonly ended: EndedParts; readonly startsOver: Sink['startsOver'] },
  ) {
    this.startsOver = startsOver;
    this.#output = output;
    this.#writers = writers;
    this.#ended = ended;
  }

  get bytesOut(): number {
    return this.#ended.bytes + sumOf(this.#writers.open, 'newBytes');
  }

  /** Without a checkpoint store, a part counts as soon as it ends. */
  get rowsDurable(): number | undefined {
    return this.#output.publishesAtEnd ? this.#ended.rows : undefined;
  }

  open(): Promise<void> {
    return this.#output.open();
  }

  async resume(position: PlainData): Promise<void> {
    for (const file of await this.#output.resume(position)) await this.#writers.goOn(file);
  }

  async write(batch: Batch): Promise<void> {
    try {
      await this.#inTurn(async () => {
        await this.#writers.take(batch);
        await this.#output.keepUp();
      });
    } finally {
      batch.release();
    }
  }

  async prepare(isEnd: boolean): Promise<Durable> {
    const { rows, prepared } = await this.#inTurn(async () => {
      const writers = this.#writers;
      await writers.beginWhatIsMissing(isEnd);
      if (isEnd) await writers.end();
      const { wantsWhole } = this.#output;
      const cuts: FileCut[] = [];
      for (const writer of writers.open) cuts.push(await writer.cut(wantsWhole));
      const rows = this.#ended.rows + sumOf(writers.open, 'newRows');
      return { rows, prepared: await this.#output.prepare(cuts) };
    });
    // Outside the queue of steps: rows are written while the disk syncs.
    await this.#orFail(() => prepared.sync());
    return { position: prepared.position, rows };
  }

  commit(position: PlainData, expectTime?: () => void): Promise<void> {
    return this.#inTurn(() => {
      expectTime?.(); // a write on a slow disk may have been in front of it
      return this.#output.commit(position);
    });
  }

  flush(): Promise<Durable> {
    return this.#inTurn(async () => {
      await this.#writers.beginWhatIsMissing(true);
      await this.#writers.end();
      return { position: await this.#output.flush(), rows: this.#ended.rows };
    });
  }

  outputs(): readonly string[] {
    return this.#output.paths();
  }

  statistics(): StageStatistics {
    return {
      parts: this.#ended.parts,
      partsOpen: this.#writers.open.length,
      rowsInOpenParts: sumOf(this.#writers.open, 'rows'),
    };
  }

  async close(): Promise<void> {
    this.#writers.close();
    await this.#output.close();
  }

  /** Runs one step at a time; later ones wait. */
  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#lastStep.then(() => this.#orFail(step));
    this.#lastStep = result.then(
      () => undefined,
      () => undefined,
    );
    return result;
  }

  async #orFail<T>(step: () => Promise<T>): Promise<T> {
    this.#throwIfFailed();
    try {
      const result = await step();
      // A part may have failed to end while a checkpoint that lists it was being synced.
      this.#throwIfFailed();
      return result;
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    }
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }
}

const sumOf = (writers: readonly PartWriter[], of: 'rows' | 'newRows' | 'newBytes'): number =>
  writers.reduce((sum, writer) => sum + writer[of], 0);
