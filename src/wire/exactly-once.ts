/**
 * Whether the stages of a component take part in checkpoints in such a way that each row arrives exactly once, however
 * often a run is cut short and gone on with. `yes`; `by its stages`: as their options, inputs, branches or user code
 * do, which each stage says itself; or why they cannot, and what to use instead.
 */
export type ExactlyOnce = 'yes' | 'by its stages' | CannotTakePart;

/** Why stages of a component cannot take part in checkpoints. */
export interface CannotTakePart {
  /** As the end of a sentence that begins with the name of the component: `prints rows again after a restart`. */
  readonly cannot: string;
  /** What to do: `write to files`. */
  readonly instead: string;
}
