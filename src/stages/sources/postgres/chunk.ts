import type { Batch } from '../../../columns/batch.js';
import { PipelineError } from '../../../core/errors.js';
import type { PostgresConnection } from '../../../databases/postgres/connect.js';
import { PgCopyDecoder } from '../../../formats/pg-copy/pg-copy-decoder.js';
import type { RowRefusal } from '../../../formats/pg-copy/row-refusals.js';
import type { ReadPlan } from './read-plan.js';
import { RowKey } from './row-key.js';

/** The rows of one statement, as they come. */
export class Chunk {
  readonly #connection: PostgresConnection;
  readonly #decoder: PgCopyDecoder;
  readonly #key: RowKey;
  readonly #bytes: AsyncIterator<Uint8Array>;
  #bytesIn = 0;
  #isOver = false;

  /** @param statement - A COPY of the fields of the plan, and its key behind them. */
  constructor(connection: PostgresConnection, plan: ReadPlan, statement: string) {
    this.#connection = connection;
    this.#key = new RowKey(plan.key);
    this.#decoder = new PgCopyDecoder(plan.fields, { watchers: this.#key.readers });
    const stream = connection.client.query(connection.copyStreams.to(statement));
    // It only emits the loss of its connection: whoever reads later would wait for ever, and nobody may be listening yet.
    stream.on('error', (error) => stream.destroy(error));
    this.#bytes = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  /** Rows read so far, bad ones included. */
  get rows(): number {
    return this.#decoder.rows;
  }

  get bytesIn(): number {
    return this.#bytesIn;
  }

  get bytesHeld(): number {
    return this.#decoder.bytesHeld;
  }

  /** The key of the last row that was read. */
  get last(): string[] | undefined {
    return this.#key.lastTexts();
  }

  /**
   * Fills a batch, or reads to the end.
   *
   * @returns Whether there is more.
   * @throws {ProviderError} whose kind says whether it may be tried again.
   * @throws {PipelineError} `SOURCE_FAILED` for two rows with one key.
   */
  async fill(batch: Batch): Promise<boolean> {
    for (;;) {
      this.#decoder.decode(batch);
      this.#checkKey();
      if (batch.length === batch.capacity) return true;
      if (this.#isOver) return false;
      await this.#receive();
    }
  }

  /** The bad rows since the last call; `row` counts within the chunk. */
  takeRefusals(): readonly RowRefusal[] {
    return this.#decoder.takeRefusals();
  }

  async #receive(): Promise<void> {
    try {
      const { value, done } = await this.#bytes.next();
      if (!done) {
        this.#bytesIn += value.length;
        this.#decoder.push(value);
        return;
      }
    } catch (error) {
      throw this.#connection.errorOf(error);
    }
    if (!this.#decoder.isAtEnd)
      throw this.#connection.errorOf(new Error('Connection terminated within a COPY'));
    await this.#connection.query('COMMIT');
    this.#isOver = true;
  }

  #checkKey(): void {
    const { tie, nullIn } = this.#key;
    if (nullIn !== undefined) {
      throw new PipelineError(
        'SOURCE_FAILED',
        `Expected a value in "${nullIn}" of every row, since rows are ordered by it, found a row without; leave such rows out by a query`,
      );
    }
    if (tie === undefined) return;
    throw new PipelineError(
      'SOURCE_FAILED',
      `Expected every row to have a time and key of its own, by which reading goes on where it was broken off, found two with ${tie}; ` +
        'name columns that tell them apart in "key", such as an id',
    );
  }
}
