import { z } from 'zod';
import { outputBranch } from '../../../settings/branch-options.js';
import { cutDeadlineMs } from '../branching/cut-deadline.js';

const branches = 'expected a list of 1 to 64 branches';

/** Options of the sink `tee`. */
export const TeeSinkOptions = z.strictObject({
  branches: z
    .array(outputBranch(), branches)
    .min(1, branches)
    .max(64, branches)
    .describe('Where all rows go: sinks, each with `operators`, a `batcher` and a `queue` of its own'),
  cutDeadlineMs,
});
export type TeeSinkOptions = z.output<typeof TeeSinkOptions>;
