import type { TradingCalendar } from '../../calendars/trading-calendar.js';
import { formatIsoNanos } from '../../columns/iso-nanos.js';
import { PipelineError } from '../../core/errors.js';
import { nanos } from '../../core/units.js';

/**
 * For a row at a time of which its calendar does not know whether the market is open, where that ends the job.
 *
 * @param advice - What goes on in place of that.
 */
export function unknownHours(
  { name, from, to }: Pick<TradingCalendar, 'name' | 'from' | 'to'>,
  atNs: bigint,
  advice: string,
): PipelineError {
  const message =
    `A row at ${formatIsoNanos(nanos(atNs))}: expected a time of which the calendar "${name}" knows whether the market is open, ` +
    `found one that it does not know (its dates are ${from} to ${to}); ${advice}`;
  return new PipelineError('CALENDAR_RANGE', message);
}
