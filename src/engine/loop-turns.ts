import { type Clock, turnOfTheLoop } from '../core/clock.js';

/** How long the loop may run without a turn for timers and control messages. */
const TURN_NS = 10_000_000n;

/** Yields to timers and control messages at intervals. */
export class LoopTurns {
  readonly #clock: Clock;
  #last: bigint | undefined;
  #turn: Promise<void> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a turn is due. The first call starts the interval. */
  get isDue(): boolean {
    const now = this.#clock.now();
    this.#last ??= now;
    return now - this.#last >= TURN_NS;
  }

  /**
   * Loops that wait at the same time go on together: of two turns in a row, the first one to end would keep the
   * other loop waiting for as long as it finds work without a wait.
   */
  take(): Promise<void> {
    this.#turn ??= turnOfTheLoop().then(() => {
      this.#last = this.#clock.now();
      this.#turn = undefined;
    });
    return this.#turn;
  }
}
