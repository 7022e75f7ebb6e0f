import type { Clock, TimerHandle } from '../core/clock.js';
import { type Nanos, toMillisCeil } from '../core/units.js';
import type { Batcher } from './batcher.js';

/** A single timer for the oldest open batch of a batcher. It is not re-armed for every batch, so it may fire early. */
export class AgeTimer {
  readonly #batcher: Batcher;
  readonly #clock: Clock;
  readonly #onAge: () => void;
  #handle: TimerHandle;

  /** @param onAge - Called when the batch that was the oldest at arming is due. */
  constructor(batcher: Batcher, clock: Clock, onAge: () => void) {
    this.#batcher = batcher;
    this.#clock = clock;
    this.#onAge = onAge;
  }

  arm(): void {
    const { due } = this.#batcher;
    if (due === undefined || this.#handle !== undefined) return;
    const fire = () => {
      this.#handle = undefined;
      this.#onAge();
    };
    this.#handle = this.#clock.setTimeout(fire, toMillisCeil((due - this.#clock.now()) as Nanos));
  }

  disarm(): void {
    if (this.#handle !== undefined) this.#clock.clearTimeout(this.#handle);
    this.#handle = undefined;
  }
}
