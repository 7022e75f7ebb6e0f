import type { ProviderContext } from '../contract/market-data-provider.js';
import type { SocketOptions } from '../contract/network.js';
import type { RowWriter } from '../contract/row-writers.js';
import type { BackOffOptions } from './back-off.js';
import type { HeartbeatOptions } from './heartbeat.js';
import type { Connection, Session } from './kept-connection.js';
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
  /** Ms within which `opened` of a session must have ended, or the connection is given up. Default: 60000. */
  readonly openedMsMax?: number | undefined;
  readonly heartbeat?: HeartbeatOptions | undefined;
  readonly backOff?: BackOffOptions | undefined;
  /** For suppliers that end a connection after a known time. */
  readonly maximumAge?: MaximumAge | undefined;
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
   * (`SequenceFilter`). A session that waits for an answer (`acknowledgeMsMax`, `opened`) must say which messages have
   * rows (`hasRows`), or the answer would be kept as well. `break`: the old one is closed first, and a `gap` told: where one connection is allowed, or
   * rows have no sequence. Default: `break`.
   */
  readonly replace?: 'overlap' | 'break' | undefined;
  /** How long both connections deliver, in ms from the first rows of the new one on. Default: 2000. */
  readonly overlapMs?: number | undefined;
}
