import { turnOfTheLoop } from '../../core/clock.js';
import type { StagePlace } from '../../wire/stage-tree.js';
import { stagesOfInput } from '../pipeline-parts.js';
import type { KeptRejects, LettersBehind } from '../rejects.js';
import type { Named, RunningInput, Stage } from '../stage.js';

/** The inputs of stages. */
export class PipelineInputs {
  readonly #inputs: readonly RunningInput[];

  /** @param places - Of the stages, those inside inputs included. What is inside an input on demand is left to it. */
  constructor(places: readonly StagePlace<Named<Stage>>[]) {
    this.#inputs = places
      .filter(({ isOnDemand }) => !isOnDemand)
      .flatMap(({ stage }) => Object.values(stage.inputs ?? {}));
  }

  get areNone(): boolean {
    return this.#inputs.length === 0;
  }

  start(): void {
    for (const input of this.#inputs) input.start();
  }

  /** Ends all inputs without delivery. @param reason - What their reads fail with. */
  breakOff(reason: unknown): void {
    for (const input of this.#inputs) input.breakOff(reason);
  }

  /**
   * Stops all inputs that are not replayable. Replayable inputs continue, so that rows already read can
   * still be joined with theirs.
   */
  drain(): void {
    for (const input of this.#inputs) if (input.capabilities.delivery !== 'replayable') input.drain();
  }

  /** Takes in what has arrived and cannot be read again, for the last checkpoint. */
  async suspend(): Promise<void> {
    await Promise.all(this.#inputs.map((input) => input.suspend()));
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
      await this.freeze();
      await rejects.flush(); // rows that inputs have refused until now
      await turnOfTheLoop(); // a stage may not have received yet the batch that its read resolved with
      return take();
    } finally {
      this.thaw();
    }
  }

  /** Begins nothing new until `thaw`, and resolves once their states can be saved. */
  async freeze(): Promise<void> {
    for (const input of this.#inputs) await input.freeze();
  }

  thaw(): void {
    for (const input of this.#inputs) input.thaw();
  }

  /** The dead letters of their sources that are not in their last snapshots, while they are frozen. */
  lettersBehind(): readonly LettersBehind[] {
    return this.#inputs.flatMap((input) => input.lettersBehind());
  }

  /** Called at the end, before the stages are closed. @returns By the stages of each, what settles once it has ended. */
  end(): ReadonlyMap<readonly Stage[], Promise<void>> {
    return new Map(this.#inputs.map((input) => [stagesOfInput(input), input.end()]));
  }
}
