/**
 * For authors of providers: what each of them would write again to talk to a supplier over sockets and HTTP.
 *
 * @module tickloom/network
 */
export type {
  Frame,
  HttpAnswer,
  Network,
  RequestOptions,
  Socket,
  SocketEnd,
  SocketListener,
  SocketOptions,
} from '../contract/network.js';
export type { BackOffOptions } from './back-off.js';
export {
  type BookChain,
  type BookChangeIds,
  type BookStart,
  type BookStep,
  BookSync,
  type BookSyncOptions,
  CONTIGUOUS_CHAIN,
  PREVIOUS_CHAIN,
} from './book-sync.js';
export type { HeartbeatOptions } from './heartbeat.js';
export { keepConnected } from './keep-connected.js';
export type { KeepConnectedOptions, MaximumAge } from './keep-connected-options.js';
export type { Connection, Session } from './kept-connection.js';
export { SequenceFilter } from './sequence-filter.js';
export type { Subscriptions } from './subscribe.js';
export { type BookChange, type BookSnapshot, SyncedBook, type SyncedBookOptions } from './synced-book.js';
