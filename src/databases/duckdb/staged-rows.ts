import type { DuckDBAppender, DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import { typeText } from './column-types.js';
import { quoteName } from './quote-name.js';
import type { TargetTable } from './target-table.js';

/** Rows that wait to be committed, in a table of their own. */
export interface StagedTable {
  /** As SQL has it. */
  readonly name: string;
  readonly rows: number;
  /** Of the rows of the run, which one its first is, counted from 0. */
  readonly firstRow: number;
}

const DATABASE = 'tickloom_staged';

/**
 * Rows on their way into a table. They wait in a database in memory, which DuckDB moves to a folder beside the
 * file where it becomes large: a statement that fails takes its transaction along, and so would take rows that
 * had been appended in it.
 */
export class StagedRows {
  readonly #connection: DuckDBConnection;
  readonly #columns: string;
  #appender: DuckDBAppender | undefined;
  #tables = 0;
  #rows = 0;
  #firstRow = 0;

  private constructor(connection: DuckDBConnection, columns: string) {
    this.#connection = connection;
    this.#columns = columns;
  }

  /** @param connection - Of its own: rows are added while a transaction is open elsewhere. */
  static async open(
    connection: DuckDBConnection,
    { types }: TargetTable,
    names: readonly string[],
  ): Promise<StagedRows> {
    await connection.run(`ATTACH ':memory:' AS ${DATABASE}`);
    return new StagedRows(
      connection,
      names.map((name, i) => `${quoteName(name)} ${typeText(types[i]!)}`).join(', '),
    );
  }

  /** Whether rows can be added. */
  get isOpen(): boolean {
    return this.#appender !== undefined;
  }

  /** Lets rows be added. */
  async begin(): Promise<void> {
    const name = `rows_${++this.#tables}`;
    await this.#connection.run(`CREATE TABLE ${DATABASE}.main.${name} (${this.#columns})`);
    this.#appender = await this.#connection.createAppender(name, 'main', DATABASE);
  }

  add(chunk: DuckDBDataChunk): void {
    this.#appender!.appendDataChunk(chunk);
    this.#rows += chunk.rowCount;
  }

  /** Ends the table of the rows so far; `undefined` if there are none. */
  end(): StagedTable | undefined {
    if (this.#rows === 0) return undefined;
    this.#appender!.closeSync();
    this.#appender = undefined;
    const table = {
      name: `${DATABASE}.main.rows_${this.#tables}`,
      rows: this.#rows,
      firstRow: this.#firstRow,
    };
    this.#firstRow += this.#rows;
    this.#rows = 0;
    return table;
  }

  async drop({ name }: StagedTable): Promise<void> {
    await this.#connection.run(`DROP TABLE ${name}`);
  }

  /** Forgets the rows that were not ended. Does not throw. */
  close(): void {
    try {
      this.#appender?.closeSync();
    } catch {
      // What it holds is dropped with the database in memory.
    }
    this.#appender = undefined;
  }
}
