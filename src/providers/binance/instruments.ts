import { ProviderError } from '../../core/provider-error.js';
import { cutList } from '../../core/shown-text.js';
import type { Instrument } from '../contract/market-data-provider.js';
import { decimalIn } from './decimals.js';
import type { BinanceMarket } from './markets.js';
import type { BinanceRest } from './rest.js';

type Fields = Readonly<Record<string, unknown>>;
const PATH = 'exchangeInfo';

/** All that can be asked for, with the smallest steps of prices and sizes. */
export async function fetchInstruments(
  rest: BinanceRest,
  { weights, isUsdm }: BinanceMarket,
  signal: AbortSignal,
): Promise<readonly Instrument[]> {
  const symbols = await fetchSymbols(rest, {}, weights.exchangeInfo, signal);
  return symbols.map((fields) => instrumentOf(fields, isUsdm));
}

/**
 * Checks that there are these symbols: a stream of one that there is not is confirmed, and stays mute.
 *
 * @returns Those that are not traded now.
 * @throws {ProviderError} `invalid-request` if one is not in upper case, or there is none.
 */
export async function checkSymbols(
  rest: BinanceRest,
  { name, weights, symbolsPerRequest }: BinanceMarket,
  symbols: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const lower = symbols.filter((symbol) => symbol !== symbol.toUpperCase());
  if (lower.length > 0) throw refused(name, 'symbols in upper case', lower);
  const statuses = new Map<unknown, unknown>();
  const step = symbolsPerRequest > 0 ? symbolsPerRequest : symbols.length;
  for (let at = 0; at < symbols.length; at += step) {
    const some = symbols.slice(at, at + step);
    const narrowed = symbolsPerRequest > 0 ? { symbols: JSON.stringify(some) } : {};
    for (const { symbol, status } of await fetchSymbols(rest, narrowed, weights.exchangeInfo, signal)) {
      statuses.set(symbol, status);
    }
  }
  const unknown = symbols.filter((symbol) => !statuses.has(symbol));
  if (unknown.length > 0) throw refused(name, 'symbols that the venue has', unknown);
  return symbols.filter((symbol) => statuses.get(symbol) !== 'TRADING');
}

const refused = (name: string, expected: string, symbols: readonly string[]): ProviderError =>
  new ProviderError(
    'invalid-request',
    `Provider "${name}": expected ${expected}, found ${cutList(symbols, 10)}`,
  );

async function fetchSymbols(
  rest: BinanceRest,
  parameters: Readonly<Record<string, string>>,
  weight: number,
  signal: AbortSignal,
): Promise<readonly Fields[]> {
  const answer = (await rest.get(PATH, parameters, weight, signal)) as Fields | null;
  const symbols = answer?.symbols;
  if (!Array.isArray(symbols)) return rest.refuse(PATH, 'a list "symbols"', symbols);
  return symbols.map((each: unknown) => {
    const symbol = (each as Fields | null)?.symbol;
    return typeof symbol === 'string' && symbol !== ''
      ? (each as Fields)
      : rest.refuse(PATH, 'a symbol', each);
  });
}

function instrumentOf(fields: Fields, isUsdm: boolean): Instrument {
  const { symbol, quoteAsset, contractType, filters } = fields;
  const stepOf = (type: string, name: string) => {
    const filter = (Array.isArray(filters) ? (filters as Fields[]) : []).find(
      (each) => each?.filterType === type,
    );
    const step = decimalIn(filter?.[name]);
    return step > 0 ? step : undefined;
  };
  const isPerpetual = typeof contractType === 'string' && contractType.includes('PERPETUAL');
  return {
    symbol: symbol as string, // `fetchSymbols` has looked
    assetClass: isUsdm ? (isPerpetual ? 'perpetual' : 'future') : 'crypto',
    tickSize: stepOf('PRICE_FILTER', 'tickSize'),
    lotSize: stepOf('LOT_SIZE', 'stepSize'),
    ...(typeof quoteAsset === 'string' && { currency: quoteAsset }),
  };
}
