import type { DuckDBConnection } from '@duckdb/node-api';
import type { Batch } from '../../columns/batch.js';
import type { DictionarySet } from '../../columns/dictionary.js';
import type { Schema } from '../../columns/schema.js';
import { PipelineError } from '../../core/errors.js';
import { invariant } from '../../core/invariant.js';
import type { TakenOver } from '../../engine/factories.js';
import type { CommitHolder } from '../commit-holder.js';
import { CommitRecord } from './commit-record.js';
import { duckDbFailed, isRefusedRow } from './duckdb-error.js';
import { Database, type DatabaseOptions } from './open-database.js';
import { quoteName, quoteTable, tableName } from './quote-name.js';
import { isLastOfKey, type RefusedRow, refusedRows } from './refused-rows.js';
import { type RefusedValue, RowChunks } from './row-chunks.js';
import { ordinalOf, StagedRows, type StagedTable } from './staged-rows.js';
import { type TargetOptions, type TargetTable, targetTable } from './target-table.js';

export interface TableWriterOptions extends DatabaseOptions, TargetOptions {
  readonly schema: Schema;
  readonly dictionaries: DictionarySet;
  /** Where the database decides which checkpoint counts. */
  readonly holder?: CommitHolder | undefined;
  /** Whether a run begins, and does not go on from a checkpoint. */
  readonly isNew: boolean;
  /** Told of rows that a constraint refuses, before the others are committed. */
  onRefused(row: RefusedTableRow): void;
  /** Called once all of them were told of. */
  afterRefused(): Promise<void>;
}

export interface RefusedTableRow {
  /** Of the rows that came to the table since it was opened, counted from 0 with those left out. */
  readonly ordinal: number;
  readonly constraint: string;
  /** The row as JSON. */
  readonly raw: string;
}

/** Brings rows into a table of DuckDB: they are staged, and committed together with a checkpoint. */
export class TableWriter {
  readonly #options: TableWriterOptions;
  readonly #database: Database;
  readonly #connection: DuckDBConnection;
  readonly #target: TargetTable;
  readonly #record: CommitRecord | undefined;
  readonly #staged: StagedRows;
  readonly #chunks: RowChunks;
  /** Ended, and in no cut. */
  #waiting: StagedTable[] = [];
  /** Of the last cut. */
  #cut: StagedTable[] = [];
  /** Whether a cut was taken, and neither committed nor taken back. */
  #isCut = false;
  rowsRefused = 0;

  private constructor(
    options: TableWriterOptions,
    database: Database,
    connection: DuckDBConnection,
    target: TargetTable,
    record: CommitRecord | undefined,
    staged: StagedRows,
  ) {
    this.#options = options;
    this.#database = database;
    this.#connection = connection;
    this.#target = target;
    this.#record = record;
    this.#staged = staged;
    this.#chunks = new RowChunks(
      database.duckDb,
      options.schema,
      target.types,
      options.dictionaries,
      options.rounds,
    );
  }

  /** @throws {PipelineError} by the database, the table, or `FENCED`. */
  static async open(options: TableWriterOptions): Promise<TableWriter> {
    const database = await Database.forWriting(options, options.create === 'if-missing');
    try {
      const connection = await database.connect();
      const target = await targetTable(connection, options, options.schema);
      const record = options.holder && new CommitRecord(options.path, target.name, options.holder);
      await record?.openTable(connection, options.create === 'if-missing');
      await record?.take(connection, options.isNew);
      const names = options.schema.columns.map(({ name }) => name);
      const staged = await StagedRows.open(await database.connect(), target, names);
      return new TableWriter(options, database, connection, target, record, staged);
    } catch (error) {
      await database.close();
      throw duckDbFailed('write to', options.path, error);
    }
  }

  /** The rows with values that cannot be written. They are to be taken out of the batch first. */
  refused(batch: Batch): ReadonlyMap<number, RefusedValue> {
    return this.#chunks.refused(batch);
  }

  /**
   * Stages the rows of a batch. Resolves at once, unless they are the first ones of a cut.
   *
   * @param leftOut - Rows that were taken out of the batch, by their places in it before, in order.
   */
  add(batch: Batch, leftOut: readonly number[] = []): Promise<void> | void {
    for (const [i, row] of leftOut.entries()) this.#staged.leaveOut(row - i);
    if (batch.length === 0) return;
    if (!this.#staged.isOpen) return this.#staged.begin().then(() => this.#add(batch));
    this.#add(batch);
  }

  #add(batch: Batch): void {
    try {
      for (const chunk of this.#chunks.of(batch)) this.#staged.add(chunk);
    } catch (error) {
      throw duckDbFailed('write to', this.#options.path, error);
    }
  }

  /** Everything so far belongs to the next commit; what is added from now on does not. */
  cut(): void {
    const last = this.#staged.end();
    this.#cut.push(...this.#waiting, ...(last ? [last] : []));
    this.#waiting = [];
    this.#isCut = true;
  }

  /** Whether rows were added that are not committed. */
  get hasRows(): boolean {
    return this.#staged.hasRows || this.#waiting.length > 0 || this.#cut.length > 0;
  }

  /** The rows of the last cut belong to the next one. */
  takeBack(): void {
    this.#waiting = [...this.#cut, ...this.#waiting];
    this.#cut = [];
    this.#isCut = false;
  }

  /**
   * Commits the rows of the last cut, and its checkpoint. Rows that constraints refuse are told of, and the others
   * committed without them.
   *
   * @param checkpoint - `undefined` only where the database does not decide which checkpoint counts.
   */
  async commit(checkpoint: string | undefined): Promise<void> {
    invariant(this.#isCut, 'rows are committed after a cut that was not taken back');
    invariant(
      (checkpoint !== undefined) === (this.#record !== undefined),
      'a database that decides commits rows together with a checkpoint, and no other one does',
    );
    const cut = this.#cut;
    try {
      for (let rounds = 1; !(await this.#isCommitted(cut, checkpoint, rounds)); rounds++);
      this.#cut = [];
      this.#isCut = false;
      for (const table of cut) await this.#staged.drop(table);
    } catch (error) {
      throw duckDbFailed('write to', this.#options.path, error);
    }
  }

  /** @returns `false` if rows were refused, which have been left out. */
  async #isCommitted(
    tables: readonly StagedTable[],
    checkpoint: string | undefined,
    rounds: number,
  ): Promise<boolean> {
    try {
      await this.#transact(tables, checkpoint);
      return true;
    } catch (error) {
      if (!isRefusedRow(error)) throw error;
      await this.#leaveOutRefused(tables, error, rounds);
      return false;
    }
  }

  async #transact(tables: readonly StagedTable[], checkpoint: string | undefined): Promise<void> {
    const connection = this.#connection;
    await connection.run('BEGIN');
    try {
      for (const i of tables.keys()) await connection.run(this.#insertion(tables, i));
      if (checkpoint !== undefined) await this.#record?.record(connection, checkpoint);
      await connection.run('COMMIT');
    } catch (error) {
      // After a failed statement nothing else is possible; after a failed COMMIT there may be no transaction.
      await connection.run('ROLLBACK').catch(() => undefined);
      throw error;
    }
  }

  #insertion(tables: readonly StagedTable[], at: number): string {
    const { name } = tables[at]!;
    const { schema, key } = this.#options;
    const columns = schema.columns.map((column) => quoteName(column.name));
    const into = `INSERT INTO ${quoteTable(this.#target.name)} (${columns.join(', ')})`;
    if (!key) return `${into} SELECT ${columns.join(', ')} FROM ${name}`;
    const keys = key.map(quoteName);
    const others = columns.filter((column) => !keys.includes(column));
    const set = others.map((column) => `${column} = excluded.${column}`).join(', ');
    return (
      // One statement changes no row twice: of those with one key, the last one counts.
      `${into} SELECT ${columns.join(', ')} FROM ${name} AS s WHERE ${isLastOfKey(key, tables, at)} ` +
      `ON CONFLICT (${keys.join(', ')}) DO ${set === '' ? 'NOTHING' : `UPDATE SET ${set}`}`
    );
  }

  /** @param cause - What DuckDB has refused the rows with. */
  async #leaveOutRefused(tables: readonly StagedTable[], cause: unknown, rounds: number): Promise<void> {
    const { key, path, onRefused, afterRefused } = this.#options;
    const refused =
      rounds > ROUNDS_MAX ? undefined : await refusedRows(this.#connection, this.#target, tables, key);
    const count = [...(refused?.values() ?? [])].reduce((sum, rows) => sum + rows.length, 0);
    if (!refused || count === 0) {
      throw new PipelineError(
        'SINK_FAILED',
        `"${path}" refused rows by a constraint, and ${refused ? 'it is not known which' : 'they are too many to name'}: ` +
          `${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
    for (const [table, rows] of refused) {
      for (const row of rows) {
        onRefused({
          ordinal: ordinalOf(table, row.row),
          constraint: row.constraint,
          raw: await this.#rowText(table, row),
        });
      }
    }
    await afterRefused(); // before the others are committed, or a crash in between would lose these
    for (const [table, rows] of refused) await this.#remove(table, rows);
    this.rowsRefused += count;
  }

  async #rowText({ name }: StagedTable, { row }: RefusedRow): Promise<string> {
    const found = await this.#connection.runAndReadAll(`SELECT * FROM ${name} WHERE rowid = ${row}`);
    return JSON.stringify(found.getRowObjectsJson()[0] ?? {});
  }

  async #remove({ name }: StagedTable, rows: readonly RefusedRow[]): Promise<void> {
    for (let at = 0; at < rows.length; at += REMOVED_AT_ONCE) {
      const some = rows.slice(at, at + REMOVED_AT_ONCE).map(({ row }) => row);
      await this.#connection.run(`DELETE FROM ${name} WHERE rowid IN (${some.join(', ')})`);
    }
  }

  /** Does not throw. */
  async close(): Promise<void> {
    this.#staged.close();
    await this.#database.close();
  }
}

const REMOVED_AT_ONCE = 10_000;
/** Of an upsert: once the last row of a key is refused, the one before it counts, and may be refused as well. */
const ROUNDS_MAX = 100;

/**
 * Takes a run over at its database, which must be free: the last start of it has ended.
 *
 * @returns `undefined` if the database has no record of the run.
 * @throws {PipelineError} `FENCED` if a later start has taken it over, `OUTPUT_IN_USE` while an earlier one lives.
 */
export async function takeOverAt(
  options: DatabaseOptions & { readonly table: string },
  holder: CommitHolder,
): Promise<TakenOver | undefined> {
  const database = await Database.forWriting(options, false);
  try {
    const connection = await database.connect();
    const record = new CommitRecord(options.path, tableName(options.table), holder);
    return await record.takeOver(connection);
  } catch (error) {
    throw duckDbFailed('take over', options.path, error);
  } finally {
    await database.close();
  }
}
