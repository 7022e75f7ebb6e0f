/**
 * Runs work while the loop waits, and only then, one piece at a time. This way the sink receives one batch
 * at a time, from the loop or from idle work. The loop continues only after the work is done.
 */
export class IdleWork {
  readonly #settings: IdleWorkSettings;
  #isWaiting = false;
  /** The work in progress; never rejects. */
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(settings: IdleWorkSettings) {
    this.#settings = settings;
  }

  /** Called when the loop starts to wait. */
  begin(): void {
    this.#isWaiting = true;
  }

  /**
   * Called when the loop continues; waits for work in progress.
   * @throws What the work threw. This takes precedence over the result of the wait.
   */
  async end(): Promise<void> {
    this.#isWaiting = false;
    if (this.#running) await this.#running;
    if (this.#failure) throw this.#failure.error;
  }

  /** Starts the work now, or not at all if the loop is busy or other work is in progress. */
  start(work: () => Promise<void>): void {
    if (!this.#isWaiting || this.#running || this.#failure) return;
    this.#running = work()
      .catch((error: unknown) => {
        this.#failure = { error };
        this.#settings.onFailure(error);
      })
      .finally(() => {
        this.#running = undefined;
        if (this.#isWaiting) this.#settings.onDone();
      });
  }
}

export interface IdleWorkSettings {
  /** Called after a failure, to end the wait of the loop, which could take long. */
  onFailure(error: unknown): void;
  /** Called when the work is done and the loop still waits. */
  onDone(): void;
}
