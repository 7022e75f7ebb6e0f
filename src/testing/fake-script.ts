import type { ProviderErrorKind } from '../core/provider-error-table.js';
import type {
  Instrument,
  OptionContract,
  ProviderStatus,
} from '../providers/contract/market-data-provider.js';
import type { BarRow, BookRow, GapNote, QuoteRow, TradeRow } from '../providers/contract/row-writers.js';
import type { ProviderCapabilities } from '../wire/provider-capabilities.js';

/**
 * What a fake provider does next in a stream. A row without a time has that at which it is written, unless its
 * capabilities say `untimed`.
 */
export type FakeStep = {
  /** Ms to wait before it, on the clock of the pipeline. Default: 0. */
  readonly afterMs?: number | undefined;
} & (
  | { readonly trade: TradeRow }
  | { readonly quote: QuoteRow }
  | { readonly level: BookRow }
  | { readonly bar: BarRow }
  | { readonly gap: GapNote }
  | { readonly reset: string }
  | { readonly stale: { readonly sinceMs: number; readonly symbol?: string | undefined } }
  | { readonly status: ProviderStatus }
  /** Throws an error of this kind. */
  | { readonly fail: ProviderErrorKind; readonly message?: string | undefined }
  /** Returns, as no live stream should. */
  | { readonly end: true }
  /** From here on it does not listen to its signal. */
  | { readonly deaf: true }
  /** Only waits, for `afterMs`. */
  | { readonly stall: true }
);

/** Steps of a stream, or those of its first start (0), its second (1) and so on. After the last it is silent. */
export type FakeStream = readonly FakeStep[] | ((start: number) => readonly FakeStep[]);

/** A fault of a call: of a login, or of a page of history. */
export interface FakeFault {
  readonly fail: ProviderErrorKind;
  /** For `throttled`: the pause that is asked for, in ms. */
  readonly retryAfterMs?: number | undefined;
}

/** What a fake provider has and does. */
export interface FakeScript {
  /** Default: `fake`. */
  readonly name?: string | undefined;
  /** Default: what the script has, for any symbol; all optional columns. */
  readonly capabilities?: ProviderCapabilities | undefined;
  /** Ms that `connect` takes. Default: 0. */
  readonly connectMs?: number | undefined;
  /** Faults of the first logins, in order. The gate makes the call again where its kind allows that. */
  readonly connectFaults?: readonly FakeFault[] | undefined;
  readonly trades?: FakeStream | undefined;
  readonly quotes?: FakeStream | undefined;
  readonly book?: FakeStream | undefined;
  readonly bars?: FakeStream | undefined;
  readonly history?: FakeHistory | undefined;
  /** What its stream does once symbols are asked for again. Default: it cannot be asked again. */
  readonly resubscribed?: ((symbols: readonly string[]) => readonly FakeStep[]) | undefined;
  readonly instruments?: readonly Instrument[] | undefined;
  readonly optionsChain?: readonly OptionContract[] | undefined;
}

/** Rows with a time, in order for each symbol. */
export interface FakeHistory {
  readonly trades?: readonly TradeRow[] | undefined;
  readonly quotes?: readonly QuoteRow[] | undefined;
  readonly bars?: readonly BarRow[] | undefined;
  /** Number of rows in a page. Default: 100. */
  readonly pageRows?: number | undefined;
  /** After how many ms of their time, or of the end of a bar, rows are in it. Default: all are, whatever the time. */
  readonly lagMs?: number | undefined;
  /** Ms that a page takes. Default: 0. */
  readonly pageMs?: number | undefined;
  /** Faults of the first calls for pages, in order. */
  readonly faults?: readonly FakeFault[] | undefined;
}
