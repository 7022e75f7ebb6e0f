import { turnOfTheLoop } from '../core/clock.js';
import { placesOf, type StageTree } from '../wire/stage-tree.js';
import type { KeptRejects } from './rejects.js';
import type { Named, RunningInput, Stage } from './stage.js';

/** All inputs of a pipeline's stages, at any depth. */
export class PipelineInputs {
  readonly #inputs: readonly RunningInput[];

  constructor(stages: StageTree<Named<Stage>>) {
    this.#inputs = placesOf<Named<Stage>>(stages).flatMap(({ stage }) => Object.values(stage.inputs ?? {}));
  }

  get areNone(): boolean {
    return this.#inputs.length === 0;
  }

  start(): void {
    for (const input of this.#inputs) input.start();
  }

  /** Stops all inputs. */
  stop(): void {
    for (const input of this.#inputs) input.stop();
  }

  /**
   * Stops all inputs that are not replayable. Replayable inputs continue, so that rows already read can
   * still be joined with theirs.
   */
  drain(): void {
    for (const input of this.#inputs) if (input.capabilities.delivery !== 'replayable') input.stop();
  }

  hold(): void {
    for (const input of this.#inputs) input.hold();
  }

  goOn(heldNs: bigint): void {
    for (const input of this.#inputs) input.goOn(heldNs);
  }

  /**
   * Takes the states of stages while all inputs are frozen. Each batch that an input has delivered is then
   * in the state of the stage that read it, and every other batch is in the state of the input.
   */
  async whileStill<T>(rejects: KeptRejects, take: () => T): Promise<T> {
    if (this.areNone) return take();
    try {
      for (const input of this.#inputs) await input.freeze();
      await rejects.flush(); // rows that inputs have refused until now
      await turnOfTheLoop(); // a stage may not have received yet the batch that its read resolved with
      return take();
    } finally {
      for (const input of this.#inputs) input.thaw();
    }
  }

  /** Called at the end, before the stages are closed. */
  async end(): Promise<void> {
    await Promise.all(this.#inputs.map((input) => input.end()));
  }
}
