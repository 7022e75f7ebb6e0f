import type { MarketDataProvider, ProviderFactory } from '../contract/market-data-provider.js';
import { writeBars, writeTrades } from './history.js';
import { fetchInstruments } from './instruments.js';
import { type BinanceMarket, SPOT, USDM } from './markets.js';
import type { BinanceOptions } from './options.js';
import { BinanceRest } from './rest.js';
import { type StreamParts, streamBook, streamQuotes, streamTrades } from './streams.js';

export const createSpot = providerOf(SPOT);
export const createUsdm = providerOf(USDM);

/** Makes the provider of a market. It needs no login, so nothing is called before something is asked for. */
function providerOf(market: BinanceMarket): ProviderFactory<BinanceOptions> {
  return (options, context): MarketDataProvider => {
    const rest = new BinanceRest(market, options, context);
    const partsOf = (symbols: readonly string[], signal: AbortSignal): StreamParts => {
      return { market, options, context, rest, symbols, signal };
    };
    return {
      streamTrades: ({ symbols }, writer, signal) => streamTrades(partsOf(symbols, signal), writer),
      streamQuotes: ({ symbols }, writer, signal) => streamQuotes(partsOf(symbols, signal), writer),
      streamBook: ({ symbols }, writer, signal) => streamBook(partsOf(symbols, signal), writer),
      historicalTicks: (request, writer, signal) => writeTrades(rest, market, request, writer, signal),
      historicalBars: (request, writer, signal) =>
        writeBars(rest, market, request, Number(context.clock.wall()) / 1e6, writer, signal),
      async instruments({ assetClass }, signal) {
        const all = await fetchInstruments(rest, market, signal);
        const items = all.filter((one) => assetClass === undefined || one.assetClass === assetClass);
        return { items, next: null };
      },
    };
  };
}
