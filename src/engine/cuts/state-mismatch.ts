import { PipelineError } from '../../core/errors.js';
import { cutList } from '../../core/shown-text.js';

/** Keys of a checkpoint that differ from those of what is resumed from it. */
export interface StateMismatch {
  /** What the checkpoint is of, as a part of the message. */
  readonly of: string;
  readonly missing: readonly string[];
  readonly strange: readonly string[];
}

/** @throws {PipelineError} `CHECKPOINT_INVALID` naming the keys, if there are any. */
export function refuseMismatch({ of, missing, strange }: StateMismatch): void {
  if (strange.length + missing.length === 0) return;
  const listed = (keys: readonly string[]) => (keys.length === 0 ? 'none' : cutList(keys));
  throw new PipelineError(
    'CHECKPOINT_INVALID',
    `The checkpoint is of ${of}: it lacks a state of ${listed(missing)}, and has one too many of ` +
      `${listed(strange)}: start without it, or with the spec that it was taken from`,
  );
}
