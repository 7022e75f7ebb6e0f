import { basename, dirname } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { PipelineError } from '../../core/errors.js';
import type { Disk } from '../../outputs/disk/disk.js';
import { claimDatabase, claimForReading, type DatabaseClaim } from './claim-database.js';
import { databasePath } from './database-path.js';
import { duckDbFailed } from './duckdb-error.js';
import { type LoadedDuckDb, loadDuckDb } from './load-duckdb.js';

export interface DatabaseOptions {
  readonly disk: Disk;
  readonly path: string;
  /** For messages of others that want the database. */
  readonly job: string;
  /** Memory that DuckDB may use; what does not fit goes to a folder beside the file. */
  readonly memoryMb: number;
  readonly duckDb?: LoadedDuckDb;
}

/** An open database of DuckDB. */
export class Database {
  readonly path: string;
  readonly duckDb: LoadedDuckDb;
  readonly #instance: DuckDBInstance;
  readonly #claim: DatabaseClaim | undefined;
  readonly #connections: DuckDBConnection[] = [];
  #isClosed = false;

  private constructor(
    path: string,
    duckDb: LoadedDuckDb,
    instance: DuckDBInstance,
    claim: DatabaseClaim | undefined,
  ) {
    this.path = path;
    this.duckDb = duckDb;
    this.#instance = instance;
    this.#claim = claim;
  }

  /**
   * Opens a database as its one writer.
   *
   * @param mayCreate - Whether it is made if it is not there.
   * @throws {PipelineError} `OUTPUT_IN_USE` if somebody else writes to it or reads it.
   */
  static async forWriting(options: DatabaseOptions, mayCreate: boolean): Promise<Database> {
    const { disk, path, job, duckDb = loadDuckDb() } = options;
    const found = await databasePath(disk.fs, path);
    if (!found.isThere) {
      if (!mayCreate) throw missing('OUTPUT_FAILED', path, '; set "create: if-missing" to have it made');
      await disk.makeDirectories(dirname(found.real));
    }
    const { real } = await databasePath(disk.fs, path); // a folder that was made may have been behind a link
    const claim = await claimDatabase(disk, real, job, 'database');
    try {
      const instance = await open(duckDb, real, settingsOf(options));
      return new Database(path, duckDb, instance, claim);
    } catch (error) {
      await claim.release();
      throw duckDbFailed('open', path, error);
    }
  }

  /**
   * Opens a database that nobody writes to. What is done in it cannot reach other files.
   *
   * @throws {PipelineError} `INPUT_UNREADABLE`, or `OUTPUT_IN_USE` if somebody writes to it.
   */
  static async forReading(options: DatabaseOptions): Promise<Database> {
    const { disk, path, job, duckDb = loadDuckDb() } = options;
    const { real, isThere } = await databasePath(disk.fs, path);
    if (!isThere) throw missing('INPUT_UNREADABLE', path, '');
    const claim = await claimForReading(disk, real, job);
    const settings = { ...settingsOf(options), access_mode: 'READ_ONLY', enable_external_access: 'false' };
    try {
      return new Database(path, duckDb, await open(duckDb, real, settings), claim);
    } catch (error) {
      await claim?.release();
      throw duckDbFailed('open', path, error, 'INPUT_UNREADABLE');
    }
  }

  async connect(): Promise<DuckDBConnection> {
    const connection = await this.#instance.connect();
    this.#connections.push(connection);
    return connection;
  }

  /** Closes the file, and then lets others have it. Does not throw. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const connection of this.#connections) connection.closeSync();
    this.#instance.closeSync();
    await this.#claim?.release();
  }
}

async function open(
  { api }: LoadedDuckDb,
  real: string,
  settings: Record<string, string>,
): Promise<DuckDBInstance> {
  const instance = await api.DuckDBInstance.create(real, settings);
  const connection = await instance.connect();
  const found = await connection.runAndReadAll(
    'SELECT path FROM duckdb_databases() WHERE database_name = current_database()',
  );
  const [[path] = []] = found.getRows();
  connection.closeSync();
  if (path !== null) return instance;
  instance.closeSync();
  // By its name alone, DuckDB takes it for data, and opens a database in memory that shows it.
  throw new Error(
    `expected a database of DuckDB, found the name "${basename(real)}", by which DuckDB takes it for a file of data; ` +
      'give it another ending, such as ".duckdb"',
  );
}

/** One thread: a job has one, and rows of a `select` then come in the order of their table. */
const settingsOf = ({ memoryMb }: DatabaseOptions): Record<string, string> => ({
  threads: '1',
  memory_limit: `${memoryMb}MiB`,
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
});

const missing = (code: 'OUTPUT_FAILED' | 'INPUT_UNREADABLE', path: string, what: string) =>
  new PipelineError(code, `"${path}" is not there: expected a database of DuckDB${what}`);
