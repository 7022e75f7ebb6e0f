/** What a bench is given by the runner. */
export interface BenchContext {
  /** Short runs, to see that everything works: the figures say little. */
  readonly quick: boolean;
  /** An empty directory, removed after the bench. */
  readonly directory: string;
  /** A line for people who wait. */
  progress(text: string): void;
}

/** A figure: of a rate, where more is better, or of a cost, where less is; or why there is none. */
export type BenchResult = RateResult | CostResult | NotRun;

interface NamedResult {
  readonly name: string;
  /** Whether it is Tickloom's, or a peer's. */
  readonly ours: boolean;
  /**
   * Of a peer: the name of our result that does the same. Default: our first one of that unit; null: none does.
   */
  readonly like?: string | null | undefined;
}

export interface RateResult extends NamedResult {
  /** By wall clock. */
  readonly perSecond: number;
  /** By processor time of all threads, where it was measured. */
  readonly perCpuSecond?: number;
  /** What is counted: `rows`, `ticks`. */
  readonly unit: string;
}

export interface CostResult extends NamedResult {
  readonly value: number;
  /** The same in processor time of all threads and children, where `value` is wall clock and it was measured. */
  readonly cpuValue?: number;
  /** `ms`, `MB`. */
  readonly unit: string;
  /** Where the middle half of what was measured lies, if `value` is the median of several. */
  readonly middleHalf?: readonly [low: number, high: number];
}

/** A peer that was not measured. */
export interface NotRun extends NamedResult {
  readonly ours: false;
  /** Why, and what to do about it. */
  readonly notRun: string;
}

/** The default export of a bench file: answers one question, or throws when the contenders disagree. */
export type BenchFunction = (context: BenchContext) => Promise<BenchResult[]>;
