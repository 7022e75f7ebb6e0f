import type { DuckDBConnection, DuckDBDataChunk, DuckDBResult } from '@duckdb/node-api';
import { PipelineError } from '../../core/errors.js';
import { duckDbFailed } from './duckdb-error.js';
import { Database, type DatabaseOptions } from './open-database.js';
import { quoteName, quoteTable, tableName } from './quote-name.js';
import { MICROS_MAX, type ReadColumn, type SelectedColumn, selectedColumn } from './read-columns.js';

export interface RowsInTimeOptions extends DatabaseOptions {
  /** `table`, `schema.table`, or SQL that selects. */
  readonly from: { readonly table: string } | { readonly query: string };
  readonly columns: readonly ReadColumn[];
}

/** Where to go on: behind this many rows of those at an instant. */
export interface PlaceInTime {
  /** `undefined`: among the rows without a time that can be used, which come first. */
  readonly timeNs: bigint | undefined;
  readonly rows: number;
}

/**
 * The rows of a table or query in order of their column `time`, and of all their columns where that is the same:
 * so they come in one order, however the table has them, and a place among them is found again.
 */
export class RowsInTime {
  readonly columns: readonly SelectedColumn[];
  readonly #path: string;
  readonly #database: Database;
  readonly #connection: DuckDBConnection;
  readonly #source: string;
  #result: DuckDBResult | undefined;
  #isInterrupted = false;
  /** Rows at the place to go on from that are passed over. */
  #skipped = 0;

  private constructor(
    options: RowsInTimeOptions,
    database: Database,
    connection: DuckDBConnection,
    source: string,
    columns: readonly SelectedColumn[],
  ) {
    this.#path = options.path;
    this.#database = database;
    this.#connection = connection;
    this.#source = source;
    this.columns = columns;
  }

  /** @throws {PipelineError} `INPUT_UNREADABLE`, by the name of a column; `OUTPUT_IN_USE`. */
  static async open(options: RowsInTimeOptions): Promise<RowsInTime> {
    const { from, path } = options;
    const database = await Database.forReading(options);
    try {
      const connection = await database.connect();
      const source = 'table' in from ? quoteTable(tableName(from.table)) : `(${from.query}\n)`;
      const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`);
      const types = new Map(described.getRows().map(([name, type]) => [String(name), String(type)]));
      const columns = options.columns.map((read) => {
        const type = types.get(read.from);
        const selected = type === undefined ? [...types.keys()].join(', ') : selectedColumn(read, type);
        if (typeof selected !== 'string') return selected;
        throw new PipelineError(
          'INPUT_UNREADABLE',
          `"${path}", column "${read.from}" for "${read.column.name}": expected ` +
            (type === undefined
              ? `one of the columns ${selected}, found no such column`
              : `a type that ${read.column.type} can hold exactly (${selected}), found ${type}`),
        );
      });
      return new RowsInTime(options, database, connection, source, columns);
    } catch (error) {
      await database.close();
      throw duckDbFailed('read', path, error, 'INPUT_UNREADABLE');
    }
  }

  get vectors() {
    return this.#database.duckDb.vectors;
  }

  /** Begins to read. @param place - Default: at the first row. */
  async begin(place: PlaceInTime | undefined): Promise<void> {
    const time = this.columns.find(({ column }) => column.name === 'time')!;
    const others = this.columns.filter((one) => one !== time);
    const name = quoteName(time.from);
    const isUsable =
      time.unit === 'ns'
        ? `coalesce(isfinite(${name}), false)`
        : `coalesce(${time.select} BETWEEN -${MICROS_MAX} AND ${MICROS_MAX}, false)`;
    const order = [isUsable, name, ...others.map(({ from }) => quoteName(from))];
    let where = '';
    if (place?.timeNs !== undefined) {
      const from =
        time.unit === 'ns'
          ? `${name} >= make_timestamp_ns(${place.timeNs})`
          : `${time.select} >= ${place.timeNs / 1_000n}`;
      where = ` WHERE ${isUsable} AND ${from}`;
    }
    this.#skipped = place?.rows ?? 0;
    const selected = this.columns.map(({ select }) => select).join(', ');
    try {
      this.#result = await this.#connection.stream(
        `SELECT ${selected} FROM ${this.#source}${where} ORDER BY ${order.join(', ')}`,
      );
    } catch (error) {
      if (!this.#isInterrupted) throw this.#failed(error);
    }
  }

  /** The next rows, and the first of them that is wanted; `undefined` at the end, or once it was interrupted. */
  async next(): Promise<{ readonly chunk: DuckDBDataChunk; readonly start: number } | undefined> {
    for (;;) {
      let chunk: DuckDBDataChunk | null | undefined;
      try {
        chunk = await this.#result?.fetchChunk();
      } catch (error) {
        if (this.#isInterrupted) return undefined;
        throw this.#failed(error);
      }
      if (!chunk || chunk.rowCount === 0) return undefined;
      const start = Math.min(this.#skipped, chunk.rowCount);
      this.#skipped -= start;
      if (start < chunk.rowCount) return { chunk, start };
    }
  }

  /** Ends a wait for rows. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.#connection.interrupt();
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  #failed(error: unknown): unknown {
    return duckDbFailed('read', this.#path, error, 'INPUT_UNREADABLE');
  }
}
