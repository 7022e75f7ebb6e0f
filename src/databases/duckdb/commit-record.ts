import type { DuckDBConnection } from '@duckdb/node-api';
import { PipelineError } from '../../core/errors.js';
import type { TakenOver } from '../../engine/factories.js';
import { ownerText } from '../../wire/checkpoint.js';
import { COMMITS, type CommitHolder } from '../commit-holder.js';
import { quoteTable, type TableName } from './quote-name.js';

/**
 * The row that says which start may commit, and which checkpoint it has committed last. Only the one writer of the
 * database changes it, so it is read without a lock.
 */
export class CommitRecord {
  readonly #path: string;
  readonly #table: TableName;
  readonly #holder: CommitHolder;

  /** @param path - Of the database, for messages. @param table - The table that is written. */
  constructor(path: string, { schema }: TableName, holder: CommitHolder) {
    this.#path = path;
    this.#table = { schema, table: COMMITS };
    this.#holder = holder;
  }

  /** Whether the table of commits is there. */
  async isThere(connection: DuckDBConnection): Promise<boolean> {
    const found = await connection.runAndReadAll(
      'SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = $1 AND table_name = $2',
      [this.#table.schema, COMMITS],
    );
    return found.currentRowCount > 0;
  }

  /**
   * Finds the table of commits, or creates it.
   *
   * @throws {PipelineError} `OUTPUT_FAILED` if it is not there and may not be made.
   */
  async openTable(connection: DuckDBConnection, mayCreate: boolean): Promise<void> {
    if (await this.isThere(connection)) return;
    const creation =
      `CREATE TABLE ${quoteTable(this.#table)} (run_key VARCHAR, sink VARCHAR, job VARCHAR NOT NULL, ` +
      'epoch BIGINT NOT NULL, owner VARCHAR NOT NULL, checkpoint VARCHAR, PRIMARY KEY (run_key, sink))';
    if (mayCreate) {
      await connection.run(creation);
      return;
    }
    throw new PipelineError(
      'OUTPUT_FAILED',
      `"${this.#path}" has no table "${COMMITS}", where the checkpoint of a run is committed with its rows; set ` +
        `"create: if-missing" to have it made, or run: ${creation}`,
    );
  }

  /**
   * Takes the row: from then on, no earlier start can commit.
   *
   * @param isNew - Whether a run begins: what an earlier run under the key has committed does not matter.
   * @returns The checkpoint that was committed last.
   * @throws {PipelineError} `FENCED` if a later start has it.
   */
  async take(connection: DuckDBConnection, isNew: boolean): Promise<string | undefined> {
    const { job, key, sink, epoch, owner } = this.#holder;
    const found = await this.#read(connection);
    const isOurs = found?.epoch === epoch && found.owner === ownerText(owner);
    if (found && found.epoch >= epoch && !isOurs) throw this.#fenced(found);
    const checkpoint = isNew ? undefined : found?.checkpoint;
    await connection.run(
      `INSERT INTO ${quoteTable(this.#table)} (run_key, sink, job, epoch, owner, checkpoint) ` +
        'VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (run_key, sink) DO UPDATE SET job = excluded.job, ' +
        'epoch = excluded.epoch, owner = excluded.owner, checkpoint = excluded.checkpoint',
      [key, sink, job, BigInt(epoch), ownerText(owner), checkpoint ?? null],
    );
    return checkpoint;
  }

  /**
   * Takes the row of a run that goes on, if there is one.
   *
   * @returns `undefined` if there is none: nothing was taken, nor made.
   * @throws {PipelineError} `FENCED` if a later start has it.
   */
  async takeOver(connection: DuckDBConnection): Promise<TakenOver | undefined> {
    if (!(await this.isThere(connection)) || !(await this.#read(connection))) return undefined;
    return { committed: await this.take(connection, false) };
  }

  /**
   * Records a checkpoint, inside the transaction of its rows.
   *
   * @throws {PipelineError} `FENCED` if another start has the row.
   */
  async record(connection: DuckDBConnection, checkpoint: string): Promise<void> {
    const { key, sink, epoch, owner } = this.#holder;
    const found = await this.#read(connection);
    if (found?.epoch !== epoch || found.owner !== ownerText(owner)) throw this.#fenced(found);
    await connection.run(
      `UPDATE ${quoteTable(this.#table)} SET checkpoint = $3 WHERE run_key = $1 AND sink = $2`,
      [key, sink, checkpoint],
    );
  }

  async #read(connection: DuckDBConnection): Promise<FoundRow | undefined> {
    const { key, sink } = this.#holder;
    const found = await connection.runAndReadAll(
      `SELECT epoch, owner, checkpoint FROM ${quoteTable(this.#table)} WHERE run_key = $1 AND sink = $2`,
      [key, sink],
    );
    const [row] = found.getRows();
    if (!row) return undefined;
    const [epoch, owner, checkpoint] = row;
    return {
      epoch: Number(epoch),
      owner: String(owner),
      checkpoint: typeof checkpoint === 'string' ? checkpoint : undefined,
    };
  }

  #fenced(found: FoundRow | undefined): PipelineError {
    const { job, epoch, owner } = this.#holder;
    const other = found ? `the one of epoch ${found.epoch} (${found.owner})` : 'no row any more';
    return new PipelineError(
      'FENCED',
      `"${job}": expected this start, of epoch ${epoch} (${ownerText(owner)}), to hold the run in "${COMMITS}" of ` +
        `"${this.#path}", found ${other}. Nothing more is committed`,
    );
  }
}

interface FoundRow {
  readonly epoch: number;
  readonly owner: string;
  readonly checkpoint: string | undefined;
}
