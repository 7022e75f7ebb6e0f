/** Holds writes back while it is open what becomes of the rows in front of them. */
export class Hold {
  #waiting: (() => void)[] = [];
  #isHeld = false;
  #failure: { readonly error: unknown } | undefined;

  begin(): void {
    this.#isHeld = true;
  }

  /** Whoever waits goes on. */
  release(): void {
    this.#isHeld = false;
    this.#wake();
  }

  /** Whoever waits, or would, fails. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  /** @throws What it was failed with, or the reason of the signal. */
  async passed(stopping: AbortSignal | undefined): Promise<void> {
    for (;;) {
      stopping?.throwIfAborted();
      if (this.#failure) throw this.#failure.error;
      if (!this.#isHeld) return;
      await new Promise<void>((resolve) => {
        const wake = () => {
          stopping?.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiting.push(wake);
        stopping?.addEventListener('abort', wake, { once: true });
      });
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }
}
