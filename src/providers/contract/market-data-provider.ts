import type { Clock } from '../../core/clock.js';
import type { PlainData } from '../../core/plain-data.js';
import type { CallGate } from '../../engine/call-gate.js';
import type { Logger } from '../../telemetry/logger.js';
import type { AssetClass, HistoryKind } from '../../wire/provider-capabilities.js';
import type { Network } from './network.js';
import type {
  BarWriter,
  BookWriter,
  QuoteRow,
  QuoteWriter,
  RowWriter,
  TradeRow,
  TradeWriter,
} from './row-writers.js';

/**
 * A supplier of market data. It has the functions that its capabilities name, and no others are called.
 *
 * - Every request to the supplier passes `gate` of its context, logins, snapshots and subscriptions included:
 *   the gate applies budget, breaker and the table of errors, and makes the request again where that can help.
 * - Every function ends soon after its `signal` aborts: a stream returns, the others reject with its reason.
 * - What goes wrong is thrown as a `ProviderError` of the right kind. Errors of `fetch`, of HTTP clients and
 *   of the network have their kind without it.
 * - All functions are called in the thread of one pipeline.
 */
export interface MarketDataProvider {
  /** Logs in, or checks that the supplier is there. Called once, before anything else. */
  connect?(signal: AbortSignal): Promise<void> | void;
  /** Writes trades until `signal` aborts. If it returns or throws before, the source is disconnected. */
  streamTrades?(request: StreamRequest, writer: TradeWriter, signal: AbortSignal): Promise<void>;
  /** The same with quotes. */
  streamQuotes?(request: StreamRequest, writer: QuoteWriter, signal: AbortSignal): Promise<void>;
  /** The same with changes of order books; a snapshot is a `reset`, and then all of its levels. */
  streamBook?(request: StreamRequest, writer: BookWriter, signal: AbortSignal): Promise<void>;
  /** The same with bars that have ended. */
  streamBars?(request: BarStreamRequest, writer: BarWriter, signal: AbortSignal): Promise<void>;
  /**
   * Writes one page of bars of a symbol, in order of time. The same cursor always gives the same rows.
   * @returns The cursor of the next page; `null` after the last one.
   */
  historicalBars?(request: BarHistoryRequest, writer: BarWriter, signal: AbortSignal): Promise<PlainData>;
  /** The same with trades or quotes, as `request.kind` says. */
  historicalTicks?(request: TickHistoryRequest, writer: TickWriter, signal: AbortSignal): Promise<PlainData>;
  /** A page of the options on an underlying. */
  optionsChain?(request: OptionsChainRequest, signal: AbortSignal): Promise<Page<OptionContract>>;
  /** A page of what can be asked for. */
  instruments?(request: InstrumentsRequest, signal: AbortSignal): Promise<Page<Instrument>>;
  /** Frees everything. Called once, also after a failure, and after all other functions have ended. */
  close?(): Promise<void> | void;
}

/** A writer of trades or quotes, whichever was asked for. */
export interface TickWriter
  extends RowWriter<TradeRow | QuoteRow>,
    Pick<TradeWriter, 'trade'>,
    Pick<QuoteWriter, 'quote'> {}

/** Makes a provider. It opens nothing: that is up to `connect` and the first call. */
export type ProviderFactory<Options> = (options: Options, context: ProviderContext) => MarketDataProvider;

/** What a provider is given. */
export interface ProviderContext {
  /** Name of the job. */
  readonly job: string;
  /** For every wait and time-out: tests run on virtual time. */
  readonly clock: Clock;
  readonly log: Logger;
  /** Takes every request to the supplier. */
  readonly gate: CallGate;
  /** Sockets and HTTP. A provider that uses nothing else can be recorded and replayed. */
  readonly network: Network;
  /**
   * For waits by chance: a seed reproduces them.
   * @returns A fraction, from 0 up to but not including 1.
   */
  random(): number;
  /** Tells how the connection is. */
  status(event: ProviderStatus): void;
}

/** How the connection of a provider is. It is in the health of the source, in its statistics and in the log. */
export interface ProviderStatus {
  readonly state: 'connecting' | 'connected' | 'subscribed' | 'degraded' | 'disconnected';
  /** Why, for `degraded` and `disconnected`. */
  readonly reason?: string | undefined;
}

/** What a stream is asked for. */
export interface StreamRequest {
  readonly symbols: readonly string[];
}

/** What a stream of bars is asked for. */
export interface BarStreamRequest extends StreamRequest {
  /** One of the `intervals` of the capabilities. */
  readonly interval: string;
}

/** Asks for a page of history. */
export interface HistoryRequest {
  readonly symbol: string;
  /** The first instant, in ms since 1970 UTC. */
  readonly fromMs: number;
  /** The instant before which the last row is, in ms since 1970 UTC. */
  readonly toMs: number;
  /** What the last page returned; `null` for the first one. */
  readonly cursor: PlainData;
  /** A good number of rows for a page. A page may have more or fewer. */
  readonly rowsWanted: number;
}

/** Asks for a page of trades or quotes. */
export interface TickHistoryRequest extends HistoryRequest {
  readonly kind: Exclude<HistoryKind, 'bars'>;
}

/** Asks for a page of bars. */
export interface BarHistoryRequest extends HistoryRequest {
  readonly interval: string;
}

/** A part of a list. */
export interface Page<Item> {
  readonly items: readonly Item[];
  /** The cursor of the next page; `null` after the last one. */
  readonly next: PlainData;
}

/** Asks for a page of an options chain. */
export interface OptionsChainRequest {
  readonly underlying: string;
  /** Only options that expire on this day, as `2024-12-20`. Default: all. */
  readonly expiry?: string | undefined;
  readonly cursor: PlainData;
}

/** An option on an underlying. */
export interface OptionContract {
  readonly symbol: string;
  readonly underlying: string;
  readonly right: 'call' | 'put';
  /** In quote currency. */
  readonly strike: number;
  /** The day of expiry, as `2024-12-20`. */
  readonly expiry: string;
  /** Units of the underlying in a contract. */
  readonly multiplier?: number | undefined;
}

/** Asks for a page of instruments. */
export interface InstrumentsRequest {
  /** Default: all classes. */
  readonly assetClass?: AssetClass | undefined;
  readonly cursor: PlainData;
}

/** Something that can be asked for. */
export interface Instrument {
  /** As specs name it in `symbols`. */
  readonly symbol: string;
  readonly assetClass: AssetClass;
  /** The smallest step of its price, in quote currency. */
  readonly tickSize?: number | undefined;
  /** The smallest step of its size, in units of what is traded. */
  readonly lotSize?: number | undefined;
  readonly currency?: string | undefined;
}
