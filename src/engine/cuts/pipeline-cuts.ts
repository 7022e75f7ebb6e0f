import type { Checkpoint } from '../../wire/checkpoint.js';
import { placesOf } from '../../wire/stage-tree.js';
import { blame } from '../blame.js';
import type { PipelineBranches } from '../branches/pipeline-branches.js';
import type { Downstream, EndOfStream } from '../downstream.js';
import type { EventTimeLag } from '../event-time/event-time-lag.js';
import type { PipelineInputs } from '../inputs/pipeline-inputs.js';
import type { PipelineParts } from '../pipeline-parts.js';
import type { Durable, Sink } from '../sink.js';
import type { Named, Stage } from '../stage.js';
import { labelOf } from '../stage-label.js';
import type { CheckpointKeeper, Cut } from './checkpoint-keeper.js';
import type { StageStates } from './stage-states.js';

export interface PipelineCutsParts {
  readonly pipeline: PipelineParts;
  readonly downstream: Downstream;
  readonly checkpoints: CheckpointKeeper;
  readonly states: StageStates;
  /** Those that are not in a branch, which takes the states of its own. */
  readonly inputs: PipelineInputs;
  readonly branches: PipelineBranches;
  readonly lag: EventTimeLag;
}

/** Takes consistent cuts of a pipeline, and makes its last rows visible. */
export class PipelineCuts {
  readonly #parts: PipelineCutsParts;
  #durable: Durable | undefined;

  constructor(parts: PipelineCutsParts) {
    this.#parts = parts;
  }

  /** What the sink has last made durable. */
  get durable(): Durable | undefined {
    return this.#durable;
  }

  /** Takes a cut between two batches. Called only while nothing else works on the stages. */
  async take(ended?: Checkpoint['ended']): Promise<Cut> {
    const { downstream, checkpoints, inputs } = this.#parts;
    const { sink, rejects } = this.#parts.pipeline;
    await downstream.closeBatches();
    await rejects.flush(); // a resumed source continues after these rows
    const isPrepared = checkpoints.isKept && sink.stage.prepare !== undefined;
    const flushed = isPrepared ? undefined : await downstream.flush();
    return inputs.whileStill(rejects, () => this.#cutNow(flushed, ended));
  }

  /** @param flushed - What the sink has made durable and visible; if omitted, the sink prepares. */
  #cutNow(flushed: Durable | undefined, ended?: Checkpoint['ended']): Cut {
    const { pipeline, downstream, checkpoints, states, branches } = this.#parts;
    const branchesFollow = !branches.areNone && flushed === undefined;
    const checkpoint = states.take(branchesFollow, ended); // before the sink begins: this may throw
    const durable = flushed ? Promise.resolve(flushed) : downstream.prepare(ended !== undefined);
    // Nobody reads the last checkpoint of a run to make up for what was lost.
    const { rejects } = pipeline;
    const synced = ended || !rejects.settle ? rejects.sync?.() : rejects.settle();
    synced?.catch(() => undefined); // told once the sink is done: it is not closed before that
    return {
      durable: durable.then(async (of) => {
        await synced;
        // What branches have rejected since does not come again.
        if (!branches.areNone) await rejects.sync?.();
        this.#durable = of;
        return of;
      }),
      isPrepared: flushed === undefined,
      turn: checkpoints.turn,
      checkpoint,
    };
  }

  /** Tells all sinks, behind the last cut, that the next start goes on. */
  async suspendSinks(): Promise<void> {
    for (const { kind, stage } of placesOf<Named<Stage>>(this.#parts.pipeline)) {
      if (kind !== 'sink') continue;
      const sink = stage as Named<Sink>; // the kind says what it is
      await blame('SINK_FAILED', labelOf('Sink', sink), () => sink.stage.suspend?.());
    }
  }

  /**
   * Makes the last rows visible. With a store, only after a checkpoint that lists them was accepted; then
   * another checkpoint records that nothing is left to do.
   *
   * @returns `false` if a stop came first.
   */
  async publish(how: EndOfStream): Promise<boolean> {
    const { pipeline, downstream, checkpoints: keeper, inputs, lag } = this.#parts;
    const { sink, rejects } = pipeline;
    const isKept = keeper.isKept && how !== 'failed';
    if (isKept && sink.stage.prepare) {
      const isAccepted = await keeper.takeLast(() => this.take({ how, isPublished: false }));
      if (!isAccepted) return false;
    }
    const durable = await downstream.flush();
    this.#durable = durable;
    lag.finish();
    await rejects.flush();
    if (!isKept) return true;
    const ended = { how, isPublished: true } as const;
    return keeper.takeLast(() => inputs.whileStill(rejects, () => this.#cutNow(durable, ended)));
  }
}
