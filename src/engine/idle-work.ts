/**
 * What is done while the loop waits, and only then, one piece at a time: a sink is given one batch at
 * a time, whoever delivers. The loop goes on once it is done.
 */
export class IdleWork {
  readonly #settings: IdleWorkSettings;
  #isWaiting = false;
  /** Never rejects. */
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(settings: IdleWorkSettings) {
    this.#settings = settings;
  }

  /** The loop waits from here on. */
  begin(): void {
    this.#isWaiting = true;
  }

  /**
   * The loop goes on.
   * @throws What the work threw. It comes before whatever the wait ended with.
   */
  async end(): Promise<void> {
    this.#isWaiting = false;
    if (this.#running) await this.#running;
    if (this.#failure) throw this.#failure.error;
  }

  /** Does it now, or not at all while the loop is busy or other work is under way. */
  start(work: () => Promise<void>): void {
    if (!this.#isWaiting || this.#running || this.#failure) return;
    this.#running = work()
      .catch((error) => {
        this.#failure = { error };
        this.#settings.onFailure();
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#isWaiting) this.#settings.onDone();
      });
  }
}

export interface IdleWorkSettings {
  /** The wait is to end: what it waits for may be long in coming. */
  onFailure(): void;
  /** The loop still waits. */
  onDone(): void;
}
