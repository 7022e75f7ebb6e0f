import type { DuckDBConnection } from '@duckdb/node-api';
import { PipelineError } from '../../core/errors.js';
import type { Owner } from '../../wire/checkpoint.js';

/** Whose checkpoints a row of the table `tickloom.checkpoints` is about. */
export interface CheckpointKey {
  /** Of the store of checkpoints, or the run. */
  readonly key: string;
  /** What the sink is called in checkpoints. */
  readonly sink: string;
}

/** The start of a run that writes. */
export interface Writer {
  readonly epoch: number;
  readonly owner: string;
}

export const ownerText = ({ host, process, thread }: Owner): string => `${host}/${process}/${thread}`;

const CREATION = [
  'CREATE SCHEMA IF NOT EXISTS tickloom',
  'CREATE TABLE IF NOT EXISTS tickloom.checkpoints (key VARCHAR, sink VARCHAR, epoch BIGINT NOT NULL, ' +
    'owner VARCHAR NOT NULL, checkpoint VARCHAR, PRIMARY KEY (key, sink))',
];

/**
 * Finds the table of checkpoints, or creates it.
 *
 * @throws {PipelineError} `OUTPUT_FAILED` if it is not there and may not be made.
 */
export async function openCheckpoints(
  connection: DuckDBConnection,
  path: string,
  mayCreate: boolean,
): Promise<void> {
  if (await hasCheckpoints(connection)) return;
  if (!mayCreate) {
    throw new PipelineError(
      'OUTPUT_FAILED',
      `"${path}" has no table "tickloom.checkpoints", where the checkpoint of a run is committed with its rows; set ` +
        `"create: if-missing" to have it made, or run: ${CREATION.join('; ')}`,
    );
  }
  for (const statement of CREATION) await connection.run(statement);
}

export async function hasCheckpoints(connection: DuckDBConnection): Promise<boolean> {
  const found = await connection.runAndReadAll(
    "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'tickloom' " +
      "AND table_name = 'checkpoints'",
  );
  return found.currentRowCount > 0;
}

/**
 * Takes a run over: no earlier start can commit from now on.
 *
 * @param goesOn - Whether the run goes on from a checkpoint. Otherwise one begins, and the key has none any more.
 * @returns The last checkpoint that was committed.
 * @throws {PipelineError} `FENCED` if a later start has taken it over.
 */
export async function takeOver(
  connection: DuckDBConnection,
  path: string,
  at: CheckpointKey,
  { epoch, owner }: Writer,
  goesOn: boolean,
): Promise<string | undefined> {
  const found = await readRow(connection, at);
  if (found && found.epoch > epoch) throw fencedAt(path, found.epoch);
  await connection.run(
    'INSERT INTO tickloom.checkpoints VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key, sink) DO UPDATE ' +
      'SET epoch = excluded.epoch, owner = excluded.owner, checkpoint = excluded.checkpoint',
    [at.key, at.sink, BigInt(epoch), owner, (goesOn && found?.checkpoint) || null],
  );
  return goesOn ? found?.checkpoint : undefined;
}

/**
 * Records a checkpoint, inside the transaction of its rows.
 *
 * @throws {PipelineError} `FENCED` if another start has taken the run over.
 */
export async function recordCheckpoint(
  connection: DuckDBConnection,
  path: string,
  at: CheckpointKey,
  { epoch, owner }: Writer,
  checkpoint: string,
): Promise<void> {
  const found = await readRow(connection, at);
  if (!found || found.epoch !== epoch || found.owner !== owner) throw fencedAt(path, found?.epoch);
  await connection.run('UPDATE tickloom.checkpoints SET checkpoint = $3 WHERE key = $1 AND sink = $2', [
    at.key,
    at.sink,
    checkpoint,
  ]);
}

interface FoundRow {
  readonly epoch: number;
  readonly owner: string;
  readonly checkpoint: string | undefined;
}

async function readRow(
  connection: DuckDBConnection,
  { key, sink }: CheckpointKey,
): Promise<FoundRow | undefined> {
  const found = await connection.runAndReadAll(
    'SELECT epoch, owner, checkpoint FROM tickloom.checkpoints WHERE key = $1 AND sink = $2',
    [key, sink],
  );
  const [row] = found.getRows();
  if (!row) return undefined;
  const [epoch, owner, checkpoint] = row;
  return {
    epoch: Number(epoch),
    owner: String(owner),
    checkpoint: checkpoint === null || checkpoint === undefined ? undefined : String(checkpoint),
  };
}

const fencedAt = (path: string, epoch: number | undefined) =>
  new PipelineError(
    'FENCED',
    `"${path}": the run was taken over by ${epoch === undefined ? 'somebody who removed its row' : `its start ${epoch}`} ` +
      'in "tickloom.checkpoints", so this one commits nothing more',
  );
