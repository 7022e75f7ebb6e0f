import { assertFunction, assertMapping, assertSignal } from '../../core/assert-argument.js';
import type { KeepConnectedOptions } from './keep-connected-options.js';
import { Keeper } from './keeper.js';

/**
 * Keeps a subscription over one socket after another, until `signal` aborts: connects through the gate, logs in,
 * subscribes, watches the connection, and begins anew with back-off when it ends. Tells the status of the provider,
 * and a `gap` from the last row until rows may come again.
 *
 * @returns Once `signal` has aborted and the socket is closed.
 * @throws {InvalidOptionsError} if a part of the options is missing.
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
export async function keepConnected(options: KeepConnectedOptions): Promise<void> {
  assertMapping('keepConnected', options);
  assertFunction('keepConnected: session', options.session);
  assertMapping('keepConnected: context', options.context);
  assertMapping('keepConnected: writer', options.writer);
  assertMapping('keepConnected: signal', options.signal);
  assertSignal('keepConnected', options.signal);
  await new Keeper(options).run();
}
