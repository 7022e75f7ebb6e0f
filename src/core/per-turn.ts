/**
 * Lets at most so many callers through in one turn of the event loop, first come, first served; the others
 * wait for a later turn. So a burst of calls leaves time for everything else between them.
 */
export class PerTurn {
  readonly #max: number;
  #passed = 0;
  #isArmed = false;
  #waiting: (() => void)[] = [];

  constructor(max: number) {
    this.#max = max;
  }

  /** Resolves when it is the caller's turn. */
  async pass(): Promise<void> {
    if (this.#waiting.length > 0 || this.#passed === this.#max) {
      return new Promise((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    this.#passed++;
    this.#arm();
  }

  #arm(): void {
    if (this.#isArmed) return;
    this.#isArmed = true;
    setImmediate(() => {
      this.#isArmed = false;
      const next = this.#waiting.splice(0, this.#max);
      this.#passed = next.length;
      if (next.length > 0) this.#arm();
      for (const resolve of next) resolve();
    });
  }
}
