/** How long to wait before the next connection. */
export interface BackOffOptions {
  /** The first wait is 0 to so many ms, by chance; each further one has twice this bound. Default: 1000. */
  readonly firstMs?: number | undefined;
  /** The bound grows no further than this, in ms. Default: 60000. */
  readonly msMax?: number | undefined;
  /** The waits begin anew once a connection has given rows for so many ms. Default: 60000. */
  readonly stableMs?: number | undefined;
}
