/**
 * A column of a batch. Plain data, so that it can be posted to another thread.
 *
 * | type      | storage                          | null  |
 * | --------- | -------------------------------- | ----- |
 * | timestamp | Int32Array, two words a row: ns since 1970 UTC | –  |
 * | int64     | Int32Array, two words a row      | –     |
 * | float64   | Float64Array                     | NaN, where `nullable` |
 * | int32     | Int32Array                       | –     |
 * | string    | Int32Array, id in a dictionary   | −1, where `nullable` |
 * | enum      | Uint8Array, index into `values`  | –     |
 * | boolean   | Uint8Array, 0 or 1               | –     |
 */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Whether a row may have no value here. */
  readonly nullable?: boolean;
  /** enum: the possible values; a row holds an index into them. */
  readonly values?: readonly string[];
  /** string: name of the dictionary in the pipeline, if not the column's own name. */
  readonly dictionary?: string;
}

/** What a column holds, and how it is stored: see {@link Column}. */
export type ColumnType = 'timestamp' | 'int64' | 'float64' | 'int32' | 'string' | 'enum' | 'boolean';

/** The memory of a column: see {@link Column}. */
export type ColumnData = Float64Array | Int32Array | Uint8Array;

/** What a row means. Standard kinds have standard columns; `custom` has whatever it declares. */
export type RowKind = 'quote' | 'trade' | 'bar' | 'book' | 'custom';

/** The columns of a batch, in order, and what its rows say. */
export interface Schema {
  readonly kind: RowKind;
  readonly columns: readonly Column[];
  /** For bars: the length of each in ns, if known. */
  readonly barNs?: number;
  /**
   * For bars in sessions: the calendar. They begin with the hours of a session, and the last one may be shorter than
   * `barNs`; without that, each is a whole session.
   */
  readonly barCalendar?: string;
}

/** What is known of the window of a bar: values of its column `mark`. */
export const BAR_MARKS = ['complete', 'empty', 'gap', 'partial'] as const;
/** Who took the offer: values of the column `side` of a trade. */
export const TRADE_SIDES = ['unknown', 'buy', 'sell'] as const;
/** Values of the column `side` of a change of an order book. */
export const BOOK_SIDES = ['bid', 'ask'] as const;
/** What happened to a level of an order book: values of its column `action`. */
export const BOOK_ACTIONS = ['add', 'change', 'delete', 'clear', 'trade'] as const;

const time: Column = { name: 'time', type: 'timestamp' };
const symbol: Column = { name: 'symbol', type: 'string' };
const received: Column = { name: 'received', type: 'timestamp' };
const float = (name: string, nullable = false): Column =>
  nullable ? { name, type: 'float64', nullable } : { name, type: 'float64' };

/**
 * The columns of the standard kinds, in order. `time` is event time; `received` is the instant at
 * which the row reached this process. A source omits the optional columns that its data does not have.
 */
export const STANDARD_COLUMNS: Readonly<
  Record<Exclude<RowKind, 'custom'>, { required: readonly Column[]; optional: readonly Column[] }>
> = {
  quote: {
    required: [time, symbol, float('bid'), float('ask')],
    optional: [float('bidSize'), float('askSize'), received],
  },
  trade: {
    required: [time, symbol, float('price')],
    optional: [
      float('size'),
      { name: 'side', type: 'enum', values: TRADE_SIDES },
      { name: 'offMarket', type: 'boolean' },
      received,
    ],
  },
  bar: {
    required: [
      time,
      symbol,
      float('open', true),
      float('high', true),
      float('low', true),
      float('close', true),
    ],
    optional: [
      float('volume', true),
      float('vwap', true),
      { name: 'count', type: 'int32' },
      { name: 'mark', type: 'enum', values: BAR_MARKS },
      received,
    ],
  },
  book: {
    required: [
      time,
      symbol,
      { name: 'side', type: 'enum', values: BOOK_SIDES },
      float('price'),
      float('size'),
    ],
    optional: [
      { name: 'level', type: 'int32' },
      { name: 'action', type: 'enum', values: BOOK_ACTIONS },
      received,
    ],
  },
};

export function findColumn(schema: Schema, name: string): Column | undefined {
  return schema.columns.find((column) => column.name === name);
}

/** Index of a column, −1 if there is none of that name. */
export function columnIndex(schema: Schema, name: string): number {
  return schema.columns.findIndex((column) => column.name === name);
}

/** Index of the event time column, −1 if there is none. */
export function eventTimeIndex(schema: Schema): number {
  return schema.columns.findIndex(({ name, type }) => name === 'time' && type === 'timestamp');
}

/** Array elements per row in the storage of a column. */
export function elementsPerRow(type: ColumnType): number {
  return type === 'timestamp' || type === 'int64' ? 2 : 1;
}

/** Bytes per row in a batch. */
export function bytesPerRow(schema: Schema): number {
  let bytes = 0;
  for (const { type } of schema.columns) {
    if (type === 'enum' || type === 'boolean') bytes += 1;
    else bytes += type === 'int32' || type === 'string' ? 4 : 8;
  }
  return bytes;
}

export function allocateColumn(type: ColumnType, rows: number): ColumnData {
  switch (type) {
    case 'float64':
      return new Float64Array(rows);
    case 'enum':
    case 'boolean':
      return new Uint8Array(rows);
    default:
      return new Int32Array(rows * elementsPerRow(type));
  }
}
