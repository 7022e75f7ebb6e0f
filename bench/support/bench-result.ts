/** What a bench is given by the runner. */
export interface BenchContext {
  /** Short runs, to see that everything works: the figures say little. */
  readonly quick: boolean;
  /** An empty directory, removed after the bench. */
  readonly directory: string;
  /** A line for people who wait. */
  progress(text: string): void;
}

/** A figure: of a rate, where more is better, or of a cost, where less is. */
export type BenchResult = RateResult | CostResult;

export interface RateResult {
  readonly name: string;
  /** Whether it is Tickloom's, or a peer's. */
  readonly ours: boolean;
  readonly perSecond: number;
  /** What is counted: `rows`, `ticks`. */
  readonly unit: string;
}

export interface CostResult {
  readonly name: string;
  readonly ours: boolean;
  readonly value: number;
  /** `ms`, `MB`. */
  readonly unit: string;
}

/** The default export of a bench file: answers one question, or throws when the contenders disagree. */
export type BenchFunction = (context: BenchContext) => Promise<BenchResult[]>;
