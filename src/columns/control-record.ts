import type { Nanos } from '../core/units.js';

/**
 * A fact about the stream that travels in it, in order with the rows. Operators reset their state or
 * mark rows when they see one, and sinks may record it. Times are event time, ns since 1970 UTC.
 */
export type ControlRecord =
  /** Data from an instant until just before another is known to be missing. Without `symbol`, for all symbols. */
  | {
      readonly type: 'gap';
      readonly from: Nanos;
      readonly to: Nanos;
      readonly symbol?: string;
      readonly reason: string;
    }
  /**
   * Rows from an instant until just before another were missing, and have been fetched: those in front of the record
   * are all there were, as far as no `gap` says otherwise. It stands in place of the `gap`.
   */
  | {
      readonly type: 'backfilled';
      readonly from: Nanos;
      readonly to: Nanos;
      readonly symbol?: string;
      /** How many were fetched. */
      readonly rows: number;
    }
  /** Nothing has arrived since an instant, though something was due. */
  | { readonly type: 'stale'; readonly since: Nanos; readonly symbol?: string }
  /**
   * From here on the rows come from another source. `seam`: `exact` if no row comes twice and every row that is
   * missing is told by a `gap` beside it; `unknown` if rows between `since` and `at` may be missing, or may come twice.
   */
  | {
      readonly type: 'switched';
      /** Time of the first row of the new source. */
      readonly at: Nanos;
      /** Time of the last row before; `at` if there was none. It may be later than `at`. */
      readonly since: Nanos;
      readonly from: string;
      readonly to: string;
      readonly reason: string;
      readonly seam: 'exact' | 'unknown';
    }
  /** State that was built up from earlier rows no longer holds. */
  | { readonly type: 'reset'; readonly at: Nanos; readonly reason: string }
  /** No more rows earlier than `at` are expected. Without `symbol`, for all symbols. */
  | { readonly type: 'watermark'; readonly at: Nanos; readonly symbol?: string }
  /**
   * The last record of a stream. `drained`: the source was asked to stop before its data ended.
   * `failed`: the source failed.
   */
  | { readonly type: 'end'; readonly how: 'completed' | 'drained' | 'failed' };

/** A record and its place: before row `row` of its batch (`row` = length: after the last row). */
export interface PlacedControl {
  readonly row: number;
  readonly record: ControlRecord;
}
