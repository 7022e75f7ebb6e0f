/**
 * What each row of a stream promises about the times of those that follow it. Together with
 * `watermark` records, this is all that is known of the progress of event time.
 */
export interface EventOrder {
  /** For whom a row speaks: `all` symbols, or its own alone (`symbol`). */
  readonly scope: 'all' | 'symbol';
  /** No row that follows, of those it speaks for, is earlier than its time less this. In ns. */
  readonly maxDelayNs: number;
}

/** Where nothing is known: each symbol by itself comes in order. */
export const SYMBOLS_IN_ORDER: EventOrder = { scope: 'symbol', maxDelayNs: 0 };
