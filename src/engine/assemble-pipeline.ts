import { SYMBOLS_IN_ORDER } from '../columns/event-order.js';
import { placesOf } from '../wire/stage-tree.js';
import { needsOriginsInBranches } from './branches/origins-in-branches.js';
import { PipelineBranches } from './branches/pipeline-branches.js';
import { decidingSink } from './cuts/checkpoint-decision.js';
import { CheckpointKeeper } from './cuts/checkpoint-keeper.js';
import { PipelineCuts } from './cuts/pipeline-cuts.js';
import { StageStates } from './cuts/stage-states.js';
import { Downstream } from './downstream.js';
import { EventTimeLag } from './event-time/event-time-lag.js';
import { IdleWork } from './idle-work.js';
import { PipelineInputs } from './inputs/pipeline-inputs.js';
import { SourceIntake } from './intake/source-intake.js';
import { LoopTurns } from './loop-turns.js';
import { OperatorChain } from './operator-chain.js';
import { lifecycleOf, type PipelineParts } from './pipeline-parts.js';
import { RowTally } from './row-tally.js';
import { RunEnd } from './run-end.js';
import { RunUntil, throwIfOver } from './run-until.js';
import type { Named, Stage } from './stage.js';
import type { StageLifecycle } from './stage-lifecycle.js';
import { StagesAtWork } from './stages-at-work.js';

/** What the pieces of a pipeline ask of its loop, and tell it. None is called while they are assembled. */
export interface LoopHooks {
  /** Whether nothing is to be read ahead now. */
  isHeld(): boolean;
  /** Whether the run was asked to end without delivery. */
  mustStop(): boolean;
  /** Ends a pause, so that the loop looks at what has happened. */
  wake(): void;
  /** Called when the checkpoint store does not hold up reading any more. */
  endHold(): void;
  /** Takes a checkpoint that is due while the loop waits. */
  cutWhileIdle(): void;
  /** Asks woken operators while the loop waits. */
  askWhileIdle(): void;
}

/** The pieces that the loop of a pipeline works with. */
export interface AssembledPipeline {
  readonly downstream: Downstream;
  readonly tally: RowTally;
  readonly lag: EventTimeLag;
  readonly lifecycle: StageLifecycle;
  readonly intake: SourceIntake;
  readonly states: StageStates;
  readonly checkpoints: CheckpointKeeper;
  readonly cuts: PipelineCuts;
  readonly turns: LoopTurns;
  readonly idle: IdleWork;
  readonly inputs: PipelineInputs;
  /** Those that are not in a branch. The others are cut and drained with their branch. */
  readonly trunkInputs: PipelineInputs;
  /** Those of the source: they are stopped with it. */
  readonly sourceInputs: PipelineInputs;
  readonly branches: PipelineBranches;
  /** Which stage the thread is in. */
  readonly at: StagesAtWork;
  readonly end: RunEnd;
  readonly runUntil: RunUntil;
}

/** Makes the pieces of a pipeline from its stages, and connects them with each other and with its loop. */
export function assemblePipeline(parts: PipelineParts, loop: LoopHooks): AssembledPipeline {
  const { batcher, sink, counters, clock, rejects, log, saver } = parts;
  const source = parts.source.stage;
  const operators = new OperatorChain(parts.operators, {
    input: source.schema,
    dictionaries: parts.dictionaries,
    order: source.order ?? SYMBOLS_IN_ORDER,
    keepsOrigins: needsOriginsInBranches(sink),
    clock,
  });
  const at = new StagesAtWork(
    placesOf<Named<Stage>>(parts).map(({ id }) => id),
    parts.atWork,
  );
  const lag = new EventTimeLag({ source, operators, batcher: batcher.stage, clock });
  const turns = new LoopTurns(clock);
  const lifecycle = lifecycleOf(parts);
  const places = placesOf<Named<Stage>>(parts);
  const inputs = new PipelineInputs(places);
  const trunkInputs = new PipelineInputs(places.filter(({ isInBranch }) => !isInBranch));
  const sourceInputs = new PipelineInputs(places.filter(({ path }) => path[0] === 'source'));
  const intake = new SourceIntake({
    source: parts.source,
    queue: parts.queue,
    dictionaries: parts.dictionaries,
    rejects,
    clock,
    log,
    stages: at,
    isHeld: () => loop.isHeld(),
    isCutDue: () => checkpoints.isCutting,
    onChange: () => tally.updateRead(),
  });
  const tally = new RowTally({ source, intake, operators, sink: sink.stage, counters, clock });
  const endWait = (error: unknown) => {
    intake.stopSource(); // its read may wait for a long time
    intake.breakOff();
    inputs.breakOff(error); // operators may wait for them
    loop.wake();
  };
  const idle = new IdleWork({
    onDone: () => {
      loop.cutWhileIdle();
      loop.askWhileIdle();
      downstream.watchAge();
    },
    onFailure: endWait,
  });
  const breakOff = (error: unknown) => {
    branches.breakOff(error); // the loop may wait for one of them
    endWait(error);
  };
  const runUntil = new RunUntil({
    counters,
    clock,
    onPassed: (error) => {
      lifecycle.interrupt(); // it may wait for a stage that opens
      parts.stopping?.abort();
      breakOff(error);
    },
  });
  const checkpoints = new CheckpointKeeper({
    clock,
    log,
    sink,
    decider: decidingSink(places),
    checkpoint: parts.checkpoint,
    saver,
    onDue: () => loop.cutWhileIdle(),
    onRoom: () => loop.endHold(),
    onFailure: breakOff,
    throwIfOver: () => throwIfOver(counters, clock),
  });
  const branches = new PipelineBranches({
    stages: parts,
    clock,
    log,
    turns,
    at,
    counters,
    onFailure: endWait,
  });
  const downstream: Downstream = new Downstream({
    operators,
    tally,
    lag,
    turns,
    counters,
    clock,
    stages: at,
    batcher,
    sink,
    onAge: (deliver) => idle.start(deliver),
    isStopped: () =>
      loop.mustStop() ||
      checkpoints.hasFailed ||
      branches.hasFailed ||
      downstream.hasFailed ||
      runUntil.hasPassed,
    onFailure: endWait,
  });
  const end = new RunEnd({
    source: parts.source,
    intake,
    inputs,
    downstream,
    branches,
    lifecycle,
    clock,
    stopping: parts.stopping,
    isStopped: () => loop.mustStop(),
  });
  const states = new StageStates(parts, { tally, intake, inputs: trunkInputs });
  const cuts = new PipelineCuts({
    pipeline: parts,
    downstream,
    checkpoints,
    states,
    inputs: trunkInputs,
    branches,
    lag,
  });
  return {
    at,
    downstream,
    tally,
    lag,
    lifecycle,
    intake,
    states,
    checkpoints,
    cuts,
    turns,
    idle,
    inputs,
    trunkInputs,
    sourceInputs,
    branches,
    end,
    runUntil,
  };
}
