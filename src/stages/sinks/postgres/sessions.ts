import { PipelineError } from '../../../core/errors.js';
import { ProviderError } from '../../../core/provider-error.js';
import { randomId } from '../../../core/random-id.js';
import type { CommitHolder } from '../../../databases/commit-holder.js';
import {
  connectToPostgres,
  type PostgresConnection,
  shownServer,
} from '../../../databases/postgres/connect.js';
import {
  quoteName,
  quoteTable,
  quoteText,
  type TableName,
  tableNameOf,
} from '../../../databases/postgres/identifiers.js';
import { sqlStateOf } from '../../../databases/postgres/server-errors.js';
import type { PgField } from '../../../formats/pg-copy/pg-field.js';
import { pgTypeText } from '../../../formats/pg-copy/pg-types.js';
import type { Logger } from '../../../telemetry/logger.js';
import { type Backend, nameBackend } from './backends.js';
import { CommitRecord, commitsBeside, createCommits } from './commit-record.js';
import type { PostgresSinkOptions } from './options.js';
import { checkKey, columnsOf, createTable, fittingFields } from './table-fields.js';

export interface SessionParts {
  readonly options: PostgresSinkOptions;
  /** The columns that the table is to have. */
  readonly wanted: readonly PgField[];
  /** Who may commit. Missing: everybody. */
  readonly holder: CommitHolder | undefined;
  readonly log: Logger;
}

/** A connection that is ready to write the table. */
export interface Session {
  readonly connection: PostgresConnection;
  readonly backend: Backend;
  /** With its schema. */
  readonly table: TableName;
  /** Missing without a checkpoint store. */
  readonly record: CommitRecord | undefined;
  /** The checkpoint that was committed last. */
  readonly committed: string | undefined;
  /** The columns as the table has them. */
  readonly fields: readonly PgField[];
}

/** Where rows of `upsert` are put before they replace others. Of the connection. */
export const INCOMING = 'pg_temp.tickloom_incoming';
/** Numbers the rows there: of two with one key, the later one counts. */
export const ORDER = 'tickloom row';

export const shownTable = ({
  connection,
  table,
}: Pick<PostgresSinkOptions, 'connection' | 'table'>): string =>
  `${shownServer(connection)}, table "${table}"`;

/**
 * Opens a connection, checks the table and takes the run over.
 *
 * @param begins - Of a first connection: whether a run begins. Of a later one: `again`, and nothing is created.
 * @throws {PipelineError} `SINK_FAILED` if the table does not fit. `FENCED`.
 * @throws {ProviderError} whose kind says whether another try may help.
 */
export async function openSession(
  { options, wanted, holder, log }: SessionParts,
  begins: 'new' | 'resumed' | 'again',
  signal: AbortSignal | undefined,
): Promise<Session> {
  const connection = await connectToPostgres(options.connection, signal);
  const breakOff = () => connection.destroy();
  signal?.addEventListener('abort', breakOff, { once: true });
  try {
    const table = await resolveTable(connection, options.table);
    if (begins !== 'again' && options.create === 'if-missing')
      await createIfMissing(connection, table, { options, wanted, holder });
    if (holder) await expectCommits(connection, table, options);
    const fields = await checkTable(connection, table, { options, wanted });
    const record = holder && new CommitRecord(table, holder, log);
    const committed = await record?.take(connection, begins === 'new');
    const backend = record?.backend ?? (await nameBackend(connection, randomId()));
    if (options.mode === 'upsert') await connection.query(createIncoming(fields));
    return { connection, backend, table, record, committed, fields };
  } catch (error) {
    connection.destroy();
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener('abort', breakOff);
  }
}

/**
 * Finds the schema of a table without one: that of the table, which may be any of `search_path`, or else the one that it
 * would be created in. All statements name it, so that none means another table.
 */
export async function resolveTable(connection: PostgresConnection, text: string): Promise<TableName> {
  const name = tableNameOf(text);
  if (name.schema !== undefined) return name;
  const [row] = await connection.query(
    `SELECT coalesce((SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.oid = to_regclass($1)), current_schema())::text`,
    [quoteTable(name)],
  );
  const schema = row?.[0];
  if (schema != null) return { schema, table: name.table };
  throw new PipelineError(
    'SINK_FAILED',
    `Table "${text}": expected a schema, or one of search_path that exists, found none; write "schema.table"`,
  );
}

/** @throws {PipelineError} `SINK_FAILED` naming what differs. */
export async function checkTable(
  connection: PostgresConnection,
  table: TableName,
  { options, wanted }: Pick<SessionParts, 'options' | 'wanted'>,
): Promise<readonly PgField[]> {
  const title = shownTable(options);
  const rows = await connection.query(columnsOf(table));
  if (rows.length === 0) {
    throw new PipelineError(
      'SINK_FAILED',
      `${title}: expected the table, found none. Create it ("create: if-missing" does), such as with: ${createTable(table, wanted, options.key)}`,
    );
  }
  const fields = fittingFields(title, wanted, rows, options);
  if (options.key) await checkKey(connection, table, title, options.key, fields);
  if (options.hypertable && !(await isHypertable(connection, table))) {
    throw new PipelineError(
      'SINK_FAILED',
      `${title}: expected a hypertable ("hypertable"), found a table that is none. It is not altered: make it one, or leave the option out`,
    );
  }
  return fields;
}

/** How often tables are created that somebody else creates at the same time. */
const CREATE_TRIES_MAX = 5;
/** What two sessions that create one thing at once are told: of a unique index of the catalogue, a table, a type. */
const IS_THERE_NOW = new Set(['23505', '42P07', '42710']);

async function createIfMissing(
  connection: PostgresConnection,
  table: TableName,
  parts: Omit<SessionParts, 'log'>,
): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await createOnce(connection, table, parts);
      return;
    } catch (error) {
      const state = sqlStateOf((error as Error).cause);
      if (tries === CREATE_TRIES_MAX || state === undefined || !IS_THERE_NOW.has(state)) throw error;
      await connection.query('ROLLBACK');
    }
  }
}

async function createOnce(
  connection: PostgresConnection,
  table: TableName,
  { options, wanted, holder }: Omit<SessionParts, 'log'>,
): Promise<void> {
  const { key, hypertable } = options;
  // IF NOT EXISTS does not keep two starts from creating one table at once. All of a schema have one table of commits.
  const lock = quoteText(`tickloom ${quoteTable(commitsBeside(table))}`);
  await connection.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtextextended(${lock}, 0))`);
  if (holder) await connection.query(createCommits(commitsBeside(table)));
  if ((await connection.query(columnsOf(table))).length === 0) {
    await connection.query(createTable(table, wanted, key));
    if (hypertable) await makeHypertable(connection, table, options);
  }
  await connection.query('COMMIT');
}

async function makeHypertable(
  connection: PostgresConnection,
  table: TableName,
  options: PostgresSinkOptions,
): Promise<void> {
  await expectTimescale(connection, options);
  const { by, chunk } = options.hypertable!; // asked for
  const interval =
    chunk === undefined ? '' : `, chunk_time_interval => interval '${Math.ceil(chunk / 1_000)} microseconds'`;
  await connection.query(
    `SELECT create_hypertable(${quoteText(quoteTable(table))}::regclass, ${quoteText(by)}::name${interval})`,
  );
}

async function isHypertable(connection: PostgresConnection, table: TableName): Promise<boolean> {
  if (!(await hasTimescale(connection))) return false;
  const rows = await connection.query(
    `SELECT 1 FROM timescaledb_information.hypertables h JOIN pg_class c ON c.relname = h.hypertable_name
       JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = h.hypertable_schema WHERE c.oid = to_regclass($1)`,
    [quoteTable(table)],
  );
  return rows.length > 0;
}

async function expectTimescale(connection: PostgresConnection, options: PostgresSinkOptions): Promise<void> {
  if (await hasTimescale(connection)) return;
  throw new PipelineError(
    'SINK_FAILED',
    `${shownTable(options)}: expected the extension timescaledb in the database for "hypertable", found none: ` +
      'run CREATE EXTENSION timescaledb there, or leave the option out',
  );
}

const hasTimescale = async (connection: PostgresConnection): Promise<boolean> =>
  (await connection.query("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")).length > 0;

async function expectCommits(
  connection: PostgresConnection,
  table: TableName,
  options: PostgresSinkOptions,
): Promise<void> {
  const commits = commitsBeside(table);
  const [found] = await connection.query('SELECT to_regclass($1)::text', [quoteTable(commits)]);
  if (found?.[0] != null) return;
  throw new PipelineError(
    'SINK_FAILED',
    `${shownTable(options)}: expected the table ${quoteTable(commits)}, in which a run with a checkpoint store records what ` +
      `was committed, found none. Create it ("create: if-missing" does) with: ${createCommits(commits)}`,
  );
}

function createIncoming(fields: readonly PgField[]): string {
  const columns = fields.map(({ name, type }) => `${quoteName(name)} ${pgTypeText(type)}`);
  const order = `${quoteName(ORDER)} bigint GENERATED ALWAYS AS IDENTITY`;
  return `CREATE TEMPORARY TABLE ${INCOMING} (${[...columns, order].join(', ')}) ON COMMIT DELETE ROWS`;
}

/** Whether another connection may do what this one could not. */
export const mayHelpToReconnect = (error: unknown, connection: PostgresConnection): boolean =>
  connection.lostBy !== undefined || isTransient(error);

/** Whether the server, or the way to it, may do later what it did not do now. */
export const isTransient = (error: unknown): boolean =>
  error instanceof ProviderError && (error.kind === 'disconnected' || error.kind === 'unavailable');
