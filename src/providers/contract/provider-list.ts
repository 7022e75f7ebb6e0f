import { ASSET_CLASSES, type AssetClass } from '../../wire/provider-capabilities.js';
import type { Instrument, OptionContract } from './market-data-provider.js';

/** A list of a provider, and what of it is wanted. Plain data. */
export type ProviderList =
  | { readonly kind: 'instruments'; readonly assetClass?: AssetClass | undefined }
  | {
      readonly kind: 'optionsChain';
      readonly underlying: string;
      /** Only options that expire on this day, as `2024-12-20`. */
      readonly expiry?: string | undefined;
    };

/** What a list has: instruments, or options. */
export type ListItem = Instrument | OptionContract;

/** Items of a list. With more, it fails: nothing is left out in silence. */
export const LIST_ITEMS_MAX = 200_000;
/** Items that cross between threads in one go. */
export const ITEMS_AT_ONCE = 500;
const TEXT_CHARS_MAX = 200;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Copies what an item of a list has. Code of users made it.
 * @returns `undefined` if it is none.
 */
export function readListItem(kind: ProviderList['kind'], item: unknown): ListItem | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  return kind === 'instruments' ? instrumentIn(item as Fields) : optionIn(item as Fields);
}

function instrumentIn({ symbol, assetClass, tickSize, lotSize, currency }: Fields): Instrument | undefined {
  const known = ASSET_CLASSES.find((each) => each === assetClass);
  if (!isText(symbol) || known === undefined) return undefined;
  return {
    symbol,
    assetClass: known,
    ...(isStep(tickSize) && { tickSize }),
    ...(isStep(lotSize) && { lotSize }),
    ...(isText(currency) && { currency }),
  };
}

function optionIn(fields: Fields): OptionContract | undefined {
  const { symbol, underlying, right, strike, expiry, multiplier } = fields;
  const isSound = isText(symbol) && isText(underlying) && isDay(expiry) && typeof strike === 'number';
  if (!isSound || !Number.isFinite(strike) || (right !== 'call' && right !== 'put')) return undefined;
  return { symbol, underlying, right, strike, expiry, ...(isStep(multiplier) && { multiplier }) };
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= TEXT_CHARS_MAX;
const isStep = (value: unknown): value is number => Number.isFinite(value) && (value as number) > 0;
export const isDay = (value: unknown): value is string =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\d$/.test(value);
