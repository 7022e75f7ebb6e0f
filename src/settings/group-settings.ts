import { z } from 'zod';
import { durationNs } from './duration.js';
import { RESTARTS_MAX } from './restart-settings.js';

const strategy = 'expected "one-for-one", "one-for-all" or "rest-for-one"';
const restarts = `expected 1 to ${RESTARTS_MAX} restarts`;
const text = 'expected the name of a group, of 1 to 256 characters';
const GROUPS_MAX = 1_000;

/** A group of jobs, and what becomes of the others when one of them fails. */
export const GroupSettings = z.strictObject({
  strategy: z
    .enum(['one-for-one', 'one-for-all', 'rest-for-one'], strategy)
    .default('one-for-one')
    .describe(
      'Which jobs are started again with one that failed: it alone (`one-for-one`), all (`one-for-all`), or those ' +
        'that were submitted after it (`rest-for-one`)',
    ),
  maxRestarts: z
    .int(restarts)
    .min(1, restarts)
    .max(RESTARTS_MAX, restarts)
    .default(10)
    .describe(
      'Restarts of the group that fit in `within`, of whichever job. One that needs more has failed: its `parent` ' +
        'restarts it, or without one all of its jobs are `dead`',
    ),
  within: durationNs({ min: '1ms', max: '7d' })
    .prefault('10m')
    .describe('The time in which no more than `maxRestarts` restarts may fall'),
  parent: z
    .string(text)
    .min(1, text)
    .max(256, text)
    .optional()
    .describe('The group that this one is a part of, where it counts like one job'),
  endDeadline: durationNs({ min: '0ms', max: '1d' })
    .optional()
    .describe(
      'How long each job may take to end its run when the group restarts. Default: `drainDeadlineMs` of the runtime',
    ),
});
export type GroupSettings = z.output<typeof GroupSettings>;

/** The groups of a runtime, by name. */
export const GroupsSettings = z
  .record(z.string().min(1, text).max(256, text), GroupSettings)
  .superRefine((groups, context) => {
    if (Object.keys(groups).length > GROUPS_MAX) {
      context.addIssue({ code: 'custom', message: `expected at most ${GROUPS_MAX} groups` });
      return;
    }
    for (const [name, { parent }] of Object.entries(groups)) {
      const message = parent === undefined ? undefined : problemOfParent(groups, name, parent);
      if (message !== undefined) context.addIssue({ code: 'custom', path: [name, 'parent'], message });
    }
  });

function problemOfParent(
  groups: Readonly<Record<string, GroupSettings>>,
  name: string,
  parent: string,
): string | undefined {
  if (!Object.hasOwn(groups, parent)) return 'expected the name of another group of these settings';
  const seen = new Set<string>();
  for (let at: string | undefined = parent; at !== undefined && !seen.has(at); at = groups[at]?.parent) {
    if (at === name) return 'expected a group that is not a part of this one';
    seen.add(at);
  }
  return undefined;
}
