import { DuckDBInstance } from '@duckdb/node-api';

/** DuckDB with one thread: what is compared with one thread of ours. */
export class OneThreadDuckDb {
  readonly #connection: Awaited<ReturnType<DuckDBInstance['connect']>>;
  readonly #instance: DuckDBInstance;

  private constructor(instance: DuckDBInstance, connection: Awaited<ReturnType<DuckDBInstance['connect']>>) {
    this.#instance = instance;
    this.#connection = connection;
  }

  /** @param path - File of the database. Default: in memory. */
  static async open(path = ':memory:'): Promise<OneThreadDuckDb> {
    const instance = await DuckDBInstance.create(path, { threads: '1' });
    return new OneThreadDuckDb(instance, await instance.connect());
  }

  async run(sql: string): Promise<void> {
    await this.#connection.run(sql);
  }

  /** The first row of an answer, all of it as numbers. */
  async numbers(sql: string): Promise<Record<string, number>> {
    const reader = await this.#connection.runAndReadAll(sql);
    const [row = {}] = reader.getRowObjects();
    return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)]));
  }

  close(): void {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

/** A path as a SQL literal. */
export const sqlText = (text: string): string => `'${text.replaceAll("'", "''")}'`;
