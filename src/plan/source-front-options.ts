import type { z } from 'zod';
import { SourceGateOptions } from '../providers/source-gate-options.js';
import { QueueOptions } from '../settings/queue-options.js';

/** Options of what stands around a source: the gate before it and the queue behind it. All sources have them. */
export const SourceFrontOptions = SourceGateOptions.extend({
  queue: QueueOptions.optional().describe(
    'What may wait between the source and what follows it. Without it, a live source has the defaults of `queue`, ' +
      'and a source that can be replayed is read two batches ahead',
  ),
});

/** The keys of these options. */
export const SOURCE_FRONT_KEYS = ['budget', 'breaker', 'queue'] as const satisfies readonly (keyof z.input<
  typeof SourceFrontOptions
>)[];
