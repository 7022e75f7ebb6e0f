import { RuntimeError } from '../../core/errors.js';
import { messageOf, ProviderError } from '../../core/provider-error.js';
import { providerErrorKind } from '../../core/provider-error-kind.js';
import type { ProviderErrorKind } from '../../core/provider-error-table.js';

/** SQLSTATEs whose kind is not that of their class. */
const KIND_OF_STATE: Readonly<Record<string, ProviderErrorKind>> = {
  '28000': 'authentication',
  '28P01': 'authentication',
  '3D000': 'not-found', // the database
  '3F000': 'not-found', // a schema
  '42P01': 'not-found', // a table
  '42703': 'not-found', // a column
  '42704': 'not-found', // a type, a role
  '42501': 'entitlement',
  '0A000': 'unsupported',
  '25P03': 'disconnected', // idle in a transaction for too long
  '25P04': 'disconnected', // a transaction for too long
  '57014': 'unavailable', // cancelled: by a time-out, or by hand
  '57P01': 'disconnected', // ended by an administrator, or by a shutdown
  '57P02': 'disconnected', // another session crashed
  '57P05': 'disconnected', // idle for too long
  '55P03': 'unavailable', // a lock was not free in time
  '55006': 'unavailable', // in use
};

/** By the first two characters (Appendix A of PostgreSQL's manual). What is in neither table cannot be tried again. */
const KIND_OF_CLASS: Readonly<Record<string, ProviderErrorKind>> = {
  '08': 'disconnected',
  '40': 'unavailable', // a deadlock, or a conflict of transactions
  '53': 'unavailable', // out of disk, memory or connections
  '57': 'unavailable', // starting up, shutting down
  '58': 'unavailable', // an error of its operating system
};

/** Errors of `pg` have no code where the server sent none. */
const KIND_OF_TEXT: readonly (readonly [RegExp, ProviderErrorKind])[] = [
  [/does not support SSL/i, 'unsupported'],
  [/password must be a (non-empty )?string|SASL/i, 'authentication'],
  [/timeout/i, 'unavailable'],
  [
    /connection (was )?(terminated|ended|closed)|connection error|not queryable|stream (was )?destroyed|premature close/i,
    'disconnected',
  ],
];

const ADVICE: Readonly<Partial<Record<ProviderErrorKind, string>>> = {
  authentication:
    'check user and password (PGPASSWORD, "passwordEnv") and what pg_hba.conf of the server allows',
  entitlement: 'grant the user what it needs',
  'not-found': 'check database, schema, table and column names: their case counts',
  unsupported: 'check what the server offers',
  unavailable: 'look at the server and its log',
  disconnected: 'look at the server, its log and the network',
};

/** The SQLSTATE of an error of the server. */
export function sqlStateOf(error: unknown): string | undefined {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  // A system error has a code as well, such as ECONNRESET or EPIPE, and no severity.
  return typeof severity === 'string' && typeof code === 'string' ? code : undefined;
}

/** The kind of an error of `pg` or of the server; `undefined` for an error that is of neither. */
export function kindOfServerError(error: unknown): ProviderErrorKind | undefined {
  const state = sqlStateOf(error);
  if (state !== undefined) {
    return KIND_OF_STATE[state] ?? KIND_OF_CLASS[state.slice(0, 2)] ?? 'invalid-request';
  }
  const kind = providerErrorKind(error);
  if (kind !== undefined) return kind;
  const message = messageOf(error);
  return KIND_OF_TEXT.find(([pattern]) => pattern.test(message))?.[1];
}

/**
 * Turns an error of `pg` or of the server into one whose kind says whether it may be tried again. An error without
 * a kind is returned as it is.
 *
 * @param who - Which server, and what was done: `PostgreSQL at db:5432, table "ticks"`.
 */
export function asServerError(error: unknown, who: string): unknown {
  if (error instanceof RuntimeError) return error;
  const kind = kindOfServerError(error);
  if (kind === undefined) return error;
  const state = sqlStateOf(error);
  const said = messageOf(error) || 'no answer';
  const advice = ADVICE[kind];
  const message = `${who}: ${said}${state === undefined ? '' : ` (SQLSTATE ${state})`}${advice === undefined ? '' : `; ${advice}`}`;
  return new ProviderError(kind, message, { cause: error });
}
