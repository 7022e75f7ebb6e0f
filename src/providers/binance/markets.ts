import { type BookChain, CONTIGUOUS_CHAIN, PREVIOUS_CHAIN } from '../network/book-sync.js';
import { AGGREGATED_TRADES, SINGLE_TRADES, type TradeForm } from './decode-trades.js';

/** How one market of the venue differs from the other. */
export interface BinanceMarket {
  readonly name: 'binance-spot' | 'binance-usdm' | 'binance-usdm-agg';
  /** Beginning of the paths of its requests. */
  readonly restPath: string;
  /** Path of the sockets. */
  readonly streamPath: string;
  /** Path of the sockets that bars come over. */
  readonly barPath: string;
  /** Whether its quotes have times, its updates of books name the one before, and its trades say where they come from. */
  readonly isUsdm: boolean;
  readonly chain: BookChain;
  /** What its trades are. */
  readonly trades: TradeForm;
  readonly weights: {
    readonly exchangeInfo: number;
    readonly historicalTrades: number;
    readonly aggTrades: number;
    /** Of a page of `BARS_MAX`. */
    readonly klines: number;
    /** Of a snapshot of so many levels. */
    readonly depth: Readonly<Record<number, number>>;
  };
  /** Symbols that a request for `exchangeInfo` can be narrowed to; 0: it always has all. */
  readonly symbolsPerRequest: number;
  /** Most trades in a page. */
  readonly tradesMax: number;
}

/** Bars in a page. */
export const BARS_MAX = 1_000;

/**
 * Weights and limits: "Market Data endpoints" and "Websocket Limits" of the spot API documentation. The chain of updates
 * and the first one after a snapshot: "How to manage a local order book correctly".
 */
export const SPOT: BinanceMarket = {
  name: 'binance-spot',
  restPath: '/api/v3',
  streamPath: '/stream',
  barPath: '/stream',
  isUsdm: false,
  chain: CONTIGUOUS_CHAIN,
  trades: SINGLE_TRADES,
  weights: {
    exchangeInfo: 20,
    historicalTrades: 25,
    aggTrades: 4,
    klines: 2,
    depth: { 100: 5, 500: 25, 1000: 50, 5000: 250 },
  },
  symbolsPerRequest: 100,
  tradesMax: 1_000,
};

/**
 * Since April 2026 the sockets of USD-M futures are split by what they send ("Important WebSocket Change Notice"):
 * `/public` has quotes and books, `/market` has aggregated trades and bars. A stream that is asked for at the wrong path
 * is confirmed, and stays mute. The stream of single trades is in no list. It was seen to come from `/public` and to be
 * mute on `/market`.
 */
export const USDM: BinanceMarket = {
  name: 'binance-usdm',
  restPath: '/fapi/v1',
  streamPath: '/public/stream',
  barPath: '/market/stream',
  isUsdm: true,
  chain: PREVIOUS_CHAIN,
  trades: SINGLE_TRADES,
  weights: {
    exchangeInfo: 1,
    historicalTrades: 20,
    aggTrades: 20,
    klines: 5,
    depth: { 100: 5, 500: 10, 1000: 20 },
  },
  symbolsPerRequest: 0,
  tradesMax: 500,
};

/**
 * The aggregated trades of USD-M futures: documented, and with a history that needs no key. Their ids are of another
 * space than those of single trades, so they are a provider of their own.
 */
export const USDM_AGGREGATED: BinanceMarket = {
  ...USDM,
  name: 'binance-usdm-agg',
  streamPath: '/market/stream',
  trades: AGGREGATED_TRADES,
  tradesMax: 1_000,
};
