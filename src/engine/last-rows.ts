/** The last row of a symbol. */
export interface LastRow {
  /** In ns since 1970 UTC. */
  readonly time: bigint;
  /** How many rows of the symbol had that time. */
  readonly rowsAtTime: number;
  /** `undefined` if rows have none. */
  readonly number: bigint | undefined;
}

/** The last rows that several sources of the same rows have given: behind these, one of them is to go on. */
export interface LastRows {
  /** When the first of these sources was begun, in ns since 1970 UTC: a symbol without a row may lack some since then. */
  readonly since: bigint;
  /** @returns `undefined` for a symbol that has had no row. */
  of(symbol: string): LastRow | undefined;
}
