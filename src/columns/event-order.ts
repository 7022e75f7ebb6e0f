/**
 * What each row of a stream promises about the times of later rows. Together with `watermark`
 * records, this is all that is known about the progress of event time.
 */
export interface EventOrder {
  /** Which rows the promise covers: those of `all` symbols, or only those of the row's own `symbol`. */
  readonly scope: 'all' | 'symbol';
  /** No later row in the scope is earlier than the time of this row minus this delay, in ns. */
  readonly maxDelayNs: number;
}

/** The default if nothing is known: the rows of each symbol are in order. */
export const SYMBOLS_IN_ORDER: EventOrder = { scope: 'symbol', maxDelayNs: 0 };
