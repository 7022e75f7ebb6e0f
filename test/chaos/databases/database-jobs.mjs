/** Jobs over generated rows into PostgreSQL and DuckDB, in threads and in processes. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DYING = fileURLToPath(new URL('../recorded/dying-operator.mjs', import.meta.url));

/** Rows of each source. */
export const ROWS = 12_000;

/** Tables by job, and where they are. */
export const TABLES = {
  'pg-rows-thread': { in: 'postgres', isolation: 'thread' },
  'pg-bars-thread': { in: 'postgres', isolation: 'thread', bars: true },
  'pg-rows-process': { in: 'postgres', isolation: 'process' },
  'pg-bars-process': { in: 'postgres', isolation: 'process', bars: true, key: ['symbol', 'time'] },
  'duck-rows-process': { in: 'duckdb', isolation: 'process' },
  'duck-bars-thread': { in: 'duckdb', isolation: 'thread', bars: true },
};

/** Whether its thread may be killed: one that has DuckDB in it takes the whole process with it. */
export const mayKillThread = (job) => TABLES[job].in === 'postgres' && TABLES[job].isolation === 'thread';

export const tableOf = (job) => job.replaceAll('-', '_');

/**
 * @param of.connection - To PostgreSQL.
 * @param of.schema - Of PostgreSQL.
 * @param of.folder - For files of DuckDB.
 * @param of.rate - Rows a second, or `max`.
 */
export function jobsIn({ connection, schema, folder, rate }) {
  return Object.entries(TABLES).map(([name, { in: database, isolation, bars, key }], place) => {
    const kept = key === undefined ? {} : { mode: 'upsert', key };
    const sink =
      database === 'postgres'
        ? { use: 'postgres', connection, table: `${schema}.${tableOf(name)}`, reconnectFor: '10m' }
        : { use: 'duckdb', path: join(folder, `${name}.duckdb`), table: tableOf(name), memoryMb: 64 };
    return {
      name,
      isolation,
      delivery: 'exactly-once',
      batchRows: 256,
      source: { use: 'synthetic', kind: 'trade', seed: place + 1, rows: ROWS, rate, interval: '20ms' },
      operators: [
        ...(mayKillThread(name) ? [{ use: 'module', path: DYING, options: { job: name } }] : []),
        ...(bars ? [{ use: 'bars', every: '1s' }] : []),
      ],
      sink: { ...sink, create: 'if-missing', ...kept },
    };
  });
}
