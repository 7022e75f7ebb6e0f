import { z } from 'zod';
import { durationNs } from './duration.js';

const upToADay = { min: '0ms', max: '1d' } as const;
const SECOND_NS = 1e9;

/** Threads beat five times a second: less than a second would be judged by chance. */
const orOff = (ns: number): boolean => ns === 0 || ns >= SECOND_NS;
const expected = { message: 'expected 0ms, or 1s or more' };

/** When it is found that a thread is stuck, or that rows do not move. */
export const WatchdogSettings = z.strictObject({
  loop: durationNs(upToADay)
    .refine(orOff, expected)
    .prefault('30s')
    .describe(
      'How long the event loop of a thread may not turn, before its run is ended with `THREAD_STUCK`. Time in ' +
        'which the thread had no processor does not count. Code that needs longer for one batch needs more; ' +
        '`0ms`: for ever',
    ),
  progress: durationNs(upToADay)
    .refine(orOff, expected)
    .prefault('5m')
    .describe(
      'How long one call of an operator or a sink may take while rows wait for it and nothing moves, before it is ' +
        'told (`job.stalled`). Silent sources, budgets, breakers, pauses and full disks are none of it; `0ms`: for ever',
    ),
  onStall: z
    .enum(['warn', 'restart'], 'expected "warn" or "restart"')
    .default('warn')
    .describe(
      'What follows if nothing has moved after `progress` has passed a second time: nothing more, or the run is ' +
        'ended with `JOB_STALLED`, after which the restart policy of the job decides',
    ),
});
export type WatchdogSettings = z.output<typeof WatchdogSettings>;
