import type { ProviderDefinition } from '../../src/providers/contract/define-provider.js';
import type {
  MarketDataProvider,
  ProviderContext,
} from '../../src/providers/contract/market-data-provider.js';
import type { ProviderCheckOptions } from '../../src/testing/check-options.js';
import { checkProvider } from '../../src/testing/check-provider.js';
import { fakeProvider } from '../../src/testing/fake-provider.js';
import type { FakeScript } from '../../src/testing/fake-script.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import type { ProviderCapabilities } from '../../src/wire/provider-capabilities.js';

const DAY_MS = Date.UTC(2024, 0, 1);
/** The wall time of a virtual clock that begins. */
export const NOW_MS = 1_700_000_000_000;
export const trade = (i: number) => ({ symbol: 'BTC', timeMs: DAY_MS + i * 1_000, price: 100 + i, size: 1 });

/** A provider with everything, that keeps the contract. */
export const SOUND: FakeScript = {
  connectMs: 100,
  trades: [
    { afterMs: 500, trade: { symbol: 'BTC', price: 100, size: 1 } },
    { afterMs: 500, trade: { symbol: 'BTC', price: 101, size: 2 } },
  ],
  book: [{ reset: 'snapshot' }, { level: { symbol: 'BTC', side: 'bid', price: 99, size: 3 } }],
  bars: [{ bar: { symbol: 'BTC', open: 1, high: 3, low: 1, close: 2 } }],
  history: { trades: Array.from({ length: 250 }, (_, i) => trade(i)), pageMs: 200 },
  instruments: [{ symbol: 'BTC', assetClass: 'crypto' }],
  optionsChain: [{ symbol: 'BTC-C', underlying: 'BTC', right: 'call', strike: 100, expiry: '2024-12-27' }],
};

export const OPTIONS = {
  symbols: ['BTC'],
  history: { from: '2024-01-01T00:00:00Z', to: '2024-01-02T00:00:00Z' },
  underlying: 'BTC',
} as const;

export const check = (definition: ProviderDefinition, options: Partial<ProviderCheckOptions> = {}) =>
  checkProvider(definition, { ...OPTIONS, clock: new VirtualClock(), ...options });

/** The checks that fail, with what was found. */
export async function failures(definition: ProviderDefinition, options: Partial<ProviderCheckOptions> = {}) {
  const { checks } = await check(definition, options);
  return Object.fromEntries(
    checks.flatMap(({ id, result, found }) => (result === 'failed' ? [[id, found]] : [])),
  );
}

type Make = (sound: MarketDataProvider, context: ProviderContext) => Partial<MarketDataProvider>;

/** The sound provider with some of its functions replaced. */
export function broken(
  make: Make,
  fields: Partial<ProviderDefinition> = {},
  script: FakeScript = SOUND,
): ProviderDefinition {
  const sound = fakeProvider(script);
  return {
    ...sound,
    load: async (options) => {
      const factory = await sound.load(options);
      return (given, context) => {
        const own = factory(given, context);
        const functions = [
          ...['connect', 'streamTrades', 'streamBook', 'streamBars', 'historicalTicks'],
          ...['instruments', 'optionsChain'],
        ] as (keyof MarketDataProvider)[];
        const bound = functions.map((name) => [name, (own[name] as () => unknown).bind(own)]);
        return { ...Object.fromEntries(bound), ...make(own, context) };
      };
    },
    ...fields,
  };
}

export const withCapabilities = (fields: Partial<ProviderCapabilities>) => ({
  capabilities: { ...fakeProvider(SOUND).capabilities, ...fields },
});
