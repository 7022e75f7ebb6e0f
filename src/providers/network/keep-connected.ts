import type { ProviderError } from '../../core/provider-error.js';
import type { ProviderContext } from '../contract/market-data-provider.js';
import type { Frame, Socket, SocketEnd, SocketOptions } from '../contract/network.js';
import type { RowWriter } from '../contract/row-writers.js';
import type { BackOffOptions } from './back-off.js';
import type { Subscriptions } from './subscribe.js';

/** One connection after another: what `keepConnected` is given. */
export interface KeepConnectedOptions {
  /** Used in messages: the name of the provider. */
  readonly provider: string;
  readonly context: Pick<ProviderContext, 'network' | 'gate' | 'clock' | 'log' | 'status' | 'random'>;
  /** Told of gaps. It also makes the supplier wait while it has no room. */
  readonly writer: Pick<RowWriter<never>, 'gap' | 'hasRoom' | 'whenRoom'>;
  /** Ends it all. */
  readonly signal: AbortSignal;
  /** Where to connect. A function is asked for each connection anew, within a call of the gate. */
  readonly url: string | URL | ((signal: AbortSignal) => Promise<string | URL> | string | URL);
  /** Everything else about the socket. */
  readonly socket?: Omit<SocketOptions, 'signal'> | undefined;
  /** Permits that the opening of a connection costs. Default: that of a call. */
  readonly connectCost?: number | undefined;
  /** Makes what handles one connection. State that must not outlive a connection belongs in there. */
  session(connection: Connection): Session;
  /** What is subscribed to on each connection, with the same arguments each time. */
  readonly subscriptions?: Subscriptions | undefined;
  readonly heartbeat?: HeartbeatOptions | undefined;
  readonly backOff?: BackOffOptions | undefined;
  /** For suppliers that end a connection after a known time. */
  readonly maximumAge?: MaximumAge | undefined;
}

/** A connection, as the code of a provider sees it. */
export interface Connection {
  /** 1 for the first connection of this call, 2 for the next. */
  readonly generation: number;
  readonly socket: Socket;
  /** Aborts when the connection has ended or is given up. */
  readonly signal: AbortSignal;
  /**
   * Tells that rows are about to be written; call it **before** they are, once for each frame with rows, with the
   * event time of its last row in ms since 1970 (`NaN` if it has none). A snapshot, an acknowledgement and a heartbeat
   * are no rows. After a reconnect, this is what writes the `gap` in front of them; and it is what ends a back-off.
   */
  rows(timeMs: number): void;
  /** The supplier has confirmed the subscription message with this id. */
  acknowledge(id: number): void;
  /** Ends the connection for a reason; the next one follows, or not, by its kind. */
  fail(error: unknown): void;
}

/** What handles one connection. What a function throws ends the connection, as `Connection.fail` does. */
export interface Session {
  /** Called once the socket is open, before anything is subscribed to: for logins by message. */
  opened?(): Promise<void> | void;
  /** A message came. Never called for a connection that was replaced or has ended. */
  frame(frame: Frame): void;
  /**
   * Whether a message has rows (or changes of a book). Asked only while this connection waits to take over from an
   * older one: what has rows is kept until then, the rest is handled at once. Default: all messages have.
   */
  hasRows?(frame: Frame): boolean;
  /** All is subscribed to. */
  subscribed?(): void;
  /**
   * The connection ended. It may name the error, where the supplier has close codes of its own.
   * Default: `disconnected`, code 1000 included.
   */
  ended?(end: SocketEnd): ProviderError | undefined;
}

/** How a dead connection is noticed. */
export interface HeartbeatOptions {
  /** Ms between two pings. Default: 15000. 0: none is sent. */
  readonly pingEveryMs?: number | undefined;
  /** What is sent. Default: a ping of the WebSocket protocol. */
  readonly ping?: string | Uint8Array | (() => string | Uint8Array) | undefined;
  /** Without any message, ping or pong for so many ms, the connection is closed. Default: 45000. 0: never. */
  readonly silenceMsMax?: number | undefined;
}

/** What is done before a supplier ends a connection for its age. */
export interface MaximumAge {
  /** Ms after which the supplier ends a connection. */
  readonly ageMs: number;
  /** How long before that it is replaced. Each time, up to as long again is taken off by chance. Default: 300000. */
  readonly marginMs?: number | undefined;
  /**
   * `overlap`: the next connection is subscribed first. What it sends is kept until the old one is closed, and then
   * handled: rows come twice there, and the session must leave out those whose sequence it has seen
   * (`SequenceFilter`). `break`: the old one is closed first, and a `gap` told: where one connection is allowed, or
   * rows have no sequence. Default: `break`.
   */
  readonly replace?: 'overlap' | 'break' | undefined;
  /** How long both connections deliver, in ms from the first rows of the new one on. Default: 2000. */
  readonly overlapMs?: number | undefined;
}

/**
 * Keeps a subscription over one socket after another, until `signal` aborts: connects through the gate, logs in,
 * subscribes, watches the connection, and begins anew with back-off when it ends. Tells the status of the provider,
 * and a `gap` from the last row until rows may come again.
 *
 * @returns Once `signal` has aborted and the socket is closed.
 * @throws {ProviderError} What a new connection does not help against: `authentication`, `entitlement`, `not-found`,
 *   `invalid-request`, `unsupported`. A bug of the session is thrown as it is.
 * @example
 * async streamTrades({ symbols }, writer, signal) {
 *   await keepConnected({
 *     provider: 'kraken', context, writer, signal, url,
 *     subscriptions: {
 *       channels: symbols,
 *       message: (symbol, id) => JSON.stringify({ method: 'subscribe', params: { channel: 'trade', symbol }, req_id: id }),
 *     },
 *     session: (connection) => ({
 *       frame(frame) {
 *         const trade = JSON.parse(frame.text());
 *         connection.rows(trade.ms);
 *         writer.trade(writer.symbolId(trade.s), trade.ms, 0, trade.price, trade.size);
 *       },
 *     }),
 *   });
 * }
 */
export async function keepConnected(_options: KeepConnectedOptions): Promise<void> {
  throw new Error('not yet');
}
