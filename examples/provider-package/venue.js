// @ts-check
import { ProviderError, responseError } from 'tickloom/stages';

/** @import { MarketDataProvider, ProviderContext, TickWriter, TradeWriter } from 'tickloom/stages' */
/** @typedef {{ url: string, apiKey: string }} Options */
/** @typedef {{ id: number, s: string, t: number, p: number, q: number, side: 'buy' | 'sell' }} Trade */

const WHO = 'Provider "example-venue"';
/** Indexes into TRADE_SIDES. */
const SIDES = { buy: 1, sell: 2 };

/**
 * Makes the provider. It calls nobody yet.
 * @param {Options} options
 * @param {ProviderContext} context
 * @returns {MarketDataProvider}
 */
export function createVenue(options, { gate, clock, status }) {
  return {
    async connect(signal) {
      await gate.call((own) => ask('/account', own), { signal });
      status({ state: 'connected' });
    },

    async streamTrades({ symbols }, writer, signal) {
      try {
        const query = new URLSearchParams({ symbols: symbols.join(',') });
        // The connection goes on after the call: it ends with the stream's signal, not with the call's.
        const response = await gate.call(() => request(`/stream?${query}`, signal), { signal });
        status({ state: 'subscribed' });
        for await (const line of linesOf(response)) {
          if (signal.aborted) return;
          const message = parse(line);
          if (!('heartbeat' in message)) write(writer, /** @type {Trade} */ (message));
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
      // Whoever ended it: if nobody asked for that, the source is disconnected.
    },

    async historicalTicks({ symbol, fromMs, toMs, cursor, rowsWanted }, writer, signal) {
      const query = new URLSearchParams({
        symbol,
        from: `${fromMs}`,
        to: `${toMs}`,
        after: `${cursor ?? 0}`,
        limit: `${Math.min(rowsWanted, 500)}`,
      });
      const page = await gate.call((own) => ask(`/trades?${query}`, own), { signal });
      const { trades, isLast } = /** @type {{ trades?: Trade[], isLast?: boolean }} */ (page);
      if (!Array.isArray(trades)) throw new ProviderError('protocol', `${WHO}: expected a list of trades`);
      for (const trade of trades) write(writer, trade);
      return isLast === true || trades.length === 0 ? null : (trades.at(-1)?.id ?? null);
    },

    async instruments({ cursor: _ }, signal) {
      const found = await gate.call((own) => ask('/instruments', own), { signal });
      const { symbols = [] } = /** @type {{ symbols?: string[] }} */ (found);
      return { items: symbols.map((symbol) => ({ symbol, assetClass: 'crypto' })), next: null };
    },
  };

  /** @param {string} path @param {AbortSignal} signal */
  async function request(path, signal) {
    const headers = { authorization: `Bearer ${options.apiKey}` };
    const response = await fetch(new URL(path, options.url), { headers, signal });
    if (response.ok) return response;
    await response.body?.cancel();
    throw responseError(response, WHO, Number(clock.wall()) / 1e6);
  }

  /** @param {string} path @param {AbortSignal} signal @returns {Promise<unknown>} */
  async function ask(path, signal) {
    return (await request(path, signal)).json();
  }
}

/** @param {TradeWriter | TickWriter} writer @param {Trade} trade */
function write(writer, { id, s, t, p, q, side }) {
  writer.trade(writer.symbolId(s), t, 0, p, q, SIDES[side], id);
}

/** @param {string} line @returns {object} */
function parse(line) {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new ProviderError('protocol', `${WHO}: expected a message as JSON`, { cause });
  }
}

/** @param {Response} response */
async function* linesOf({ body }) {
  if (!body) return;
  let rest = '';
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
