import type { NotRun } from './bench-result.js';
import type { BinanceFrames } from './binance-frames.js';

/** Not a dependency: 67 MB. */
const PACKAGE = 'ccxt';
const INSTALL = 'npm install --no-save --ignore-scripts ccxt@4.5.84';

/** Makes of the data of a message what ccxt makes of it. */
export type CcxtParser = (data: object) => object;

export interface CcxtParsers {
  /** `undefined`: ccxt has no parser for it that does no more than this. It applies updates of books to a book. */
  parserOf(set: BinanceFrames): CcxtParser | undefined;
}

/** As much of an exchange of ccxt as is needed here. */
interface Exchange {
  markets: object;
  setMarkets(markets: readonly object[]): void;
  safeMarket(id: string, market: undefined, delimiter: undefined, type: string): object;
  parseWsTrade(message: object, market: object): object;
  parseWsTicker(message: object, type: string): object;
}

/** ccxt, if it is installed; or why it is not used. */
export async function openCcxt(): Promise<CcxtParsers | NotRun> {
  let Binance: new () => Exchange;
  try {
    const { default: ccxt } = (await import(PACKAGE)) as {
      readonly default: { readonly pro: { readonly binance: new () => Exchange } };
    };
    Binance = ccxt.pro.binance;
  } catch (error) {
    const { code = 'an error' } = error as NodeJS.ErrnoException;
    return { name: 'ccxt', ours: false, notRun: `it could not be loaded: ${code} (${INSTALL})` };
  }
  return {
    parserOf({ channel, market, symbols }) {
      const exchange = new Binance();
      const type = market === 'spot' ? 'spot' : 'contract';
      exchange.setMarkets(symbols.map((symbol) => marketOf(symbol, market)));
      if (channel === 'bookTicker') return (data) => exchange.parseWsTicker(data, type);
      if (channel !== 'trade') return undefined;
      return (data) => {
        const { s } = data as { readonly s: string };
        return exchange.parseWsTrade(data, exchange.safeMarket(s, undefined, undefined, type));
      };
    },
  };
}

function marketOf(id: string, market: BinanceFrames['market']): object {
  const base = id.slice(0, -4);
  const isSwap = market === 'usdm';
  return {
    id,
    base,
    quote: 'USDT',
    baseId: base,
    quoteId: 'USDT',
    symbol: isSwap ? `${base}/USDT:USDT` : `${base}/USDT`,
    type: isSwap ? 'swap' : 'spot',
    spot: !isSwap,
    swap: isSwap,
    contract: isSwap,
    linear: isSwap,
    contractSize: isSwap ? 1 : undefined,
    active: true,
    precision: {},
    limits: {},
  };
}
