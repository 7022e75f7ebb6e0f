import { PipelineError } from '../../core/errors.js';

/**
 * Some branches of a sink did not finish their part of a cut in time. The cut counts as a checkpoint that was
 * not saved: nothing is dropped, and it is tried again.
 */
export class LateCutError extends PipelineError {
  /** @param branches - The paths of their sinks in the spec. */
  constructor(branches: readonly string[], deadlineMs: number) {
    const named = branches.map((branch) => `"${branch}"`).join(', ');
    super(
      'CHECKPOINT_FAILED',
      `Expected all branches to finish their part of a checkpoint, found ${named} still at work, and standing still ` +
        `for ${deadlineMs} ms; ` +
        'check what their sinks wait for, or raise "cutDeadlineMs"',
      { retryable: true },
    );
  }
}
