/** What a process with Polars is asked to do. */
export interface PolarsOrder {
  readonly work: 'bars' | 'ticks';
  /** A file of quotes, gzip or not. */
  readonly csv: string;
  /** Where the Parquet file goes. */
  readonly path: string;
}

/** Its first message: whether Polars is there. */
export type PolarsReady = { readonly version: string } | { readonly missing: string };
