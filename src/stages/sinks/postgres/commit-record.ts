import { PipelineError } from '../../../core/errors.js';
import { invariant } from '../../../core/invariant.js';
import { randomId } from '../../../core/random-id.js';
import { COMMITS, type CommitHolder } from '../../../databases/commit-holder.js';
import type { PostgresConnection } from '../../../databases/postgres/connect.js';
import { quoteTable, quoteText, type TableName } from '../../../databases/postgres/identifiers.js';
import { sqlStateOf } from '../../../databases/postgres/server-errors.js';
import type { TakenOver } from '../../../engine/factories.js';
import type { Logger } from '../../../telemetry/logger.js';
import { ownerText } from '../../../wire/checkpoint.js';
import { type Backend, endBackend, nameBackend } from './backends.js';

export const commitsBeside = ({ schema }: TableName): TableName => ({ schema, table: COMMITS });

/** The statement that makes the table of commits. One row a key of the checkpoint store and sink. */
export const createCommits = (table: TableName): string =>
  `CREATE TABLE IF NOT EXISTS ${quoteTable(table)} (run_key text NOT NULL, sink text NOT NULL, job text NOT NULL, ` +
  'epoch bigint NOT NULL, owner text NOT NULL, session text NOT NULL, backend integer NOT NULL, ' +
  'backend_start timestamptz NOT NULL, checkpoint text, changed timestamptz NOT NULL DEFAULT now(), ' +
  'PRIMARY KEY (run_key, sink))';

/** What a division by zero is told as: the condition of the fence does not hold. */
const DIVISION_BY_ZERO = '22012';

/** The row that says which start may commit, and what it has committed last. Each connection takes it anew. */
export class CommitRecord {
  readonly #table: string;
  readonly #holder: CommitHolder;
  /** Of this connection. A statement of an earlier one that is still on its way to the server changes nothing. */
  readonly #session = randomId();
  readonly #log: Logger;
  #backend: Backend | undefined;

  constructor(table: TableName, holder: CommitHolder, log: Logger) {
    this.#table = quoteTable(commitsBeside(table));
    this.#holder = holder;
    this.#log = log;
  }

  /** Of the connection that has taken the row. */
  get backend(): Backend {
    invariant(this.#backend !== undefined, 'the record is taken first');
    return this.#backend;
  }

  /**
   * Takes the row: from then on, only this connection commits. In one statement, which waits for a commit that is in
   * progress; a plain read would answer before it. The connection that had the row is ended, so that what its
   * transaction has locked is free.
   *
   * @param isNew - Whether a run begins: what an earlier run under the key has committed does not matter.
   * @returns The checkpoint that was committed last.
   * @throws {PipelineError} `FENCED` if a later start has it.
   * @throws {ProviderError} that may be tried again if the row stays locked for too long.
   */
  take(connection: PostgresConnection, isNew: boolean): Promise<string | undefined> {
    return connection.inShort(() => this.#take(connection, isNew));
  }

  async #take(connection: PostgresConnection, isNew: boolean): Promise<string | undefined> {
    await connection.query(`SET lock_timeout = ${connection.patienceMs}`);
    const { job, key, sink, epoch, owner } = this.#holder;
    this.#backend = await nameBackend(connection, this.#session);
    const [before] = await connection.query(
      `SELECT backend::text, backend_start::text, session FROM ${this.#table} WHERE run_key = $1 AND sink = $2`,
      [key, sink],
    );
    const rows = await connection.query(
      `INSERT INTO ${this.#table} AS c (run_key, sink, job, epoch, owner, session, backend, backend_start)
         SELECT $1, $2, $3, $4::bigint, $5, $6, pid, backend_start FROM pg_stat_get_activity(pg_backend_pid())
       ON CONFLICT (run_key, sink) DO UPDATE SET job = EXCLUDED.job, epoch = EXCLUDED.epoch, owner = EXCLUDED.owner,
         session = EXCLUDED.session, backend = EXCLUDED.backend, backend_start = EXCLUDED.backend_start,
         changed = now(), checkpoint = CASE WHEN $7::boolean THEN NULL ELSE c.checkpoint END
       WHERE c.epoch < EXCLUDED.epoch OR (c.epoch = EXCLUDED.epoch AND c.owner = EXCLUDED.owner)
       RETURNING checkpoint`,
      [key, sink, job, epoch, ownerText(owner), this.#session, String(isNew)],
    );
    const [taken] = rows;
    if (!taken) throw this.#fenced();
    await connection.query('RESET lock_timeout');
    if (before) {
      const [pid, since, session] = before as [string, string, string]; // none is NULL
      await endBackend(connection, { pid, since, session }, this.#log);
    }
    return taken[0] ?? undefined;
  }

  /**
   * Takes the row of a run that goes on, if there is one.
   *
   * @returns `undefined` if there is none: nothing was taken, nor made.
   * @throws {PipelineError} `FENCED` if a later start has it.
   */
  async takeOver(connection: PostgresConnection): Promise<TakenOver | undefined> {
    const { key, sink } = this.#holder;
    const [table] = await connection.query('SELECT to_regclass($1)::text', [this.#table]);
    if (table?.[0] == null) return undefined;
    const select = `SELECT 1 FROM ${this.#table} WHERE run_key = $1 AND sink = $2`;
    if ((await connection.query(select, [key, sink])).length === 0) return undefined;
    return { committed: await this.take(connection, false) };
  }

  /**
   * Commits the transaction of the connection, if this connection still has the row: the check and the record are one
   * statement, and no answer is waited for between it and the COMMIT.
   *
   * @param checkpoint - What is recorded. Missing: nothing.
   * @throws {PipelineError} `FENCED`. Anything else may leave open what became of the transaction.
   */
  async commit(connection: PostgresConnection, checkpoint: string | undefined): Promise<void> {
    const { key, sink, epoch, owner } = this.#holder;
    const set =
      checkpoint === undefined ? 'changed = now()' : `changed = now(), checkpoint = ${quoteText(checkpoint)}`;
    const held =
      `WITH held AS (UPDATE ${this.#table} SET ${set} WHERE run_key = ${quoteText(key)} AND sink = ${quoteText(sink)} ` +
      `AND epoch = ${epoch} AND owner = ${quoteText(ownerText(owner))} AND session = ${quoteText(this.#session)} ` +
      'RETURNING 1) SELECT 1 / (SELECT count(*) FROM held)';
    try {
      await commitAs(connection, `${held}; COMMIT`);
    } catch (error) {
      if (sqlStateOf(error) === DIVISION_BY_ZERO && !(await this.#isHeld(connection))) throw this.#fenced();
      throw connection.errorOf(error);
    }
  }

  async #isHeld(connection: PostgresConnection): Promise<boolean> {
    const { key, sink, epoch, owner } = this.#holder;
    await connection.query('ROLLBACK');
    const rows = await connection.query(
      `SELECT 1 FROM ${this.#table} WHERE run_key = $1 AND sink = $2 AND epoch = $3::bigint AND owner = $4 AND session = $5`,
      [key, sink, epoch, ownerText(owner), this.#session],
    );
    return rows.length > 0;
  }

  #fenced(): PipelineError {
    const { job, epoch, owner } = this.#holder;
    return new PipelineError(
      'FENCED',
      `"${job}": expected this start, of epoch ${epoch} (${ownerText(owner)}), to hold the run in ${this.#table}, found another: ` +
        'a later start has taken over. Nothing more is committed',
    );
  }
}

/**
 * Sends statements that end in COMMIT.
 *
 * @throws {PipelineError} `SINK_FAILED` if the server has answered ROLLBACK, which it does without an error. What `pg`
 *   throws.
 */
export async function commitAs(connection: PostgresConnection, statements: string): Promise<void> {
  const answers: unknown = await connection.inShort(() => connection.client.query(statements));
  const last = (Array.isArray(answers) ? answers.at(-1) : answers) as
    | { readonly command?: unknown }
    | undefined;
  if (last?.command === 'COMMIT') return;
  throw new PipelineError(
    'SINK_FAILED',
    `PostgreSQL: expected the answer COMMIT, found ${String(last?.command)}: the transaction was taken back`,
    { retryable: true },
  );
}
