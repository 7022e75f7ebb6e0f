import { z } from 'zod';

const deadline = 'expected 100 to 3600000 milliseconds';

/** The option `cutDeadlineMs` of sinks with branches. */
export const cutDeadlineMs = z
  .int(deadline)
  .min(100, deadline)
  .max(3_600_000, deadline)
  .default(30_000)
  .describe(
    'How long a branch may stand still before its part of a checkpoint is done, in ms. Then the checkpoint is not ' +
      'taken, a warning names the branch, and the next one is tried. One that goes on slowly is waited for',
  );
