import type { Schema } from '../columns/schema.js';
import type { PlanProblems } from '../engine/factories.js';
import type { SourceCapabilities } from '../engine/source-capabilities.js';
import { OVERFLOW_KINDS, overflowFor } from '../settings/overflow-policy.js';
import type { QueueSettings } from '../settings/queue-options.js';
import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf, placesOfInput, type StagePlace } from '../wire/stage-tree.js';
import { stagesOf } from '../wire/stages-of-spec.js';
import { checkQueue } from './check-queue.js';

/** A source with a queue of its own settings. */
export interface SourceQueue {
  readonly place: StagePlace<ResolvedStage>;
  readonly queue: QueueSettings;
}

/** Returns the sources of a spec whose queues are set, those of inputs included. */
export function sourceQueues(spec: ResolvedSpec): readonly SourceQueue[] {
  if (!spec.queue && !stagesOf(spec).some(({ inputs }) => inputs)) return [];
  return placesOf<ResolvedStage>(spec).flatMap((owner) => {
    const own = owner.kind === 'source' && !owner.isNested && spec.queue;
    const ofInputs = Object.values(owner.stage.inputs ?? {}).flatMap((input) =>
      input.queue ? [{ place: placesOfInput(owner, input).source, queue: input.queue }] : [],
    );
    return [...(own ? [{ place: owner, queue: own }] : []), ...ofInputs];
  });
}

/** Says that a source that reads other sources has no queue: it is in step with them, and never read ahead. */
export function refuseQueueBehindInputs(inputs: readonly string[], problems: PlanProblems): void {
  problems.add(
    ['queue'],
    'expected no queue behind a source that reads other sources, since only these are read ahead: give it to ' +
      inputs.join(', '),
  );
}

/**
 * Checks whether the queue of a source can do what it is told.
 *
 * @param problems - Receives what is wrong, with paths from the options of the source on.
 */
export function checkSourceQueue(
  queue: QueueSettings,
  { schema, capabilities }: { readonly schema: Schema; readonly capabilities: SourceCapabilities },
  problems: PlanProblems,
): void {
  const { overflow } = queue;
  const policy = overflowFor(overflow, schema.kind);
  if (capabilities.delivery !== 'replayable' || policy === 'block') {
    checkQueue(queue, schema, { add: (path, message) => problems.add(['queue', ...path], message) });
    return;
  }
  const kind = typeof overflow === 'string' ? [] : [OVERFLOW_KINDS[schema.kind]];
  problems.add(
    ['queue', 'overflow', ...kind],
    `expected block, found ${policy}: this source can be replayed, so it waits for room, and no row has to ` +
      'be left out; leave "overflow" out',
  );
}
