import type { ErrorTexts } from './error-text.js';

/** What keeps a run from being resumed. */
export const CHECKPOINT_ERRORS = {
  CHECKPOINT_INVALID: {
    meaning: 'A checkpoint does not fit the spec, the files or the format, so the run cannot resume from it.',
    cause:
      'The spec was changed; input or output files were changed, moved or removed; the run had completed or was drained; the checkpoint is damaged, too large (64 MiB) or from another version; or an operator keeps a state that is not plain data.',
    remedy:
      'The message names what differs. Restore it to resume the run, or begin anew: `tickloom checkpoints reset FOLDER KEY` says what the sinks take back then, and `--keep` has them keep it.',
    retryable: 'no',
  },
  CHECKPOINT_FAILED: {
    meaning: 'A store could not save or read checkpoints.',
    cause:
      'Missing permission or a failing disk below the store, or thirty checkpoints in a row that could not be saved. A full disk alone does not fail a run.',
    remedy:
      'Repair the store and start again: the run resumes from the last accepted checkpoint. Missing permission and a path that cannot be a folder are not retryable, the rest is.',
    retryable: 'depends',
  },
} as const satisfies ErrorTexts;
