import type { DictionarySet } from '../columns/dictionary.js';
import type { Clock } from '../core/clock.js';
import { invariant } from '../core/invariant.js';
import type { QueueSettings } from '../settings/queue-options.js';
import type { Counters } from '../shared-memory/counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { RowBounds } from '../wire/bounds.js';
import type { Checkpoint, RunIdentity, SpecFingerprint } from '../wire/checkpoint.js';
import { placesOf, type StageTree, stagesWithin } from '../wire/stage-tree.js';
import { StartStep } from '../wire/start-step.js';
import type { Batcher } from './batcher.js';
import type { CheckpointSaver } from './cuts/checkpoint-keeper.js';
import type { KnownWaits } from './known-waits.js';
import type { NamedOperator } from './operator-rows.js';
import type { KeptRejects } from './rejects.js';
import type { Sink } from './sink.js';
import type { NamedSource, Source } from './source.js';
import type { Named, RunningBranch, RunningInput, Stage } from './stage.js';
import { labelOf } from './stage-label.js';
import { type StageInLife, StageLifecycle, type StageLifecycleSettings } from './stage-lifecycle.js';

/** The parts of a pipeline. */
export interface PipelineParts {
  readonly source: NamedSource;
  /** The queue behind the source. Default: by what the source is. */
  readonly queue?: QueueSettings;
  readonly operators: readonly NamedOperator[];
  readonly batcher: Named<Batcher>;
  readonly sink: Named<Sink>;
  readonly rejects: KeptRejects;
  readonly dictionaries: DictionarySet;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly log: Logger;
  /** Where it says which stage the thread is in: one cell, by `StagesAtWork`. */
  readonly atWork?: Int32Array | undefined;
  /** Waits of its stages that are no lack of progress. */
  readonly knownWaits?: KnownWaits | undefined;
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
  /** How many rows of the source it may take. Default: all. */
  readonly bounds?: RowBounds | undefined;
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
    ...afterItsBranches(sink, steps),
    inLife('Batcher', batcher, steps),
    ...operators.flatMap((operator) => afterItsInputs('Operator', operator, steps)),
    ...afterItsInputs('Source', source, steps),
  ];
  const last = {
    label: { id: 'deadLetter', title: 'The dead-letter file' },
    code: 'OUTPUT_FAILED',
    stage: rejects as Stage,
    step: StartStep.opening(steps.size),
  } as const;
  const onOpening = (at: number) => counters.set('startStep', at);
  return new StageLifecycle(stages, last, { clock, log, openDeadlineMs, onOpening });
}

/** Returns the order in which the stages of an input are opened and closed, if its own stage does that. */
export function lifecycleOfInput(
  { source, operators }: RunningInput,
  settings: Omit<StageLifecycleSettings, 'onOpening'>,
): StageLifecycle {
  const stages = [
    ...operators.flatMap((operator) => afterItsInputs('Operator', operator, NO_STEPS)),
    ...afterItsInputs('Source', source, NO_STEPS),
  ];
  return new StageLifecycle(stages, undefined, { ...settings, onOpening: () => {} });
}

/** Returns the `StartStep` of the opening of each stage. */
export function stepsOf(parts: StageTree<Named<Stage>>): ReadonlyMap<Named<Stage>, number> {
  return new Map(placesOf<Named<Stage>>(parts).map(({ stage }, i) => [stage, StartStep.opening(i)]));
}

/** Returns the stages of a branch, those inside them included. */
export const stagesOfBranch = ({ operators, batcher, sink }: RunningBranch): readonly Stage[] =>
  [...operators, batcher, sink].flatMap(withThoseInside);

/** Returns the stages of an input, those inside them included. */
export const stagesOfInput = ({ source, operators }: RunningInput): readonly Stage[] =>
  [source, ...operators].flatMap(withThoseInside);

/** Returns a stage and those inside it. */
export const withThoseInside = (named: Named<Stage>): readonly Stage[] =>
  stagesWithin<Named<Stage>>(named).map(({ stage }) => stage);

type Steps = ReadonlyMap<Named<Stage>, number>;
/** Of stages that open while the pipeline runs. */
const NO_STEPS: Steps = new Map();

const CODES = {
  Source: 'SOURCE_FAILED',
  Operator: 'OPERATOR_FAILED',
  Batcher: 'INTERNAL',
  Sink: 'SINK_FAILED',
} as const;

function inLife(kind: keyof typeof CODES, named: Named<Stage>, steps: Steps): StageInLife {
  const step = steps === NO_STEPS ? StartStep.started : steps.get(named);
  invariant(step !== undefined, 'a stage of a pipeline has a place in it');
  const { stage } = named;
  const abandon = kind === 'Source' ? () => (stage as Source).stop() : undefined;
  return { label: labelOf(kind, named), code: CODES[kind], stage, step, abandon };
}

/** A stage that reads inputs may do so as soon as it is open. */
function afterItsInputs(kind: keyof typeof CODES, named: Named<Stage>, steps: Steps): StageInLife[] {
  return [
    ...inputsToOpen(named).flatMap(({ source, operators }) => [
      ...operators.flatMap((operator) => afterItsInputs('Operator', operator, steps)),
      ...afterItsInputs('Source', source, steps),
    ]),
    inLife(kind, named, steps),
  ];
}

const inputsToOpen = ({ inputs = {} }: Named<Stage>): RunningInput[] =>
  Object.values(inputs).filter(({ isOnDemand }) => !isOnDemand);

/** A sink that passes rows on has open branches behind it. */
function afterItsBranches(named: Named<Stage>, steps: Steps): StageInLife[] {
  return [
    ...Object.values(named.branches ?? {}).flatMap(({ sink, batcher, operators }) => [
      ...afterItsBranches(sink, steps),
      inLife('Batcher', batcher, steps),
      ...operators.flatMap((operator) => afterItsInputs('Operator', operator, steps)),
    ]),
    inLife('Sink', named, steps),
  ];
}
