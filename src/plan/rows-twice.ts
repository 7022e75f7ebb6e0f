import type { SpecProblem } from '../core/errors.js';
import type { Sink } from '../engine/sink.js';
import type { Source } from '../engine/source.js';
import type { Named, Stage } from '../engine/stage.js';
import type { StagePlace } from '../wire/stage-tree.js';

/**
 * Returns which sinks could have rows twice if a run begins anew: the source is read from the beginning again, and the
 * sink still has the rows of the run before. After a failure, that is so without a checkpoint store; after a run that
 * has completed, with one, too. Inputs of operators do not count: their rows are looked up, not delivered.
 */
export function problemsOfDoubles(
  places: readonly StagePlace<Named<Stage>>[],
  {
    restarts,
    hasStore,
  }: { readonly restarts: 'on-failure' | 'always' | undefined; readonly hasStore: boolean },
): SpecProblem[] {
  if (restarts === undefined || (restarts === 'on-failure' && hasStore)) return [];
  const isReadAgain = places.some(
    ({ kind, path, stage: { stage } }) =>
      // The kind says what it is.
      kind === 'source' && path[0] === 'source' && (stage as Source).capabilities.delivery === 'replayable',
  );
  if (!isReadAgain) return [];
  return places.flatMap(({ kind, path, stage: { stage, branches, use } }) => {
    if (kind !== 'sink' || branches) return [];
    const { capabilities, startsOver } = stage as Sink; // the kind says what it is
    if (capabilities.delivery === 'idempotent' || startsOver === 'replaces') return [];
    if (restarts === 'on-failure' && startsOver === 'refuses') return [];
    return [
      {
        path,
        message:
          `expected a sink that leaves no row twice when its source is read from the beginning again, found "${use}": ` +
          REMEDIES[restarts],
      },
    ];
  });
}

const REMEDIES = {
  'on-failure':
    'the job has a restart policy and no checkpoint store; give it a store ("checkpoints"), use a sink of files ' +
    'without "ifExists: append" or another one that says what it does ("startsOver"), or set "restart.policy: never"',
  always:
    'with "restart.policy: always", the job begins anew after it has completed, with a checkpoint store, too; set ' +
    '"restart.policy: on-failure", or use a sink that replaces what is there ("ifExists: replace", or ' +
    '"startsOver: replaces")',
} as const;
