import { readFile } from 'node:fs/promises';
import type { Client, ClientConfig } from 'pg';
import { SECRET_LENGTH_MIN } from '../../core/hide-secrets.js';
import { ProviderError } from '../../core/provider-error.js';
import { hide } from '../../core/redact.js';
import type { PostgresConnectionOptions } from './connection-options.js';
import { loadPg, type PgCopyStreams } from './load-pg.js';
import { asServerError } from './server-errors.js';

const NS_PER_MS = 1e6;
/** Until the system asks a server that says nothing whether it is still there. */
const KEEP_ALIVE_AFTER_MS = 10_000;

/** Where a server is, for messages. */
export const shownServer = ({ host, port, database }: PostgresConnectionOptions): string =>
  `PostgreSQL at ${host}:${port}, database "${database}"`;

/** An open connection. Its client is used for one statement at a time. */
export class PostgresConnection {
  readonly client: Client;
  readonly copyStreams: PgCopyStreams;
  /** How long a connection may take to open, and how long a statement that should be short may wait for a lock. */
  readonly patienceMs: number;
  readonly #who: string;
  readonly #showPassword: () => void;
  #isOver = false;
  /** Why the connection is gone, once it is. */
  #lostBy: unknown;

  constructor(
    client: Client,
    copyStreams: PgCopyStreams,
    patienceMs: number,
    who: string,
    showPassword: () => void,
  ) {
    this.client = client;
    this.copyStreams = copyStreams;
    this.patienceMs = patienceMs;
    this.#who = who;
    this.#showPassword = showPassword;
    // Without a listener, the loss of an idle connection would end the process.
    client.on('error', (error) => {
      this.#lostBy ??= error;
    });
    client.on('end', () => {
      this.#lostBy ??= new Error('Connection terminated');
    });
  }

  /** Why no statement can be sent any more; `undefined` while one can. */
  get lostBy(): unknown {
    return this.#lostBy;
  }

  /**
   * Sends a statement with its parameters, and returns its rows as arrays of texts, as the server writes values.
   *
   * @throws {ProviderError} whose kind says whether it may be tried again.
   */
  async query(text: string, values: readonly (string | number | null)[] = []): Promise<(string | null)[][]> {
    try {
      const config = {
        text,
        values: [...values],
        rowMode: 'array' as const,
        types: { getTypeParser: () => asText },
      };
      const { rows } = await this.client.query(config as never);
      return rows as unknown as (string | null)[][];
    } catch (error) {
      throw this.errorOf(error);
    }
  }

  /**
   * Sends a SELECT with parameters, and returns the types of its columns. There is at least one parameter: only so is a
   * text with more than one statement refused.
   *
   * @throws {ProviderError} whose kind says whether it may be tried again.
   */
  async columnsOf(
    text: string,
    values: readonly [string, ...string[]],
  ): Promise<{ readonly oid: number; readonly typmod: number }[]> {
    try {
      const { fields } = await this.client.query({ text, values: [...values] });
      return fields.map(({ dataTypeID, dataTypeModifier }) => ({
        oid: dataTypeID,
        typmod: dataTypeModifier,
      }));
    } catch (error) {
      throw this.errorOf(error);
    }
  }

  /**
   * Does something that should be short. A server that has not answered after twice `patienceMs` counts as gone, and the
   * connection is cut: a statement in progress fails as on a lost connection.
   */
  async inShort<T>(act: () => Promise<T>): Promise<T> {
    const timer = setTimeout(() => this.destroy(), 2 * this.patienceMs);
    try {
      return await act();
    } finally {
      clearTimeout(timer);
    }
  }

  /** An error of a statement, with its kind. */
  errorOf(error: unknown): unknown {
    return asServerError(error, this.#who);
  }

  /** Ends the connection in order. Never rejects, and waits for no server that is gone. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#showPassword();
    if (this.#lostBy !== undefined) return;
    await this.client.end().catch(() => {});
  }

  /** Cuts the connection, whatever is in progress on it: a waiting statement fails, and the server rolls back. */
  destroy(): void {
    const { connection } = this.client as unknown as { connection: { stream: { destroy(): void } } };
    connection.stream.destroy();
    if (!this.#isOver) this.#showPassword();
    this.#isOver = true;
    this.#lostBy ??= new Error('Connection terminated');
  }
}

/**
 * Opens a connection.
 *
 * @param signal - Breaks off the opening. Afterwards, `destroy` does that for the connection.
 * @throws {PipelineError} `PEER_MISSING` without the packages.
 * @throws {ProviderError} whose kind says whether it may be tried again: not after a wrong password.
 */
export async function connectToPostgres(
  options: PostgresConnectionOptions,
  signal?: AbortSignal,
): Promise<PostgresConnection> {
  const who = shownServer(options);
  const { pg, copyStreams } = await loadPg();
  const password = passwordOf(options, who);
  const isHidden = password !== undefined && password.length >= SECRET_LENGTH_MIN;
  const showPassword = isHidden ? hide(password) : () => {};
  const client = new pg.Client(await configOf(options, password, who));
  const connection = new PostgresConnection(
    client,
    copyStreams,
    toMs(options.connectTimeout),
    who,
    showPassword,
  );
  const breakOff = () => connection.destroy();
  signal?.addEventListener('abort', breakOff, { once: true });
  try {
    signal?.throwIfAborted();
    await client.connect();
    signal?.throwIfAborted();
    return connection;
  } catch (error) {
    connection.destroy();
    signal?.throwIfAborted();
    throw asServerError(error, who);
  } finally {
    signal?.removeEventListener('abort', breakOff);
  }
}

const toMs = (ns: number): number => Math.ceil(ns / NS_PER_MS);

const asText = (text: string | null): string | null => text;

function passwordOf({ password, passwordEnv }: PostgresConnectionOptions, who: string): string | undefined {
  if (passwordEnv === undefined) return password ?? process.env.PGPASSWORD;
  const found = process.env[passwordEnv];
  if (found !== undefined && found !== '') return found;
  throw new ProviderError(
    'authentication',
    `${who}: expected a password in the environment variable ${passwordEnv} ("passwordEnv"), found none; set it where this process is started`,
  );
}

async function configOf(
  options: PostgresConnectionOptions,
  password: string | undefined,
  who: string,
): Promise<ClientConfig> {
  const { host, port, database, user, connectTimeout, statementTimeout, applicationName } = options;
  return {
    host,
    port,
    database,
    user,
    ...(password !== undefined && { password }),
    ssl: await tlsOf(options, who),
    application_name: applicationName,
    connectionTimeoutMillis: toMs(connectTimeout),
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    ...(statementTimeout !== undefined && { statement_timeout: toMs(statementTimeout) }),
  };
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1)$/i;

async function tlsOf(
  { host, tls, caFile }: PostgresConnectionOptions,
  who: string,
): Promise<false | { rejectUnauthorized: boolean; ca?: string }> {
  const isHere = host.startsWith('/') || LOOPBACK.test(host);
  const asked = tls ?? (isHere && caFile === undefined ? 'off' : 'verify');
  if (asked === 'off') return false;
  if (asked === 'unverified') return { rejectUnauthorized: false };
  if (caFile === undefined) return { rejectUnauthorized: true };
  try {
    return { rejectUnauthorized: true, ca: await readFile(caFile, 'utf8') };
  } catch (cause) {
    throw new ProviderError('invalid-request', `${who}: "caFile" cannot be read: ${caFile}`, { cause });
  }
}
