import type { PlainData } from '../../core/plain-data.js';
import { ProviderError } from '../../core/provider-error.js';
import { describeValue } from '../../core/shown-text.js';
import { findNotPlain } from '../../wire/not-plain.js';
import type {
  Instrument,
  MarketDataProvider,
  OptionContract,
  Page,
} from '../contract/market-data-provider.js';
import { LIST_ITEMS_MAX, type ListItem, type ProviderList, readListItem } from '../contract/provider-list.js';
import { CursorRound } from './cursor-round.js';
import { orAborted } from './or-aborted.js';
import type { ProviderConnection } from './provider-connection.js';

/**
 * Reads a list of a provider to its end, page by page.
 *
 * @param take - Is given the items of each page.
 * @throws {ProviderError} what the provider throws; `protocol` for a page that is none, and for a list without end.
 */
export async function readList(
  connection: ProviderConnection,
  list: ProviderList,
  take: (items: readonly ListItem[]) => void,
): Promise<void> {
  const { name, signal } = connection;
  const wrong = (expected: string, found: string) =>
    new ProviderError(
      'protocol',
      `Provider "${name}", ${WHAT[list.kind]}: expected ${expected}, found ${found}`,
    );
  await connection.open(list.kind);
  const cursors = new CursorRound();
  let count = 0;
  for (let cursor: PlainData = null; ; ) {
    const page: Partial<Page<unknown>> | undefined = await orAborted(
      pageOf(connection.provider, list, cursor, signal),
      signal,
    );
    signal.throwIfAborted();
    const { items, next }: Partial<Page<unknown>> = page ?? {};
    if (!Array.isArray(items)) throw wrong('a page with its items', describeValue(items));
    count += items.length;
    if (count > LIST_ITEMS_MAX) throw wrong(`at most ${LIST_ITEMS_MAX} items`, 'more');
    const read = items.map((item: unknown) => {
      return readListItem(list.kind, item) ?? fail(wrong(ITEM[list.kind], describeValue(item)));
    });
    take(read.filter((item) => isWanted(item, list))); // whatever the provider makes of it
    if (next === null) return;
    if (next === undefined || findNotPlain(next) !== undefined) {
      throw wrong('a cursor that is plain data, or null after the last page', describeValue(next));
    }
    if (cursors.isClosedBy(next, cursor)) throw wrong('another cursor behind each page', 'one again');
    cursor = next;
  }
}

function isWanted(item: ListItem, list: ProviderList): boolean {
  if (list.kind === 'instruments') {
    return list.assetClass === undefined || (item as Instrument).assetClass === list.assetClass;
  }
  const { underlying, expiry } = item as OptionContract; // as the list is one of these
  return underlying === list.underlying && (list.expiry === undefined || expiry === list.expiry);
}

function fail(error: Error): never {
  throw error;
}

const WHAT = { instruments: 'instruments', optionsChain: 'options chain' } as const;
const ITEM = {
  instruments: 'an instrument with its symbol and its asset class',
  optionsChain: 'an option with its symbol, underlying, right, strike and day of expiry',
} as const;

async function pageOf(
  provider: MarketDataProvider,
  list: ProviderList,
  cursor: PlainData,
  signal: AbortSignal,
): Promise<Page<unknown> | undefined> {
  if (list.kind === 'instruments') {
    const { assetClass } = list;
    return provider.instruments?.({ assetClass, cursor }, signal);
  }
  const { underlying, expiry } = list;
  return provider.optionsChain?.({ underlying, expiry, cursor }, signal);
}
