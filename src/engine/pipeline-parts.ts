import type { DictionarySet } from '../columns/dictionary.js';
import type { Clock } from '../core/clock.js';
import type { Counters } from '../shared-memory/counters.js';
import type { Logger } from '../telemetry/logger.js';
import type { Checkpoint, RunIdentity, SpecFingerprint } from '../wire/checkpoint.js';
import { StartStep } from '../wire/start-step.js';
import type { Batcher } from './batcher.js';
import type { CheckpointSaver } from './checkpoint-keeper.js';
import type { Operator } from './operator.js';
import type { KeptRejects } from './rejects.js';
import type { Sink } from './sink.js';
import type { Source } from './source.js';
import type { Named, Stage } from './stage.js';
import { type StageInLife, StageLifecycle } from './stage-lifecycle.js';

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
  const step = StartStep.opening; // counts from the source to the sink
  const sinkAt = operators.length + 2;
  // Sink first, so that an open stage can always pass its rows on. Rejects last, so that a refused run
  // leaves no dead-letter file.
  const stages: StageInLife[] = [
    { name: `Sink "${sink.use}"`, code: 'SINK_FAILED', stage: sink.stage, step: step(sinkAt) },
    { name: `Batcher "${batcher.use}"`, code: 'INTERNAL', stage: batcher.stage, step: step(sinkAt - 1) },
  ];
  for (const [i, { use, stage }] of operators.entries()) {
    stages.push({ name: `Operator "${use}"`, code: 'OPERATOR_FAILED', stage, step: step(i + 1) });
  }
  stages.push({
    name: `Source "${source.use}"`,
    code: 'SOURCE_FAILED',
    stage: source.stage,
    step: step(0),
  });
  const last = {
    name: 'The dead-letter file',
    code: 'OUTPUT_FAILED',
    stage: rejects as Stage,
    step: step(sinkAt + 1),
  } as const;
  const onOpening = (at: number) => counters.set('startStep', at);
  return new StageLifecycle(stages, last, { clock, log, openDeadlineMs, onOpening });
}
