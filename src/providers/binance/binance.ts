import type {
  MarketDataProvider,
  ProviderContext,
  ProviderFactory,
} from '../contract/market-data-provider.js';
import { writeAggregatedTrades, writeBars, writeTrades } from './history.js';
import { fetchInstruments } from './instruments.js';
import { type BinanceMarket, SPOT, USDM, USDM_AGGREGATED } from './markets.js';
import type { BinanceOptions, BookOptions } from './options.js';
import { BinanceRest } from './rest.js';
import { streamBars } from './stream-bars.js';
import { type StreamParts, streamBook, streamQuotes, streamTrades } from './streams.js';

export const createSpot = withBooks(SPOT);
export const createUsdm = withBooks(USDM);

/** Aggregated trades and bars alone: quotes and books come over sockets at another path. */
export const createUsdmAggregated: ProviderFactory<BinanceOptions> = (options, context) => {
  const { rest, partsOf, common } = commonOf(USDM_AGGREGATED, options, context);
  return {
    ...common,
    streamTrades: ({ symbols }, writer, signal) => streamTrades(partsOf(symbols, signal), writer),
    historicalTicks: (request, writer, signal) =>
      writeAggregatedTrades(rest, USDM_AGGREGATED, request, writer, signal),
  };
};

function withBooks(market: BinanceMarket): ProviderFactory<BinanceOptions & BookOptions> {
  return (options, context) => {
    const { rest, partsOf, common } = commonOf(market, options, context);
    return {
      ...common,
      streamTrades: ({ symbols }, writer, signal) => streamTrades(partsOf(symbols, signal), writer),
      streamQuotes: ({ symbols }, writer, signal) => streamQuotes(partsOf(symbols, signal), writer),
      streamBook: ({ symbols }, writer, signal) => streamBook(partsOf(symbols, signal), options, writer),
      historicalTicks: (request, writer, signal) => writeTrades(rest, market, request, writer, signal),
    };
  };
}

/** What the providers of all markets have. None needs a login, so nothing is called before something is asked for. */
function commonOf(market: BinanceMarket, options: BinanceOptions, context: ProviderContext) {
  const rest = new BinanceRest(market, options, context);
  const partsOf = (symbols: readonly string[], signal: AbortSignal): StreamParts => {
    return { market, options, context, rest, symbols, signal };
  };
  const common: Pick<MarketDataProvider, 'streamBars' | 'historicalBars' | 'instruments'> = {
    streamBars: ({ symbols, interval }, writer, signal) =>
      streamBars(partsOf(symbols, signal), interval, writer),
    historicalBars: (request, writer, signal) =>
      writeBars(rest, market, request, Number(context.clock.wall()) / 1e6, writer, signal),
    async instruments({ assetClass }, signal) {
      const all = await fetchInstruments(rest, market, signal);
      const items = all.filter((one) => assetClass === undefined || one.assetClass === assetClass);
      return { items, next: null };
    },
  };
  return { rest, partsOf, common };
}
