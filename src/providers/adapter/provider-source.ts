import type { SourceFactory } from '../../engine/factories.js';
import type { StageContext } from '../../engine/stage.js';
import type { HistoryCapabilities, StreamCapabilities } from '../../wire/provider-capabilities.js';
import { feedSchema } from '../contract/feed-schema.js';
import type { ProviderFactory } from '../contract/market-data-provider.js';
import { captureFiles, type FeedOptions, type FeedProvider, ownOptions } from '../contract/own-options.js';
import { type FeedMeans, fromNetwork } from '../network/feed-means.js';
import { HistorySource } from './history-source.js';
import { ProviderConnection } from './provider-connection.js';
import { StreamSource } from './stream-source.js';

/** Says what feeds a source whose options name a capture. */
type FromCaptures = (
  provider: string,
  options: FeedOptions,
  context: StageContext,
  network: () => FeedMeans,
) => FeedMeans;

/**
 * Makes a provider into sources: one stream, or one history, for each.
 *
 * @param fromCaptures - Loaded if the options name a capture.
 */
export function providerSource(
  provider: FeedProvider,
  factory: ProviderFactory<unknown>,
  fromCaptures?: FromCaptures,
): SourceFactory<FeedOptions> {
  const { name, capabilities } = provider;
  return {
    plan: (options) => feedOf(options).schema,
    files: captureFiles,
    create(options, stageContext) {
      const { schema, stream, history } = feedOf(options);
      const network = () => fromNetwork(name, stageContext);
      const means = fromCaptures?.(name, options, stageContext, network) ?? network();
      const context = { ...stageContext, clock: means.clock };
      const connection = new ProviderConnection(name, factory, ownOptions(options), means, stageContext);
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
