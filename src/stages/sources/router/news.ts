import type { Clock, TimerHandle } from '../../../core/clock.js';

/** Lets one read wait until something has happened, or may have. */
export class News {
  readonly #clock: Clock;
  #wake: (() => void) | undefined;
  #isThere = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether something has happened since `forget`. */
  get isThere(): boolean {
    return this.#isThere;
  }

  tell(): void {
    this.#isThere = true;
    this.wake();
  }

  /** Ends the wait, though there is no news. */
  wake(): void {
    this.#wake?.();
  }

  forget(): void {
    this.#isThere = false;
  }

  /** Waits for news, or for an instant of the monotonic clock. */
  async until(at: bigint): Promise<void> {
    const clock = this.#clock;
    await new Promise<void>((resolve) => {
      // At least a turn of the loop: what a source has given already comes before its silence is judged.
      const delayMs = Math.max(1, Math.ceil(Number(at - clock.now()) / 1e6));
      const timer: TimerHandle = clock.setTimeout(() => this.wake(), delayMs);
      this.#wake = () => {
        this.#wake = undefined;
        clock.clearTimeout(timer);
        resolve();
      };
    });
  }
}
