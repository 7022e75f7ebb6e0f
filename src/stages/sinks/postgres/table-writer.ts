import type { MemoryShare } from '../../../columns/column-memory.js';
import { type Clock, sleep } from '../../../core/clock.js';
import { PipelineError } from '../../../core/errors.js';
import { invariant } from '../../../core/invariant.js';
import { millis } from '../../../core/units.js';
import { quoteName, quoteTable } from '../../../databases/postgres/identifiers.js';
import type { KnownWaits } from '../../../engine/known-waits.js';
import type { PgField } from '../../../formats/pg-copy/pg-field.js';
import { pgTypeText } from '../../../formats/pg-copy/pg-types.js';
import { type Backend, endBackend } from './backends.js';
import { commitAs } from './commit-record.js';
import { copyInto } from './copy-into.js';
import { asRefusedRows, RefusedRowsError } from './refused-row.js';
import {
  checkTable,
  INCOMING,
  isTransient,
  mayHelpToReconnect,
  ORDER,
  openSession,
  type Session,
  type SessionParts,
  shownTable,
} from './sessions.js';

/** Rows of a transaction that are kept in memory, to be written again on another connection. */
export const KEPT_BYTES_MAX = 32 * 1_048_576;
const FIRST_PAUSE_MS = 100;
const PAUSE_MS_MAX = 10_000;
/** Between two questions what became of a transaction. */
const ASK_AGAIN_MS = 50;
/** How often in a row one thing is tried again after all rows of the transaction were sent again. */
const LOSSES_MAX = 6;

export interface TableWriterParts extends SessionParts {
  readonly clock: Clock;
  /** From 0 to below 1, for pauses. */
  readonly random: () => number;
  /** For the rows that are kept. */
  readonly memory: MemoryShare;
  readonly stopping: AbortSignal | undefined;
  readonly knownWaits: KnownWaits | undefined;
}

/** A transaction that is being written. */
interface Transaction {
  /** Of the server. Only where no record says what was committed. */
  readonly id: string | undefined;
}

/** What a connection has left behind, until it is made up for on another one. */
interface Loss {
  readonly why: unknown;
  readonly since: bigint;
  readonly transaction: Transaction | undefined;
  /** Whether it may have been committed. */
  isInDoubt: boolean;
  /** Of connections since. The server may not have noticed that they are gone. */
  readonly backends: Backend[];
}

/**
 * Writes one table in transactions, over as many connections as it takes. Rows of the transaction in progress are kept up
 * to a bound, so that it can be repeated once it is certain that the server has not committed it.
 */
export class TableWriter {
  readonly #parts: TableWriterParts;
  #session: Session | undefined;
  #committed: string | undefined;
  #transaction: Transaction | undefined;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  /** Whether all rows of the transaction are kept. */
  #keepsAll = true;
  /** Whether rows of the transaction were refused. */
  #hasRefused = false;
  #failures = 0;
  #isClosed = false;

  constructor(parts: TableWriterParts) {
    this.#parts = parts;
    parts.stopping?.addEventListener('abort', this.#breakOff, { once: true });
  }

  /** @param isNew - Whether a run begins. @returns The columns as the table has them. */
  async open(isNew: boolean): Promise<readonly PgField[]> {
    this.#session = await openSession(this.#parts, isNew ? 'new' : 'resumed', this.#parts.stopping);
    this.#committed = this.#session.committed;
    return this.#session.fields;
  }

  /**
   * Adds rows to the transaction.
   *
   * @param bytes - A whole COPY, header and trailer included. They belong to the writer.
   * @throws {RefusedRowsError} if the server takes some of them not: none of them is in the transaction then.
   */
  async add(bytes: Uint8Array): Promise<void> {
    await this.#persist(async () => {
      await this.#begin();
      await this.#copy(bytes);
    });
    if (this.#keptBytes + bytes.length > KEPT_BYTES_MAX) this.#keepsAll = false;
    if (!this.#keepsAll) {
      this.#forget();
      return;
    }
    this.#parts.memory.resize(this.#keptBytes + bytes.length);
    this.#keptBytes += bytes.length;
    this.#kept.push(bytes);
  }

  /**
   * Commits the transaction. If the connection is lost meanwhile, the server is asked what became of it.
   *
   * @param checkpoint - What is recorded with it. Missing: nothing, and without rows there is nothing to do.
   * @throws {PipelineError} `FENCED`.
   */
  async commit(checkpoint?: string): Promise<void> {
    if (!this.#transaction && checkpoint === undefined) return;
    await this.#persist(
      async () => {
        await this.#begin();
        const { connection, record } = this.#opened;
        try {
          if (record) await record.commit(connection, checkpoint);
          else await commitAs(connection, 'COMMIT');
        } catch (error) {
          throw connection.errorOf(error);
        }
      },
      { checkpoint },
    );
    if (checkpoint !== undefined) this.#committed = checkpoint;
    this.#transaction = undefined;
    this.#keepsAll = true;
    this.#hasRefused = false;
    this.#forget();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#parts.stopping?.removeEventListener('abort', this.#breakOff);
    this.#forget();
    await this.#session?.connection.end(); // the server takes back what was not committed
  }

  readonly #breakOff = () => this.#session?.connection.destroy();

  get #opened(): Session {
    invariant(this.#session !== undefined, 'a table is written once it is open');
    return this.#session;
  }

  #forget(): void {
    this.#kept = [];
    this.#keptBytes = 0;
    this.#parts.memory.resize(0);
  }

  async #begin(): Promise<void> {
    if (this.#transaction) return;
    const { connection, record, table, fields } = this.#opened;
    const { options } = this.#parts;
    // Until its end, nobody can alter the table; so what is found now holds.
    await connection.query(`BEGIN; LOCK TABLE ${quoteTable(table)} IN ROW EXCLUSIVE MODE`);
    expectSame(shownTable(options), fields, await checkTable(connection, table, this.#parts));
    const isAskedFor = !record && options.mode === 'append';
    const [row] = isAskedFor ? await connection.query('SELECT txid_current()::text') : [];
    this.#transaction = { id: row?.[0] ?? undefined };
  }

  async #copy(bytes: Uint8Array): Promise<void> {
    const { connection, table, fields } = this.#opened;
    const { options } = this.#parts;
    const columns = fields.map(({ name }) => quoteName(name)).join(', ');
    const isUpsert = options.mode === 'upsert';
    const target = isUpsert ? INCOMING : quoteTable(table);
    // A savepoint costs a number of a transaction, and with over 64 of them, each snapshot of the server is slower.
    const isSaved = this.#hasRefused || !this.#keepsAll;
    try {
      if (isSaved) await connection.client.query('SAVEPOINT tickloom');
      await copyInto(connection, `COPY ${target} (${columns}) FROM STDIN (FORMAT binary)`, bytes);
      if (isUpsert) await connection.client.query(this.#merge(columns, fields));
      if (isSaved) await connection.client.query('RELEASE SAVEPOINT tickloom');
    } catch (error) {
      const refused = asRefusedRows(error);
      if (!refused) throw connection.errorOf(error);
      await this.#takeOut(isSaved);
      throw refused;
    }
  }

  /** Takes what was refused out of the transaction. Without a savepoint, the rows in front of it are sent again. */
  async #takeOut(isSaved: boolean): Promise<void> {
    const { connection } = this.#opened;
    if (isSaved) {
      await connection.query('ROLLBACK TO SAVEPOINT tickloom');
      await connection.query('RELEASE SAVEPOINT tickloom');
      return;
    }
    this.#hasRefused = true;
    await connection.query('ROLLBACK');
    this.#transaction = undefined;
    await this.#begin();
    await this.#sendKept();
  }

  #merge(columns: string, fields: readonly PgField[]): string {
    const { key = [] } = this.#parts.options;
    const keys = key.map(quoteName).join(', ');
    const others = fields.filter(({ name }) => !key.includes(name)).map(({ name }) => quoteName(name));
    const replace =
      others.length === 0
        ? 'NOTHING'
        : `UPDATE SET ${others.map((name) => `${name} = EXCLUDED.${name}`).join(', ')}`;
    return (
      `INSERT INTO ${quoteTable(this.#opened.table)} (${columns}) SELECT DISTINCT ON (${keys}) ${columns} FROM ${INCOMING} ` +
      `ORDER BY ${keys}, ${quoteName(ORDER)} DESC ON CONFLICT (${keys}) DO ${replace}; DELETE FROM ${INCOMING}`
    );
  }

  /**
   * Does something, on another connection where this one is lost.
   * @param commit - Of a commit: what it records.
   */
  async #persist(
    act: () => Promise<void>,
    commit?: { readonly checkpoint: string | undefined },
  ): Promise<void> {
    const { clock, log, stopping } = this.#parts;
    let loss: Loss | undefined;
    for (let losses = 1; ; losses++) {
      stopping?.throwIfAborted();
      try {
        if (loss && (await this.#makeUpFor(loss, commit?.checkpoint))) return;
        loss = undefined;
        await act();
        this.#failures = 0;
        return;
      } catch (error) {
        stopping?.throwIfAborted();
        const { connection } = this.#opened;
        if (this.#isClosed || losses > LOSSES_MAX || !mayHelpToReconnect(error, connection)) throw error;
        connection.destroy();
        log.warn({ err: error }, 'the connection to PostgreSQL was lost; it is opened again');
        const isInDoubt = commit !== undefined && this.#transaction !== undefined;
        loss ??= { why: error, since: clock.now(), transaction: this.#transaction, isInDoubt, backends: [] };
      }
      await this.#reopen(loss);
    }
  }

  /**
   * Brings a new connection to where the lost one was: writes what the transaction has so far.
   * @returns Whether the transaction was committed after all.
   */
  async #makeUpFor(loss: Loss, checkpoint: string | undefined): Promise<boolean> {
    const { clock, log, options } = this.#parts;
    const { connection, committed, record } = this.#opened;
    // Taking the record has ended them. Otherwise, what they have locked could be waited for as long as the server waits for them.
    if (!record) for (const backend of loss.backends) await endBackend(connection, backend, log);
    if (loss.isInDoubt && (await this.#wasCommitted(loss, checkpoint))) {
      log.info({}, 'the transaction whose answer was lost had been committed');
      return true;
    }
    loss.isInDoubt = false;
    if (record && committed !== this.#committed) {
      throw new PipelineError(
        'SINK_FAILED',
        `${shownTable(options)}: expected the checkpoint ${this.#committed ?? 'none'} to be the last one that was ` +
          `committed, found ${committed ?? 'none'}: was the database put back to another state?`,
      );
    }
    if (!loss.transaction && this.#kept.length === 0) return false;
    if (!this.#keepsAll) {
      throw new PipelineError(
        'SINK_FAILED',
        `${shownTable(options)}: the connection was lost, and the transaction had more rows than are kept in memory ` +
          `(${KEPT_BYTES_MAX} bytes) to be sent again; the next start reads them again`,
        { retryable: true, cause: loss.why },
      );
    }
    const since = clock.now();
    await this.#begin();
    await this.#sendKept();
    log.info(
      { bytes: this.#keptBytes, tookMs: Number(clock.now() - since) / 1e6 },
      'the rows of the lost transaction were sent again',
    );
    return false;
  }

  /** Sends rows again that the server has taken before. */
  async #sendKept(): Promise<void> {
    try {
      for (const bytes of this.#kept) await this.#copy(bytes);
    } catch (error) {
      if (!(error instanceof RefusedRowsError)) throw error;
      // Whoever adds rows would take it for theirs.
      throw new PipelineError(
        'SINK_FAILED',
        `${shownTable(this.#parts.options)}: rows that the server had taken were refused when they were sent again: ` +
          `${error.message}; the next start sends them one by one`,
        { retryable: true, cause: error },
      );
    }
  }

  async #reopen(loss: Loss): Promise<void> {
    const { knownWaits } = this.#parts;
    loss.backends.push(this.#opened.backend);
    this.#transaction = undefined;
    this.#session = await (knownWaits ? knownWaits.during(this.#reconnect(loss)) : this.#reconnect(loss));
  }

  async #reconnect({ why, since }: Loss): Promise<Session> {
    const { clock, stopping, options, random } = this.#parts;
    let last = why;
    for (;;) {
      if (Number(clock.now() - since) >= options.reconnectFor) throw last;
      const bound = Math.min(PAUSE_MS_MAX, FIRST_PAUSE_MS * 2 ** Math.min(this.#failures++, 20));
      await sleep(clock, millis(1 + Math.floor(random() * bound)), stopping);
      stopping?.throwIfAborted();
      try {
        return await openSession(this.#parts, 'again', stopping);
      } catch (error) {
        if (!isTransient(error)) throw error;
        last = error;
      }
    }
  }

  /** What became of a transaction whose answer to COMMIT is lost: it was committed, or never will be. */
  async #wasCommitted({ transaction, since, why }: Loss, checkpoint: string | undefined): Promise<boolean> {
    const { clock, stopping, options } = this.#parts;
    const { connection, record, committed } = this.#opened;
    const id = transaction?.id;
    // Taking the record has waited for it. Where nothing is recorded, the rows may be written again.
    if (record || id === undefined) return checkpoint !== undefined && committed === checkpoint;
    for (;;) {
      const [row] = await connection.query('SELECT txid_status($1::bigint)', [id]);
      if (row?.[0] === 'committed') return true;
      if (row?.[0] !== 'in progress') return false;
      if (Number(clock.now() - since) >= options.reconnectFor) {
        throw new PipelineError(
          'SINK_FAILED',
          `${shownTable(options)}: expected to hear what became of transaction ${id}, whose answer to COMMIT was lost, ` +
            'found it in progress still; look at the server. Its rows may be written twice by the next start',
          { retryable: true, cause: why },
        );
      }
      await sleep(clock, millis(ASK_AGAIN_MS), stopping);
      stopping?.throwIfAborted();
    }
  }
}

function expectSame(title: string, before: readonly PgField[], now: readonly PgField[]): void {
  const differing = before.flatMap((field, i) => {
    const found = now[i]!; // of the same columns of rows
    const isSame = pgTypeText(found.type) === pgTypeText(field.type) && found.notNull === field.notNull;
    const text = ({ type, notNull }: PgField) => `${pgTypeText(type)}${notNull ? ' NOT NULL' : ''}`;
    return isSame
      ? []
      : [`column "${field.name}": expected ${text(field)}, as when the run was opened, found ${text(found)}`];
  });
  if (differing.length === 0) return;
  throw new PipelineError(
    'SINK_FAILED',
    [`${title} was altered during the run:`, ...differing].join('\n  - '),
  );
}
