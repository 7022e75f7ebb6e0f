import type { Clock } from '../core/clock.js';
import { PipelineError, RuntimeError } from '../core/errors.js';
import type { PipelineBranches } from './branches/pipeline-branches.js';
import type { Downstream } from './downstream.js';
import type { PipelineInputs } from './inputs/pipeline-inputs.js';
import type { SourceIntake } from './intake/source-intake.js';
import { stagesOfBranch, withThoseInside } from './pipeline-parts.js';
import type { NamedSource } from './source.js';
import type { StageLifecycle } from './stage-lifecycle.js';
import { unsettledAfterGrace } from './unsettled-after.js';

/** How deep what a stage throws is looked into. */
const CAUSES_MAX = 10;

export interface RunEndParts {
  readonly source: NamedSource;
  readonly intake: SourceIntake;
  readonly inputs: PipelineInputs;
  readonly downstream: Downstream;
  readonly branches: PipelineBranches;
  readonly lifecycle: StageLifecycle;
  readonly clock: Clock;
  /** Controls the signal that the stages got as `stopping`. */
  readonly stopping: AbortController | undefined;
  /** Whether the run was asked to stop. */
  isStopped(): boolean;
}

/** What is in progress when a run ends: it is waited for, and what does not end soon is closed later. */
export class RunEnd {
  readonly #parts: RunEndParts;

  constructor(parts: RunEndParts) {
    this.#parts = parts;
  }

  /** What waits are broken off with. */
  reason(): PipelineError {
    const { signal } = this.#parts.stopping ?? {};
    return new PipelineError('JOB_STATE', 'The run was stopped', { cause: signal?.reason });
  }

  /** Whether a stage threw only because the stop ended its wait, which is not a failure. */
  isBrokenOff(thrown: unknown): boolean {
    const { stopping, isStopped } = this.#parts;
    if (!stopping?.signal.aborted || !isStopped()) return false;
    const { reason } = stopping.signal;
    // A stage may have wrapped what its wait ended with.
    let cause = thrown instanceof RuntimeError ? thrown.cause : undefined;
    for (let depth = 0; depth < CAUSES_MAX && cause !== reason && cause instanceof Error; depth++) {
      cause = cause.cause;
    }
    return cause === reason;
  }

  /**
   * Ends the branches, and waits for the write of the sink in progress.
   * @throws What the sink or a branch has failed with, also after a stop.
   */
  async endSinks(): Promise<void> {
    const { downstream, branches, lifecycle, stopping } = this.#parts;
    // What is still at work has nothing to wait for any more.
    if (downstream.isWriting || branches.isAtWork) stopping?.abort();
    if (!branches.areNone) {
      for (const [branch, end] of await branches.end()) lifecycle.leave(stagesOfBranch(branch), end);
    }
    await downstream.release();
    try {
      branches.throwIfFailed();
      downstream.throwIfFailed();
    } catch (error) {
      if (!this.isBrokenOff(error)) throw error;
    }
  }

  /** A source or an input that is still at work after its stop is closed once it is done, with those inside it. */
  async endReads(): Promise<void> {
    const { source, intake, inputs, lifecycle, clock } = this.#parts;
    const ends = new Map([[withThoseInside(source), intake.end()], ...inputs.end()]);
    for (const [stages, end] of await unsettledAfterGrace(clock, ends)) lifecycle.leave(stages, end);
  }
}
