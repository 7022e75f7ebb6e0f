import type { Clock } from '../core/clock.js';
import type { ProviderErrorKind } from '../core/provider-error-table.js';

/** What a provider is checked with. */
export interface ProviderCheckOptions {
  /** The provider's own options, as a spec has them. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  /** Symbols with rows: each of them in the stream, and in the history. */
  readonly symbols: readonly string[];
  /** A span with rows of each symbol, as ISO 8601. Needed for a provider with a history. */
  readonly history?: { readonly from: string; readonly to: string } | undefined;
  /** An underlying with options. Needed for a provider with options chains. */
  readonly underlying?: string | undefined;
  /** Options with which a call has to fail, and the kind of that error: a wrong key, an unknown account. */
  readonly wrongOptions?:
    | readonly { readonly options: Readonly<Record<string, unknown>>; readonly kind: ProviderErrorKind }[]
    | undefined;
  /** A `VirtualClock` makes waits take no time. Default: that of the system. */
  readonly clock?: Clock | undefined;
  /** Rows that a stream has to deliver, one of each symbol among them. Default: 1. */
  readonly rowsMin?: number | undefined;
  /** Number of pages within which a history of the span, and each list, has to end. Default: 100. */
  readonly pagesMax?: number | undefined;
  /** Ms to wait for a row, a page or an answer. Default: 10000. */
  readonly waitMs?: number | undefined;
  /** Ms within which a function has to end once its signal aborts. Default: 10000. */
  readonly graceMs?: number | undefined;
  /** Ms to watch that something does not happen: a row while the gate is shut, or the end of a stream. Default: 500. */
  readonly watchMs?: number | undefined;
}
