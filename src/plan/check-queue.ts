import type { Schema } from '../columns/schema.js';
import type { PlanProblems } from '../engine/factories.js';
import { OVERFLOW_KINDS, overflowFor } from '../settings/overflow-policy.js';
import type { QueueSettings } from '../settings/queue-options.js';

/**
 * Checks whether a queue can do what it is told with rows of these columns.
 *
 * @param problems - Receives what is wrong, with paths within the options of the queue.
 */
export function checkQueue(
  { overflow }: QueueSettings,
  { kind, columns }: Schema,
  problems: PlanProblems,
): void {
  const policies = typeof overflow === 'string' ? {} : overflow;
  const kinds = Object.keys(policies);
  const isOther = Object.values(policies).some((policy) => policy !== 'block');
  if (isOther && !kinds.includes(OVERFLOW_KINDS[kind])) {
    // Who asks for what is done anyway, for whatever kinds of rows, misses nothing.
    problems.add(
      ['overflow'],
      `expected a policy for rows of kind ${kind} (${OVERFLOW_KINDS[kind]}), which is what comes here, found ${kinds.join(', ')} alone`,
    );
    return;
  }
  if (overflowFor(overflow, kind) !== 'conflate') return;
  const path = typeof overflow === 'string' ? ['overflow'] : ['overflow', OVERFLOW_KINDS[kind]];
  if (kind === 'book') {
    problems.add(
      path,
      'expected another policy than conflate for books, since a change does not replace an earlier one: ' +
        'drop-oldest tells of the rows that it drops in a gap',
    );
    return;
  }
  if (columns.some(({ name, type }) => name === 'symbol' && type === 'string')) return;
  problems.add(
    path,
    'expected another policy than conflate, which keeps the last row of each symbol: there is no column "symbol" ' +
      `among ${columns.map(({ name }) => name).join(', ')}`,
  );
}
