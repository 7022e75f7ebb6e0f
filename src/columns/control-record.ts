import type { Nanos } from '../core/units.js';

/**
 * Facts about the stream that travel in it, in order with the rows: operators reset or mark by
 * them, sinks can write them down. Times are event time, ns since 1970 UTC.
 */
export type ControlRecord =
  /** Data between two instants is known to be missing. Without a symbol: of all of them. */
  | {
      readonly type: 'gap';
      readonly from: Nanos;
      readonly to: Nanos;
      readonly symbol?: string;
      readonly reason: string;
    }
  /** Nothing has arrived since an instant, though something was due. */
  | { readonly type: 'stale'; readonly since: Nanos; readonly symbol?: string }
  /** From here on the rows come from another source. */
  | { readonly type: 'switched'; readonly at: Nanos; readonly from: string; readonly to: string }
  /** State that was built up from earlier rows no longer holds. */
  | { readonly type: 'reset'; readonly at: Nanos; readonly reason: string }
  /** No row earlier than `at` is expected any more. Without a symbol: of all of them. */
  | { readonly type: 'watermark'; readonly at: Nanos; readonly symbol?: string }
  /**
   * Nothing follows: the last record of a stream. `drained`: the source was asked to end before its
   * data did. `failed`: it broke off.
   */
  | { readonly type: 'end'; readonly how: 'completed' | 'drained' | 'failed' };

/** A record and where it stands: before row `row` of its batch (`row` = length: after the last). */
export interface PlacedControl {
  readonly row: number;
  readonly record: ControlRecord;
}
