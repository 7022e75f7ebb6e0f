import type { DictionarySet } from '../columns/dictionary.js';
import type { Clock } from '../core/clock.js';
import { invariant } from '../core/invariant.js';
import type { Counters } from '../shared-memory/counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { Checkpoint, RunIdentity, SpecFingerprint } from '../wire/checkpoint.js';
import { placesOf, type StageTree } from '../wire/stage-tree.js';
import { StartStep } from '../wire/start-step.js';
import type { Batcher } from './batcher.js';
import type { CheckpointSaver } from './checkpoint-keeper.js';
import type { Operator } from './operator.js';
import type { KeptRejects } from './rejects.js';
import type { Sink } from './sink.js';
import type { Source } from './source.js';
import type { Named, Stage } from './stage.js';
import { type StageInLife, StageLifecycle } from './stage-lifecycle.js';
import { titleOfStage } from './stage-title.js';

/** The parts of a pipeline. */
export interface PipelineParts {
  readonly source: Named<Source>;
  readonly operators: readonly Named<Operator>[];
  readonly batcher: Named<Batcher>;
  readonly sink: Named<Sink>;
  readonly rejects: KeptRejects;
  readonly dictionaries: DictionarySet;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Logger;
  /** Controls the signal that the stages got as `stopping`. */
  readonly stopping?: AbortController;
  /** Time limit for the opening of each stage. If omitted, the caller must enforce its own limit. */
  readonly openDeadlineMs?: number | undefined;
  /** Name of the job, recorded in its checkpoints together with `run` and `spec`. */
  readonly job: string;
  readonly run: RunIdentity;
  readonly spec: SpecFingerprint;
  /** The checkpoint to resume from; its dictionaries are already restored. */
  readonly checkpoint?: Checkpoint;
  /** Saves checkpoints. If omitted, they are only returned to the callers that ask for them. */
  readonly saver?: CheckpointSaver;
}

/** Returns the order in which the stages are opened and closed. */
export function lifecycleOf(parts: PipelineParts): StageLifecycle {
  const { source, operators, batcher, sink, rejects, counters, clock, log, openDeadlineMs } = parts;
  const steps = stepsOf(parts);
  // Sink first, so that an open stage can always pass its rows on. Rejects last, so that a refused run
  // leaves no dead-letter file.
  const stages: StageInLife[] = [
    inLife('Sink', sink, steps),
    inLife('Batcher', batcher, steps),
    ...operators.flatMap((operator) => afterItsInputs('Operator', operator, steps)),
    ...afterItsInputs('Source', source, steps),
  ];
  const last = {
    name: 'The dead-letter file',
    code: 'OUTPUT_FAILED',
    stage: rejects as Stage,
    step: StartStep.opening(steps.size),
  } as const;
  const onOpening = (at: number) => counters.set('startStep', at);
  return new StageLifecycle(stages, last, { clock, log, openDeadlineMs, onOpening });
}

/** Returns the `StartStep` of the opening of each stage. */
export function stepsOf(parts: StageTree<Named<Stage>>): ReadonlyMap<Named<Stage>, number> {
  return new Map(placesOf<Named<Stage>>(parts).map(({ stage }, i) => [stage, StartStep.opening(i)]));
}

type Steps = ReadonlyMap<Named<Stage>, number>;

const CODES = {
  Source: 'SOURCE_FAILED',
  Operator: 'OPERATOR_FAILED',
  Batcher: 'INTERNAL',
  Sink: 'SINK_FAILED',
} as const;

function inLife(kind: keyof typeof CODES, named: Named<Stage>, steps: Steps): StageInLife {
  const step = steps.get(named);
  invariant(step !== undefined, 'a stage of a pipeline has a place in it');
  return { name: titleOfStage(kind, named), code: CODES[kind], stage: named.stage, step };
}

/** A stage that reads inputs may do so as soon as it is open. */
function afterItsInputs(kind: keyof typeof CODES, named: Named<Stage>, steps: Steps): StageInLife[] {
  return [
    ...Object.values(named.inputs ?? {}).flatMap(({ source, operators }) => [
      ...operators.flatMap((operator) => afterItsInputs('Operator', operator, steps)),
      ...afterItsInputs('Source', source, steps),
    ]),
    inLife(kind, named, steps),
  ];
}
