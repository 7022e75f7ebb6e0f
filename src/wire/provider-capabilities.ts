/** The version of the provider contract that this release knows. */
export const PROVIDER_CONTRACT = 1;

/** What can be traded. A provider names the classes that it has data of. */
export const ASSET_CLASSES = [
  'equity',
  'fund',
  'index',
  'fx',
  'crypto',
  'future',
  'perpetual',
  'option',
  'bond',
  'commodity',
] as const;
/** A class of assets. */
export type AssetClass = (typeof ASSET_CLASSES)[number];

/** The kinds of rows that a provider can stream, as specs name them. */
export const STREAM_KINDS = ['trades', 'quotes', 'book', 'bars'] as const;
/** A kind of rows that a provider can stream. */
export type StreamKind = (typeof STREAM_KINDS)[number];

/** The kinds of rows that a provider can have a history of, as specs name them. */
export const HISTORY_KINDS = ['trades', 'quotes', 'bars'] as const;
/** A kind of rows that a provider can have a history of. */
export type HistoryKind = (typeof HISTORY_KINDS)[number];

/**
 * How the rows of a stream are numbered by the provider. A `gap` and a `reset` begin the numbers anew: the row after
 * one may have any. The levels of one update of a book have the number of the update.
 */
export interface SequenceNumbers {
  /**
   * Name of the space that the numbers belong to, such as `binance-spot-trades`. Numbers are compared only
   * within one space: two streams with the same space number the same rows in the same way.
   */
  readonly space: string;
  /** Whether each symbol is numbered on its own, or all rows of the stream together. */
  readonly scope: 'symbol' | 'stream';
  /** `one`: each number is one more than the last, so a larger step is a gap. `up`: numbers only grow. */
  readonly step: 'one' | 'up';
}

/** What the rows of a stream or of a history have. */
export interface RowCapabilities {
  /** The optional standard columns that are filled, such as `size` and `side`: see `STANDARD_COLUMNS`. */
  readonly columns?: readonly string[] | undefined;
  /** If set, the rows have a column `sequence` (int64). */
  readonly sequence?: SequenceNumbers | undefined;
  /** For bars: the intervals that there are, such as `1m`. */
  readonly intervals?: readonly string[] | undefined;
}

/** What the rows of a stream have, and what becomes of those that are missed. */
export interface StreamCapabilities extends RowCapabilities {
  /** `resumable`: what was missed can be fetched from the history. `live-only`: it is lost. */
  readonly delivery: 'resumable' | 'live-only';
  /** Whether some rows come without a time of the exchange. If so, they have a column `untimed` (boolean). */
  readonly untimed?: boolean | undefined;
  /** How many ms a row may come after later ones of its symbol. Default: 0, each symbol is in order. */
  readonly maxDelayMs?: number | undefined;
}

/** A history. It is replayable: the same cursor always gives the same rows. */
export interface HistoryCapabilities extends RowCapabilities {
  /** The first instant that it has, as ISO 8601 with an offset. */
  readonly since?: string | undefined;
  /** How far it goes back from now, in ms. */
  readonly depthMs?: number | undefined;
  /**
   * After how many ms at most a row is in it; of a bar, after its end. If set, a history without rows says that there were none until so long
   * ago; otherwise only a later row says so.
   */
  readonly lagMs?: number | undefined;
}

/** A limit that a provider publishes. Budgets are declared in the settings: this says what to declare. */
export interface RateScope {
  /** What is limited: `rest`, `orders`, `connections`. */
  readonly scope: string;
  /** Permits for each period. */
  readonly permits: number;
  readonly perMs: number;
  /** `bucket` refills all the time; `window` counts the calls of the last period. Default: `bucket`. */
  readonly meter?: 'bucket' | 'window' | undefined;
}

/** What a provider can do. Plain data: it is known without its code, and crosses to other threads. */
export interface ProviderCapabilities {
  readonly streams?: { readonly [Kind in StreamKind]?: StreamCapabilities | undefined } | undefined;
  readonly history?: { readonly [Kind in HistoryKind]?: HistoryCapabilities | undefined } | undefined;
  /** Whether it has `optionsChain`. */
  readonly optionsChain?: boolean | undefined;
  /** Whether it has `instruments`. */
  readonly instruments?: boolean | undefined;
  readonly assetClasses: readonly AssetClass[];
  /** The only symbols that there are. Default: only the provider itself knows which there are. */
  readonly symbols?: readonly string[] | undefined;
  /** Most symbols in one source. Default: 1000. */
  readonly symbolsMax?: number | undefined;
  readonly rates?: readonly RateScope[] | undefined;
  /** Names of the calendars with the sessions of each asset class, such as `{ equity: 'XNYS' }`. */
  readonly calendars?: { readonly [Class in AssetClass]?: string | undefined } | undefined;
}

/** What is known of a provider where its code is not loaded. */
export interface DeclaredProvider {
  /** Number of the contract that it was written for. */
  readonly contract: number;
  readonly capabilities: ProviderCapabilities;
}

/** The default of `symbolsMax`. */
export const SYMBOLS_MAX = 1_000;
