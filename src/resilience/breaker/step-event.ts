import type { BreakerEvent } from './breaker-event.js';
import type { BreakerContext, BreakerStep } from './breaker-machine.js';
import type { BreakerGauges } from './trip-conditions.js';

/**
 * A step of the machine as an event for listeners.
 *
 * @param gauges - What the conditions had counted, if they opened the breaker.
 */
export function stepEvent(
  breaker: string,
  { state, event }: BreakerStep,
  { reason = 'none', openForMs, openings }: BreakerContext,
  gauges: BreakerGauges | undefined,
): BreakerEvent {
  switch (state) {
    case 'open':
      return { type: 'opened', breaker, reason, openForMs, openings, ...(gauges && { gauges }) };
    case 'halfOpen':
      return { type: 'halfOpened', breaker };
    case 'closed': {
      return { type: 'closed', breaker, cause: causeOf(event) };
    }
    case 'heldOpen':
      return { type: 'heldOpen', breaker };
    case 'disabled':
      return { type: 'disabled', breaker };
  }
}

function causeOf(event: BreakerStep['event']): Extract<BreakerEvent, { type: 'closed' }>['cause'] {
  if (event === 'probes.succeeded') return 'probes';
  if (event === 'told') return 'told';
  return event === 'enable' ? 'enabled' : 'reset';
}
