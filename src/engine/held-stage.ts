import type { Nanos } from '../core/units.js';

/** A call of a stage that has not settled, with rows that wait for it. */
export interface HeldStage {
  readonly stage: {
    readonly id: string;
    /** What it reads besides its input stream. */
    readonly inputs?: Readonly<Record<string, unknown>> | undefined;
    /** What it passes rows on to. */
    readonly branches?: Readonly<Record<string, unknown>> | undefined;
  };
  /** When the call began, on the clock's `now()`. */
  readonly since: Nanos;
}

/**
 * Returns what holds up the rows of a pipeline: of the calls that have not settled, the one that began first. A stage
 * with inputs may wait for their sources, which may be silent for as long as they like. A sink with branches waits for
 * one of them.
 */
export function longestHeld(calls: readonly (HeldStage | undefined)[]): HeldStage | undefined {
  const pending = calls.filter((call) => call !== undefined);
  const hasBranchAtWork =
    pending.some(({ stage }) => !stage.branches) && pending.some(({ stage }) => stage.branches);
  return pending
    .filter(({ stage }) => !stage.inputs || Object.keys(stage.inputs).length === 0)
    .filter(({ stage }) => !stage.branches || !hasBranchAtWork)
    .reduce<HeldStage | undefined>(
      (first, call) => (first && first.since <= call.since ? first : call),
      undefined,
    );
}
