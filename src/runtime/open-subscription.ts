import { assertMapping } from '../core/assert-argument.js';
import type { Clock } from '../core/clock.js';
import { parseOptions } from '../settings/parse-options.js';
import type { TopicRegistry } from '../topics/topic-registry.js';
import { TopicSubscription } from '../topics/topic-subscription.js';
import { type SubscribeOptions, SubscribeSettings } from './subscribe-options.js';

export interface SubscriptionContext {
  readonly topics: TopicRegistry;
  readonly clock: Clock;
  /** @throws {PipelineError} `RUNTIME_CLOSED`. */
  assertOpen(): void;
  onClose(closed: TopicSubscription): void;
}

/**
 * Subscribes to a topic as the options say.
 *
 * @throws {InvalidOptionsError}
 * @throws {PipelineError} `RUNTIME_CLOSED`.
 */
export function openSubscription(
  topic: string,
  options: SubscribeOptions,
  context: SubscriptionContext,
): TopicSubscription {
  assertMapping('subscribe', options);
  const { signal, ...input } = options;
  const problems =
    signal && !(signal instanceof AbortSignal) ? ['subscribe.signal: expected an AbortSignal'] : [];
  const settings = parseOptions('subscribe', SubscribeSettings, { ...input, topic }, problems);
  context.assertOpen();
  const { batchRows, producerEnds, producerLost, topic: name, ...rest } = settings;
  const { overflow } = rest;
  return new TopicSubscription({
    topic: name,
    settings: { ...rest, overflow },
    batchRows,
    producerEnds,
    producerLost,
    signal,
    links: { connect: () => context.topics.connect(`a subscription to "${name}"`) },
    clock: context.clock,
    onClose: (closed) => context.onClose(closed),
  });
}
