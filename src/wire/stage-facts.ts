/** What a plan has to know of a stage besides its columns and files. Plain data. */
export interface StageFacts {
  /** Of an operator: it holds nothing between two batches, so that another one may take its place in a running job. */
  readonly keepsNoState?: boolean | undefined;
  /** Of an operator: a row is late for it that comes after later ones of its symbol. */
  readonly keepsTime?: boolean | undefined;
  /**
   * Of a batcher: the column whose values it keeps apart, so that rows leave in another order than they came,
   * and the option that names it.
   */
  readonly groupsBy?: { readonly column: string; readonly option: string } | undefined;
  /** Of a source: it uses the seed of the spec. User code is always taken to. */
  readonly usesSeed?: boolean | undefined;
  /**
   * Of a sink: with a checkpoint store, nothing that a start writes counts any more once a later start has claimed the
   * run, even if its thread is still at work.
   */
  readonly isFenced?: boolean | undefined;
  /** Of a sink: its database decides which checkpoint counts, as its capabilities say once it is made. */
  readonly decides?: boolean | undefined;
  /** Of a sink: it passes some rows to none of its branches. */
  readonly leavesRowsUnrouted?: boolean | undefined;
  /**
   * Of a source or an operator: the input whose source has to be one that can be replayed with these options, and
   * what is wrong with which option if it is live.
   */
  readonly replayOnly?:
    | { readonly input: string; readonly option: string; readonly message: string }
    | undefined;
  /** @internal Of a source of this package: it opens its inputs itself, and may open them again. */
  readonly opensInputs?: boolean | undefined;
  /** The option that names a file of user code, if there is one. */
  readonly moduleOption?: string | undefined;
}
