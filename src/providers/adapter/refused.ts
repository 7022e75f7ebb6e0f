import { ProviderError } from '../../core/provider-error.js';

/** The error for a row that a provider could not have meant. */
export const refused = (message: string): ProviderError => new ProviderError('protocol', message);

export function refuseId(symbol: number): never {
  throw refused(`expected the id of a symbol, as symbolId returns it, found ${symbol}`);
}

export function refuseUntimed(): never {
  throw refused('expected a time of each row, found one without');
}

export function refuseTime(ms: number, sub: number): never {
  throw refused(`expected whole ms since 1970 and 0 to 999999 ns past them, found ${ms} and ${sub}`);
}
