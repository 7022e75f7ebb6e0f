import { z } from 'zod';
import type { Schema } from '../../../columns/schema.js';
import { durationNs } from '../../../settings/duration.js';
import { TopicName } from '../../../settings/topic-name.js';

/** Options of the sink `topic`. */
export const TopicSinkOptions = z.strictObject({
  topic: TopicName.describe(
    'Name of the topic. It has one producer at a time, in the same runtime as its consumers',
  ),
  blockDeadline: durationNs({ min: '1ms', max: '1d' })
    .prefault('10s')
    .describe(
      'How long a consumer with `overflow: block` may take nothing while the rows wait for it; then the job fails. ' +
        'At the end, how long the job waits while no consumer takes any of its last rows',
    ),
  consumersDeadline: durationNs({ min: '0s', max: '1d' })
    .prefault('10s')
    .describe(
      'How long the first row waits for consumers that were submitted to the runtime and have not joined yet. Those ' +
        'that join later begin with the rows that come then',
    ),
});
export type TopicSinkOptions = z.output<typeof TopicSinkOptions> & {
  /** The columns of the rows, once they are planned. */
  readonly schema?: Schema;
};
