import { defineProvider } from '../contract/define-provider.js';
import { SPOT_CAPABILITIES, USDM_AGGREGATED_CAPABILITIES, USDM_CAPABILITIES } from './capabilities.js';

/** May change between two starts of a run: where the venue is, and whose limits are used. */
const mayChange = ['restUrl', 'streamUrl', 'apiKey'];

const spot = defineProvider({
  name: 'binance-spot',
  summary: 'Binance spot: trades, quotes, books and bars live, trades and bars from its history.',
  contract: 1,
  capabilities: SPOT_CAPABILITIES,
  mayChange,
  options: async () => (await import('./options.js')).SpotOptions,
  load: async () => (await import('./binance.js')).createSpot,
});

const usdm = defineProvider({
  name: 'binance-usdm',
  summary: 'Binance USD-M futures: trades, quotes, books and bars live, trades and bars from its history.',
  contract: 1,
  capabilities: USDM_CAPABILITIES,
  mayChange,
  options: async () => (await import('./options.js')).UsdmOptions,
  load: async () => (await import('./binance.js')).createUsdm,
});

const usdmAggregated = defineProvider({
  name: 'binance-usdm-agg',
  summary: 'Binance USD-M futures: aggregated trades and bars, live and from a history that needs no key.',
  contract: 1,
  capabilities: USDM_AGGREGATED_CAPABILITIES,
  mayChange,
  options: async () => (await import('./options.js')).UsdmAggregatedOptions,
  load: async () => (await import('./binance.js')).createUsdmAggregated,
});

export default [spot, usdm, usdmAggregated] as const;
