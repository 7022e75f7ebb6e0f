import { type Clock, turnOfTheLoop } from '../core/clock.js';

/** How long a loop may run without timers and control messages having their turn. */
const TURN_NS = 10_000_000n;

/** Lets timers and control messages have their turn, now and then. */
export class LoopTurns {
  readonly #clock: Clock;
  #last: bigint | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The first call starts the time. */
  get isDue(): boolean {
    const now = this.#clock.now();
    this.#last ??= now;
    return now - this.#last >= TURN_NS;
  }

  async take(): Promise<void> {
    await turnOfTheLoop();
    this.#last = this.#clock.now();
  }
}
