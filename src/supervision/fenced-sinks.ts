import type { ResolvedSpec, ResolvedStage } from '../wire/resolved-spec.js';
import { placesOf } from '../wire/stage-tree.js';
import { isTopic } from '../wire/stages-of-spec.js';

/**
 * Whether nothing that a thread writes counts any more once a later run has begun: all sinks are fenced by the epochs of
 * a checkpoint store, and there is nothing else that it writes to. Dead letters and topics are not fenced.
 */
export function isFencedBy(spec: ResolvedSpec, hasCheckpoints: boolean): boolean {
  if (!hasCheckpoints || spec.deadLetter) return false;
  return placesOf<ResolvedStage>(spec).every(({ kind, stage }) => {
    if (isTopic(stage)) return false;
    return kind !== 'sink' || stage.branches !== undefined || stage.facts?.isFenced === true;
  });
}
