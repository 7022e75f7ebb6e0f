import { turnOfTheLoop } from '../core/clock.js';
import { placesOf, type StageTree } from '../wire/stage-tree.js';
import type { KeptRejects } from './rejects.js';
import type { Named, RunningInput, Stage } from './stage.js';

/** All inputs of a pipeline's stages, however deep. */
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

  /** Ends all of them. */
  stop(): void {
    for (const input of this.#inputs) input.stop();
  }

  /**
   * Ends those that would go on for ever. One that is replayable is read on, so that rows in hand get what
   * belongs to them.
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
   * Takes the states of stages while nothing moves: all that inputs have delivered is in the state of the
   * stage that read it, everything else in that of the input.
   */
  async whileStill<T>(rejects: KeptRejects, take: () => T): Promise<T> {
    if (this.areNone) return take();
    try {
      for (const input of this.#inputs) await input.freeze();
      await rejects.flush(); // rows that inputs have refused until now
      await turnOfTheLoop(); // a stage may not have got yet what its read resolved with
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
