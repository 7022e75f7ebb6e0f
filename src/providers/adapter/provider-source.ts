import type { SourceFactory } from '../../engine/factories.js';
import type { HistoryCapabilities, StreamCapabilities } from '../../wire/provider-capabilities.js';
import { feedSchema } from '../contract/feed-schema.js';
import type { ProviderFactory } from '../contract/market-data-provider.js';
import { type FeedOptions, type FeedProvider, ownOptions } from '../contract/own-options.js';
import { HistorySource } from './history-source.js';
import { ProviderConnection } from './provider-connection.js';
import { StreamSource } from './stream-source.js';

/** Makes a provider into sources: one stream, or one history, for each. */
export function providerSource(
  provider: FeedProvider,
  factory: ProviderFactory<unknown>,
): SourceFactory<FeedOptions> {
  const { name, capabilities } = provider;
  return {
    plan: (options) => feedOf(options).schema,
    create(options, context) {
      const { schema, stream, history } = feedOf(options);
      const connection = new ProviderConnection(name, factory, ownOptions(options), context);
      return stream
        ? new StreamSource({ kind: stream.kind, schema, provider, feed: options, connection }, context)
        : new HistorySource(history.kind, schema, history.of, options, connection, context);
    },
  };

  /** @param options - Checked: the capabilities have what they ask for. */
  function feedOf({ stream, history, interval }: FeedOptions) {
    if (stream !== undefined) {
      const of = capabilities.streams?.[stream] as StreamCapabilities;
      return { schema: feedSchema(stream, of, interval), stream: { kind: stream, of } };
    }
    const kind = history as NonNullable<typeof history>; // one of both is there
    const of = capabilities.history?.[kind] as HistoryCapabilities;
    // Whatever a history says besides, its rows have times.
    return { schema: feedSchema(kind, { ...of, untimed: false }, interval), history: { kind, of } };
  }
}
