/** A component with its options checked and their defaults filled in. */
export interface ResolvedStage {
  readonly use: string;
  readonly options: unknown;
}

/** A spec that was checked, as plain data: what is posted to the thread that runs it. */
export interface ResolvedSpec {
  readonly name: string;
  readonly source: ResolvedStage;
  readonly operators: readonly ResolvedStage[];
  readonly batcher: ResolvedStage;
  readonly sink: ResolvedStage;
  readonly deadLetter?: { readonly path: string; readonly maxRows: number };
  /** Rows that a batch has room for between the stages. */
  readonly batchRows: number;
  /** For stages without a seed of their own. */
  readonly seed: number;
}
