import { PipelineError } from '../../core/errors.js';
import type { PlainData } from '../../core/plain-data.js';
import type { States } from '../cuts/line-states.js';

/** What a checkpoint keeps of a branch. */
export interface BranchPosition {
  readonly operators: States;
  readonly rows: PlainData;
  /** The position of its sink. */
  readonly sink: PlainData;
}

/**
 * @param id - Of the branch.
 * @throws {PipelineError} `CHECKPOINT_INVALID`
 */
export function asBranchPosition(position: PlainData, id: string): BranchPosition {
  const { operators, rows, sink } = (position ?? {}) as Partial<BranchPosition>;
  if (typeof operators === 'object' && operators !== null && rows !== undefined && sink !== undefined) {
    return { operators, rows, sink };
  }
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `Expected the state of a branch, {operators, rows, sink}, for "${id}", found something else`,
  );
}
