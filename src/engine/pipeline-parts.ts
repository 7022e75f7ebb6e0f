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

/** What a pipeline is made of. */
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
  /** What the stages were given as `stopping`. */
  readonly stopping?: AbortController;
  /** What each stage has to open in. Without it, whoever runs the pipeline watches that it opens. */
  readonly openDeadlineMs?: number | undefined;
  /** Name of the job, its run and its spec: what its checkpoints are of. */
  readonly job: string;
  readonly run: RunIdentity;
  readonly spec: SpecFingerprint;
  /** Where an earlier start of the run left off; its dictionaries are restored already. */
  readonly checkpoint?: Checkpoint;
  /** Where checkpoints go. Without it, they are for whoever asks for one. */
  readonly saver?: CheckpointSaver;
}

/** How the stages are opened and closed. */
export function lifecycleOf(parts: PipelineParts): StageLifecycle {
  const { source, operators, batcher, sink, rejects, counters, clock, log, openDeadlineMs } = parts;
  const step = StartStep.opening; // counts from the source to the sink
  const sinkAt = operators.length + 2;
  // From the sink up, so that whoever is open can pass its rows on. The rejects come last: a run
  // that is refused leaves no dead-letter file behind.
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
