// @ts-check
import { ProviderError } from 'tickloom/stages';

/** @import { MarketDataProvider, ProviderContext } from 'tickloom/stages' */
/** @typedef {{ everyMs: number, breaksOffAfter?: number | undefined }} Options */

const SYMBOLS = ['BTC-USD', 'ETH-USD', 'LTC-USD', 'SOL-USD', 'XRP-USD'];
/** Instruments in a page of the list. */
const PAGE = 2;
/** The script has one outage, and the provider is made anew after it. */
let hasBrokenOff = false;

/**
 * Makes the provider.
 * @param {Options} options
 * @param {ProviderContext} context
 * @returns {MarketDataProvider}
 */
export function createVenue({ everyMs, breaksOffAfter }, { clock, gate, random, status }) {
  return {
    // Every call for quotes passes the gate, as it would on a network: so a budget paces the stream.
    async streamQuotes({ symbols }, writer, signal) {
      const ids = symbols.map((symbol) => writer.symbolId(symbol));
      const middles = symbols.map((_, i) => 100 * (i + 1));
      status({ state: 'subscribed' });
      for (let calls = 1; !signal.aborted; calls++) {
        try {
          await gate.call(async () => {}, { signal });
        } catch (error) {
          if (signal.aborted) return;
          throw error;
        }
        if (!hasBrokenOff && breaksOffAfter !== undefined && calls > breaksOffAfter) {
          hasBrokenOff = true;
          throw new ProviderError('disconnected', 'the venue broke off, as its script says');
        }
        const ms = Number(clock.wall() / 1_000_000n);
        for (const [i, id] of ids.entries()) {
          const middle = (middles[i] ?? 0) + Math.round(random() * 10 - 5) / 100;
          middles[i] = middle;
          writer.quote(id, ms, 0, middle - 0.01, middle + 0.01, 1, 1);
        }
        if (everyMs > 0) await waited(everyMs, signal);
      }
    },

    instruments({ cursor }, signal) {
      const from = typeof cursor === 'number' ? cursor : 0;
      return gate.call(
        async () => ({
          items: SYMBOLS.slice(from, from + PAGE).map((symbol) => ({
            symbol,
            assetClass: 'crypto',
            tickSize: 0.01,
          })),
          next: from + PAGE < SYMBOLS.length ? from + PAGE : null,
        }),
        { signal },
      );
    },
  };

  /** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
  function waited(ms, signal) {
    return new Promise((resolve) => {
      const end = () => {
        clock.clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = clock.setTimeout(end, ms);
      signal.addEventListener('abort', end, { once: true });
      if (signal.aborted) end();
    });
  }
}
