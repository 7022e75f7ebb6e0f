import type { ColumnType } from '../../columns/schema.js';

/** The texts that feeds commonly use for the values of standard columns, in lower case. */
const USUAL: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  side: {
    unknown: ['', 'unknown', 'n'],
    buy: ['buy', 'b'],
    sell: ['sell', 's'],
    bid: ['bid', 'b', 'buy'],
    ask: ['ask', 'a', 'sell', 's', 'offer'],
  },
  action: {
    add: ['add', 'new', 'insert'],
    change: ['change', 'modify', 'update'],
    delete: ['delete', 'remove'],
    clear: ['clear', 'reset'],
    trade: ['trade', 'fill'],
  },
};

/**
 * Returns the texts for a value of an enum or a boolean if the spec names none: in lower case, in upper
 * case and capitalized.
 */
export function usualTexts(column: string, type: ColumnType, value: string): string[] {
  const texts =
    type === 'boolean'
      ? [value, value.slice(0, 1), value === 'true' ? '1' : '0']
      : (USUAL[column]?.[value] ?? [value]);
  const forms = texts.flatMap((text) => [
    text,
    text.toUpperCase(),
    text.slice(0, 1).toUpperCase() + text.slice(1),
  ]);
  return [...new Set(forms)];
}
