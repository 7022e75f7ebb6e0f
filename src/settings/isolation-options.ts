import { z } from 'zod';

const isolation = 'expected "thread" or "process"';
const megabytes = 'expected a whole number of megabytes, 128 to 1048576';

/** Where a job runs: options of a spec, of a submit, and of the settings of a runtime. */
export const IsolationOptions = z.object({
  isolation: z
    .enum(['thread', 'process'], isolation)
    .optional()
    .describe(
      'What a job runs in: a thread, or a process of its own, which can be ended whatever it does and takes no other ' +
        'job with it. Default: a process for a job with native code, a thread for all others. A submit goes before the ' +
        'spec, the spec before the settings',
    ),
  maxProcessMb: z
    .int(megabytes)
    .min(128, megabytes)
    .max(1_048_576, megabytes)
    .optional()
    .describe(
      'Megabytes that the process of a job may have in memory, columns, heap, buffers and native code together; ' +
        'above it, the process is ended and its job fails. A job for which it is said runs in a process. Default: no limit',
    ),
});
export type IsolationOptions = z.output<typeof IsolationOptions>;
