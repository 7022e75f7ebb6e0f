import type { EventOrder } from '../../columns/event-order.js';
import type { Input } from '../input.js';
import type { SourceCapabilities } from '../source-capabilities.js';

/** From the weakest to the strongest. */
const DELIVERIES = ['live-only', 'resumable', 'replayable'] as const;

/** What a source of several inputs can do: what all of them can. */
export function capabilitiesOfAll(inputs: readonly Input[]): SourceCapabilities {
  const delivery = DELIVERIES.find((one) => inputs.some(({ capabilities }) => capabilities.delivery === one));
  return {
    delivery: delivery ?? 'replayable',
    bounded: inputs.every(({ capabilities }) => capabilities.bounded),
  };
}

/** The event order that all of them promise. */
export function orderOfAll(inputs: readonly Input[]): EventOrder {
  const scope = inputs.every(({ order }) => order.scope === 'all') ? 'all' : 'symbol';
  return { scope, maxDelayNs: Math.max(0, ...inputs.map(({ order }) => order.maxDelayNs)) };
}
