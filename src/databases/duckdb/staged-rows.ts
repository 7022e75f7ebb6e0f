import type { DuckDBAppender, DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api';
import { typeText } from './column-types.js';
import { quoteName } from './quote-name.js';
import type { TargetTable } from './target-table.js';

/** Rows that wait to be committed, in a table of their own. */
export interface StagedTable {
  /** As SQL has it. */
  readonly name: string;
  readonly rows: number;
  /** How many rows came before it, counted with those that were left out. */
  readonly ordinal: number;
  /** Of rows that were left out: the row that follows each, in order. */
  readonly gaps: readonly number[];
}

/** Which of the rows that came to the table a staged one is, counted from 0. */
export function ordinalOf({ ordinal, gaps }: StagedTable, row: number): number {
  let low = 0;
  let high = gaps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (gaps[middle]! <= row) low = middle + 1;
    else high = middle;
  }
  return ordinal + row + low;
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
  #ordinal = 0;
  #gaps: number[] = [];

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

  /** Notes that a row is left out, in front of the row that is added after so many others. */
  leaveOut(rowsBefore: number): void {
    this.#gaps.push(this.#rows + rowsBefore);
  }

  /** Whether rows were added since the last end. */
  get hasRows(): boolean {
    return this.#rows > 0;
  }

  /** Ends the table of the rows so far; `undefined` if there are none. */
  end(): StagedTable | undefined {
    if (this.#rows === 0) return undefined;
    this.#appender!.closeSync();
    this.#appender = undefined;
    const table = {
      name: `${DATABASE}.main.rows_${this.#tables}`,
      rows: this.#rows,
      ordinal: this.#ordinal,
      gaps: this.#gaps,
    };
    this.#ordinal += this.#rows + this.#gaps.length;
    this.#gaps = [];
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
