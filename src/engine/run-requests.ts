import type { AssembledPipeline } from './assemble-pipeline.js';
import type { EndOfStream } from './downstream.js';
import type { PipelineParts } from './pipeline-parts.js';

/**
 * What was asked of a run while it is under way: to pause, or to end in one of three ways. A drain or a
 * suspend overrides a pause; of the two, the first one counts. A stop overrides all.
 */
export class RunRequests {
  readonly #parts: PipelineParts;
  readonly #pieces: AssembledPipeline;
  readonly #askWhileIdle: () => void;
  #isPaused = false;
  /** Whether all rows of the source have passed, and operators emit what they hold. */
  #isFinishing = false;
  #ending: 'drain' | 'suspend' | 'stop' | undefined;
  #wake: (() => void) | undefined;

  /** @param askWhileIdle - Asks woken operators, if the loop waits and is not held. */
  constructor(parts: PipelineParts, pieces: AssembledPipeline, askWhileIdle: () => void) {
    this.#parts = parts;
    this.#pieces = pieces;
    this.#askWhileIdle = askWhileIdle;
  }

  /** How the run was asked to end. */
  get ending(): 'drain' | 'suspend' | 'stop' | undefined {
    return this.#ending;
  }

  get mustStop(): boolean {
    return this.#ending === 'stop';
  }

  /** Whether reading is paused, by request or since the checkpoint store has no room. */
  get isHeld(): boolean {
    return this.#isPaused || this.#pieces.checkpoints.holdsIntake;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.endHold();
  }

  /** Lets the loop go on. If it still waits for a read that began before, nothing else asks operators woken meanwhile. */
  endHold(): void {
    if (this.#wake) this.#wake();
    else this.#askWhileIdle();
  }

  drain(): void {
    const { intake, sourceInputs, trunkInputs, branches } = this.#pieces;
    this.#ending ??= 'drain';
    const { holdsRows } = this.#parts.source.stage; // it is read on until it has returned them
    if (holdsRows && this.#ending === 'drain') intake.stopSource();
    else this.#stopReading();
    if (this.#ending === 'drain') {
      sourceInputs.drain();
      if (this.#isFinishing) trunkInputs.drain();
      branches.drain();
    }
    this.wake();
  }

  suspend(): void {
    // Once operators have been told of the end, there is nothing to go on with: only live inputs are waited for.
    if (!this.#pieces.checkpoints.isKept || this.#isFinishing || this.#ending === 'drain') {
      this.drain();
      return;
    }
    this.#ending ??= 'suspend';
    this.#stopReading();
    this.wake();
  }

  stop(): void {
    const { lifecycle, checkpoints, branches, end, intake, inputs } = this.#pieces;
    this.#ending = 'stop';
    lifecycle.interrupt();
    checkpoints.stop();
    this.#parts.stopping?.abort();
    const reason = end.reason();
    branches.breakOff(reason);
    this.#stopReading();
    intake.breakOff();
    inputs.breakOff(reason);
    this.wake();
  }

  /** Called once all rows of the source have passed, before operators are told of the end. */
  beginFinish(how: EndOfStream): void {
    this.#isFinishing = true;
    // Otherwise, operators would wait for the next rows of live ones.
    if (this.#ending === 'drain' || how !== 'completed') this.#pieces.trunkInputs.drain();
  }

  /** Resolves with the next request, or a `wake`. */
  async next(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }

  wake(): void {
    this.#wake?.();
  }

  #stopReading(): void {
    this.#pieces.intake.stop();
    this.#pieces.intake.stopSource();
  }
}
