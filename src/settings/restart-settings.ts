import { z } from 'zod';
import { durationNs } from './duration.js';

const policy = 'expected "never", "on-failure" or "always"';
/** What `maxRestarts` never exceeds. */
export const RESTARTS_MAX = 10_000;
const restarts = `expected 1 to ${RESTARTS_MAX} restarts`;
const upToADay = { min: '1ms', max: '1d' } as const;

/** How a job is started again after a run of it has ended. */
export const RestartSettings = z.strictObject({
  policy: z
    .enum(['never', 'on-failure', 'always'], policy)
    .default('never')
    .describe(
      'When a job is started again: `never`; `on-failure`, after a failure that another try may mend; or ' +
        '`always`, also after it has completed. A stop or a drain ends a job in any case',
    ),
  backOff: durationNs(upToADay)
    .prefault('1s')
    .describe(
      'Longest wait before the first restart. It doubles with each failure in a row, and the wait is a random ' +
        'part of it',
    ),
  backOffMax: durationNs(upToADay)
    .prefault('30s')
    .describe('What the doubled wait never exceeds. A provider that asks for a longer one is obeyed'),
  stableAfter: durationNs({ min: '0ms', max: '1d' })
    .prefault('1m')
    .describe(
      'How long a run must have delivered rows, from the first to the last ones, to be no failure in a row ' +
        'with those before it: the wait begins at `backOff` again',
    ),
  maxRestarts: z
    .int(restarts)
    .min(1, restarts)
    .max(RESTARTS_MAX, restarts)
    .default(10)
    .describe('Restarts that fit in `within`; a job that needs one more is `dead`'),
  within: durationNs({ min: '1ms', max: '7d' })
    .prefault('10m')
    .describe('The time in which no more than `maxRestarts` restarts may fall'),
});
export type RestartSettings = z.output<typeof RestartSettings>;
