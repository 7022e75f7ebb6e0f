import { ProviderError } from '../../../core/provider-error.js';
import type { PostgresConnection } from '../../../databases/postgres/connect.js';
import type { Logger } from '../../../telemetry/logger.js';

/** The process of the server behind a connection. */
export interface Backend {
  readonly pid: string;
  /** When it was started, as the server writes it: numbers of processes are used again. */
  readonly since: string;
  /** Of the connection. Its `application_name` ends with it. */
  readonly session: string;
}

/** Characters of the name that is asked for, in front of the session. PostgreSQL keeps 63 bytes of both. */
const NAME_LENGTH_MAX = 40;

/** Has the connection carry its session in its name, and tells which process of the server it has. */
export async function nameBackend(connection: PostgresConnection, session: string): Promise<Backend> {
  const [row] = await connection.query(
    `SELECT pid::text, backend_start::text,
       set_config('application_name', left(current_setting('application_name'), ${NAME_LENGTH_MAX}) || ' ' || $1, false)
     FROM pg_stat_get_activity(pg_backend_pid())`,
    [session],
  );
  const [pid, since] = row as [string, string]; // a connection sees itself
  return { pid, since, session };
}

/**
 * Ends a process of an earlier connection, if it is still there and of that connection: behind a pooler, it may be
 * somebody else's by now. What it has locked is free then.
 */
export async function endBackend(
  connection: PostgresConnection,
  { pid, since, session }: Backend,
  log: Logger,
): Promise<void> {
  try {
    await connection.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_get_activity($1::integer)
       WHERE backend_start = $2::timestamptz AND pid <> pg_backend_pid() AND right(application_name, length($3)) = $3`,
      [pid, since, session],
    );
  } catch (error) {
    if (!(error instanceof ProviderError) || error.kind !== 'entitlement') throw error;
    log.warn(
      { err: error, backend: Number(pid) },
      'an earlier connection could not be ended; it commits nothing more, and holds its locks until it ends',
    );
  }
}
