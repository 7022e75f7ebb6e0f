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

interface NamedResult {
  readonly name: string;
  /** Whether it is Tickloom's, or a peer's. */
  readonly ours: boolean;
  /** Of a peer: the name of our result that does the same. Default: our first one of that unit. */
  readonly like?: string | undefined;
}

export interface RateResult extends NamedResult {
  readonly perSecond: number;
  /** What is counted: `rows`, `ticks`. */
  readonly unit: string;
}

export interface CostResult extends NamedResult {
  readonly value: number;
  /** `ms`, `MB`. */
  readonly unit: string;
  /** Where the middle half of what was measured lies, if `value` is the median of several. */
  readonly middleHalf?: readonly [low: number, high: number];
}

/** The default export of a bench file: answers one question, or throws when the contenders disagree. */
export type BenchFunction = (context: BenchContext) => Promise<BenchResult[]>;
