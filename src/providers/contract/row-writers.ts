/** What all writers of rows have. The rows and records leave in the order in which they were written. */
export interface RowWriter<Row> {
  /** The id of a symbol, for the methods that take numbers. Ids do not change: look each one up once. */
  symbolId(symbol: string): number;
  /**
   * Writes a row from an object: comfortable, and slower than the method that takes numbers.
   * @throws {ProviderError} `protocol` if a value is missing or is not what its column holds.
   */
  write(row: Row): void;
  /**
   * Writes many rows at once, from columns.
   *
   * @param rows - How many.
   * @param columns - By name: an array with the storage of the column (see `Column`), or one number for all
   *   rows. `time` is a `BigInt64Array` of ns or a `Float64Array` of ms, both since 1970 UTC.
   * @throws {ProviderError} `protocol` if a column is missing, unknown or of another type.
   */
  writeColumns(rows: number, columns: Readonly<Record<string, RowColumn>>): void;
  /**
   * Rows from an instant until just before another are known to be missing. Of a reason, 500 characters are kept.
   * @throws {ProviderError} `protocol` if it ends before it begins. One without a length is that instant alone.
   */
  gap(gap: GapNote): void;
  /** What was built up from earlier rows no longer holds: a new snapshot follows. */
  reset(reason: string): void;
  /** Nothing has come since an instant, though something was due. */
  stale(sinceMs: number, symbol?: string): void;
  /**
   * Whether more rows fit without a wait. Rows that do not fit are dropped, and a `gap` tells of them: whoever
   * can make the supplier wait (pause its socket, ask for less) should.
   */
  readonly hasRoom: boolean;
  /** Resolves once `hasRoom`, and when nothing more is wanted. */
  whenRoom(): Promise<void>;
}

/** A column for `writeColumns`. */
export type RowColumn = number | BigInt64Array | Float64Array | Int32Array | Uint8Array;

/** Where rows are missing. */
export interface GapNote {
  /** Ms since 1970 UTC. */
  readonly fromMs: number;
  /** Ms since 1970 UTC; just after the last missing instant. */
  readonly toMs: number;
  /** Default: all symbols. */
  readonly symbol?: string | undefined;
  readonly reason: string;
}

/** What every row has. A row with neither `timeMs` nor `timeNs` gets the time at which it was received. */
export interface RowTimes {
  readonly symbol: string;
  /** Event time in ms since 1970 UTC; may have a fraction, which is exact to about 0.2 µs. */
  readonly timeMs?: number | undefined;
  /** Event time in ns since 1970 UTC. Goes before `timeMs`. */
  readonly timeNs?: bigint | undefined;
  /** Its number, where the capabilities have `sequence`. */
  readonly sequence?: number | bigint | undefined;
}

/** A trade. */
export interface TradeRow extends RowTimes {
  /** In quote currency. */
  readonly price: number;
  /** In units of what is traded. */
  readonly size?: number | undefined;
  /** Who took the offer. Default: `unknown`. */
  readonly side?: 'unknown' | 'buy' | 'sell' | undefined;
  /** Whether it does not come from the market, as one of an insurance fund. It stays out of bars. Default: false. */
  readonly offMarket?: boolean | undefined;
}

/** Best bid and ask. */
export interface QuoteRow extends RowTimes {
  /** In quote currency. */
  readonly bid: number;
  /** In quote currency. */
  readonly ask: number;
  /** In units of what is traded. */
  readonly bidSize?: number | undefined;
  /** In units of what is traded. */
  readonly askSize?: number | undefined;
}

/** A change of a level of an order book. */
export interface BookRow extends RowTimes {
  readonly side: 'bid' | 'ask';
  /** In quote currency. */
  readonly price: number;
  /** What is left at this price, in units of what is traded; 0 if the level is gone. */
  readonly size: number;
  /** Index of the level from the best price on. */
  readonly level?: number | undefined;
  /** Default: `change`. */
  readonly action?: 'add' | 'change' | 'delete' | 'clear' | 'trade' | undefined;
}

/** A bar that has ended. Its time is that of its beginning. */
export interface BarRow extends RowTimes {
  /** In quote currency. */
  readonly open: number | null;
  /** In quote currency. */
  readonly high: number | null;
  /** In quote currency. */
  readonly low: number | null;
  /** In quote currency. */
  readonly close: number | null;
  /** In units of what is traded. */
  readonly volume?: number | null | undefined;
  /** In quote currency. */
  readonly vwap?: number | null | undefined;
  /** Number of trades. */
  readonly count?: number | undefined;
}

/**
 * The methods that take numbers make no object for a row. `timeMs` is event time in whole ms since 1970 UTC (NaN:
 * the time at which the row is received), `subMsNs` the ns past it. Values of columns that the capabilities
 * do not have are ignored. They throw a `ProviderError` (`protocol`) for a value that is missing.
 */
export interface TradeWriter extends RowWriter<TradeRow> {
  /**
   * @param price - In quote currency.
   * @param size - In units of what is traded.
   * @param side - Index into `TRADE_SIDES`: 0 unknown, 1 buy, 2 sell.
   * @param offMarket - Index into `[false, true]`: 1, if it does not come from the market and stays out of bars.
   */
  trade(
    symbolId: number,
    timeMs: number,
    subMsNs: number,
    price: number,
    size?: number,
    side?: number,
    sequence?: number,
    offMarket?: number,
  ): void;
}

/** Writes quotes: see {@link TradeWriter} for the numbers. */
export interface QuoteWriter extends RowWriter<QuoteRow> {
  /**
   * @param bid - In quote currency.
   * @param ask - In quote currency.
   * @param bidSize - In units of what is traded.
   * @param askSize - In units of what is traded.
   */
  quote(
    symbolId: number,
    timeMs: number,
    subMsNs: number,
    bid: number,
    ask: number,
    bidSize?: number,
    askSize?: number,
    sequence?: number,
  ): void;
}

/** Writes changes of order books: see {@link TradeWriter} for the numbers. */
export interface BookWriter extends RowWriter<BookRow> {
  /**
   * @param side - Index into `BOOK_SIDES`: 0 bid, 1 ask.
   * @param price - In quote currency.
   * @param size - What is left at this price, in units of what is traded; 0 if the level is gone.
   * @param level - Index of the level from the best price on.
   * @param action - Index into `BOOK_ACTIONS`.
   */
  level(
    symbolId: number,
    timeMs: number,
    subMsNs: number,
    side: number,
    price: number,
    size: number,
    level?: number,
    action?: number,
    sequence?: number,
  ): void;
}

/** Writes bars: see {@link TradeWriter} for the numbers. NaN is no value. */
export interface BarWriter extends RowWriter<BarRow> {
  /**
   * @param timeMs - The beginning of the bar.
   * @param open - In quote currency.
   * @param high - In quote currency.
   * @param low - In quote currency.
   * @param close - In quote currency.
   * @param volume - In units of what is traded.
   * @param vwap - In quote currency.
   * @param count - Number of trades.
   */
  bar(
    symbolId: number,
    timeMs: number,
    subMsNs: number,
    open: number,
    high: number,
    low: number,
    close: number,
    volume?: number,
    vwap?: number,
    count?: number,
    sequence?: number,
  ): void;
}
