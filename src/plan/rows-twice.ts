import type { SpecProblem } from '../core/errors.js';
import type { Sink } from '../engine/sink.js';
import type { Source } from '../engine/source.js';
import type { Named, Stage } from '../engine/stage.js';
import type { StagePlace } from '../wire/stage-tree.js';

/**
 * Returns which sinks could have rows twice if a run begins anew without a checkpoint: the source is read from the
 * beginning again, and the sink still has the rows of the run before. Inputs of operators do not count: their rows
 * are looked up, not delivered.
 */
export function problemsOfDoubles(places: readonly StagePlace<Named<Stage>>[]): SpecProblem[] {
  const isReadAgain = places.some(
    ({ kind, path, stage: { stage } }) =>
      // The kind says what it is.
      kind === 'source' && path[0] === 'source' && (stage as Source).capabilities.delivery === 'replayable',
  );
  if (!isReadAgain) return [];
  return places.flatMap(({ kind, path, stage: { stage, branches, use } }) => {
    if (kind !== 'sink' || branches) return [];
    const { capabilities, startsOver } = stage as Sink; // the kind says what it is
    if (startsOver || capabilities.delivery === 'idempotent') return [];
    return [
      {
        path,
        message:
          `expected a sink that leaves no row twice when its source is read from the beginning again, found "${use}": ` +
          'the job has a restart policy and no checkpoint store; give it a store ("checkpoints"), use a sink of ' +
          'files without "ifExists: append", or set "restart.policy: never"',
      },
    ];
  });
}
