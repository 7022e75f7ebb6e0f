import { z } from 'zod';
import { TopicName } from '../settings/topic-name.js';
import { TopicSourceOptions } from '../stages/sources/topic/options.js';

const batchRows = 'expected 1 to 65536 rows';
const { overflow, rows, bytes, ringBytes, producerEnds, producerLost } = TopicSourceOptions.shape;

/** What `subscribe` is given, besides a signal: the options of a source `topic`. */
export const SubscribeSettings = z.strictObject({
  topic: TopicName,
  overflow,
  rows,
  bytes,
  ringBytes,
  producerEnds,
  producerLost,
  /** Rows that a batch has room for. */
  batchRows: z.int(batchRows).min(1, batchRows).max(65_536, batchRows).default(8_192),
});

/** Options of a subscription to a topic: those of the source `topic`, and a signal. */
export interface SubscribeOptions extends Omit<z.input<typeof SubscribeSettings>, 'topic'> {
  /** Ends the subscription: its loop throws the reason. */
  readonly signal?: AbortSignal | undefined;
}
