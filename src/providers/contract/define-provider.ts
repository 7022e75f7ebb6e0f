import type { z } from 'zod';
import type { Loads } from '../../engine/stage.js';
import type { PROVIDER_CONTRACT, ProviderCapabilities } from '../../wire/provider-capabilities.js';
import type { ProviderFactory } from './market-data-provider.js';

/**
 * A provider as its package declares it. It is loaded in every thread, so it contains neither the code of the
 * provider nor the schema of its options.
 */
export interface ProviderDefinition<Name extends string = string, Schema extends z.ZodType = z.ZodType> {
  /** Tells a provider from a component. */
  readonly kind: 'provider';
  /** The version of the contract that it was written for. */
  readonly contract: typeof PROVIDER_CONTRACT;
  /** The value of `use` in a spec. Unique among sources and providers. */
  readonly name: Name;
  /** What it supplies, in one line. */
  readonly summary: string;
  readonly capabilities: ProviderCapabilities;
  /** The kind of code that it loads into its thread. Default: `javascript`. */
  readonly loads?: Loads;
  /** Options that may change between two starts of a run, such as an address or a key. */
  readonly mayChange?: readonly string[];
  /**
   * Returns the schema of the provider's own options, a `z.strictObject`. A spec has these beside `stream` or
   * `history`, `symbols`, `interval`, `from` and `to`, which every provider has.
   */
  options(): Promise<Schema>;
  /** Loads what makes the provider. */
  load(options: z.output<Schema>): Promise<ProviderFactory<z.output<Schema>>>;
}

/**
 * Declares a provider. What it returns is plain: a package may write the same object by hand, or with another
 * release of Tickloom.
 *
 * @example
 * export default defineProvider({
 *   name: 'kraken',
 *   summary: 'Trades and quotes of Kraken.',
 *   contract: 1,
 *   capabilities: {
 *     assetClasses: ['crypto'],
 *     streams: { trades: { delivery: 'live-only', columns: ['size', 'side'] } },
 *   },
 *   options: async () => (await import('./options.js')).Options,
 *   load: async () => (await import('./kraken.js')).createKraken,
 * });
 */
export function defineProvider<const Name extends string, Schema extends z.ZodType>(
  definition: Omit<ProviderDefinition<Name, Schema>, 'kind'>,
): ProviderDefinition<Name, Schema> {
  return { kind: 'provider', ...definition };
}
