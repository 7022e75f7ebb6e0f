import type { QuoteRow } from './quote-rows.js';

/** Columns of quotes as a batch holds them. */
export interface QuoteColumnsMessage {
  readonly times: Int32Array;
  readonly symbols: Int32Array;
  readonly bids: Float64Array;
  readonly asks: Float64Array;
  readonly bidSizes: Float64Array;
  readonly askSizes: Float64Array;
}

export type HandoverMessage =
  | { readonly type: 'rows'; readonly rows: readonly QuoteRow[] }
  | { readonly type: 'shared'; readonly slot: number }
  | { readonly type: 'columns'; readonly columns: QuoteColumnsMessage; readonly isTransferred: boolean };

export interface HandoverAnswer {
  /** Of the bids: whoever takes a batch also looks at it. */
  readonly sum: number;
  /** Memory given back. */
  readonly columns?: QuoteColumnsMessage;
  readonly slot?: number;
}
