import type { CalendarData } from '../../calendars/calendar-data.js';
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

/** The calendar that all of them share; `undefined` if one does not know its own. */
export function calendarOfAll(inputs: readonly Input[]): CalendarData | undefined {
  const [first, ...others] = inputs.map(({ calendar }) => calendar);
  return others.every((other) => isSame(first, other)) ? first : undefined;
}

/** Data of a file may have crossed threads, and be there several times. */
const isSame = (a: CalendarData | undefined, b: CalendarData | undefined): boolean =>
  a === b || (a?.name === b?.name && JSON.stringify(a) === JSON.stringify(b));
