// @ts-check
import { keepConnected } from 'tickloom/network';
import { ProviderError, responseError } from 'tickloom/stages';

/** @import { MarketDataProvider, ProviderContext, TickWriter, TradeWriter } from 'tickloom/stages' */
/** @typedef {{ url: string, apiKey: string }} Options */
/** @typedef {{ id: number, s: string, t: number, p: number, q: number, side: 'buy' | 'sell' }} Trade */

const PROVIDER = 'example-venue';
const WHO = `Provider "${PROVIDER}"`;
/** Indexes into TRADE_SIDES. */
const SIDES = { buy: 1, sell: 2 };

/**
 * Makes the provider. It calls nobody yet.
 * @param {Options} options
 * @param {ProviderContext} context
 * @returns {MarketDataProvider}
 */
export function createVenue(options, context) {
  const { gate, network, clock } = context;
  const headers = { authorization: `Bearer ${options.apiKey}` };
  return {
    async connect(signal) {
      await ask('/account', signal);
    },

    // Connects again when the connection ends, and tells a gap then.
    async streamTrades({ symbols }, writer, signal) {
      const url = new URL('/stream', options.url);
      url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
      await keepConnected({
        provider: PROVIDER,
        context,
        writer,
        signal,
        url,
        socket: { headers },
        subscriptions: { channels: symbols, message: (channels) => JSON.stringify({ subscribe: channels }) },
        session: (connection) => ({
          frame(frame) {
            const message = JSON.parse(frame.text());
            if ('heartbeat' in message) return;
            const trade = /** @type {Trade} */ (message);
            connection.rows(trade.t);
            write(writer, trade);
          },
        }),
      });
    },

    async historicalTicks({ symbol, fromMs, toMs, cursor, rowsWanted }, writer, signal) {
      const query = new URLSearchParams({
        symbol,
        from: `${fromMs}`,
        to: `${toMs}`,
        after: `${cursor ?? 0}`,
        limit: `${Math.min(rowsWanted, 500)}`,
      });
      const page = await ask(`/trades?${query}`, signal, symbol);
      const { trades, isLast } = /** @type {{ trades?: Trade[], isLast?: boolean }} */ (page);
      if (!Array.isArray(trades)) throw new ProviderError('protocol', `${WHO}: expected a list of trades`);
      for (const trade of trades) write(writer, trade);
      return isLast === true || trades.length === 0 ? null : (trades.at(-1)?.id ?? null);
    },

    async instruments({ cursor: _ }, signal) {
      const { symbols = [] } = /** @type {{ symbols?: string[] }} */ (await ask('/instruments', signal));
      return { items: symbols.map((symbol) => ({ symbol, assetClass: 'crypto' })), next: null };
    },
  };

  /**
   * Every request passes the gate, which makes it again where that helps.
   * @param {string} path @param {AbortSignal} signal @param {string} [label] @returns {Promise<unknown>}
   */
  function ask(path, signal, label) {
    const request = async (/** @type {AbortSignal} */ own) => {
      const answer = await network.request(new URL(path, options.url), { headers, signal: own, label });
      if (answer.status === 200) return answer.json();
      throw responseError(answer, WHO, Number(clock.wall()) / 1e6);
    };
    return gate.call(request, { signal });
  }
}

/** @param {TradeWriter | TickWriter} writer @param {Trade} trade */
function write(writer, { id, s, t, p, q, side }) {
  writer.trade(writer.symbolId(s), t, 0, p, q, SIDES[side], id);
}
