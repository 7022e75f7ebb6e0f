import type { Clock, TimerHandle } from '../../core/clock.js';

/** `Atomics.waitAsync`, which Node has but the ES2023 type library does not declare. */
interface WaitAsync {
  waitAsync(
    words: Int32Array,
    cell: number,
    seen: number,
  ): { readonly async: false } | { readonly async: true; readonly value: Promise<'ok' | 'timed-out'> };
}

export interface WaitOptions {
  readonly clock: Clock;
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Waits for changes of one cell that are announced with `Atomics.notify`, without a thread or a timer,
 * and without keeping the process alive. However many callers wait or give up, the engine holds only one
 * wait.
 */
export class ChangeWatch {
  readonly #words: Int32Array;
  readonly #cell: number;
  readonly #wakes = new Set<() => void>();
  #isWaiting = false;

  constructor(words: Int32Array, cell: number) {
    this.#words = words;
    this.#cell = cell;
  }

  /** The current value. Read it before checking whatever may change. */
  seen(): number {
    return Atomics.load(this.#words, this.#cell);
  }

  /**
   * Resolves once the cell no longer holds `seen` (or a little early), after the timeout, or when the
   * signal aborts.
   */
  changed(seen: number, { clock, timeoutMs, signal }: WaitOptions): Promise<void> {
    return new Promise((resolve) => {
      let timer: TimerHandle;
      const finish = () => {
        this.#wakes.delete(finish);
        signal?.removeEventListener('abort', finish);
        if (timer !== undefined) clock.clearTimeout(timer);
        resolve();
      };
      this.#wakes.add(finish);
      signal?.addEventListener('abort', finish, { once: true });
      if (timeoutMs !== undefined) timer = clock.setTimeout(finish, Math.ceil(timeoutMs));
      if (signal?.aborted || this.seen() !== seen) finish();
      else this.#wait(seen);
    });
  }

  #wait(seen: number): void {
    if (this.#isWaiting) return;
    // The cast: see the interface.
    const wait = (Atomics as unknown as WaitAsync).waitAsync(this.#words, this.#cell, seen);
    if (!wait.async) {
      this.#wake();
      return;
    }
    this.#isWaiting = true;
    void wait.value.then(() => {
      this.#isWaiting = false;
      this.#wake();
    });
  }

  #wake(): void {
    for (const finish of [...this.#wakes]) finish();
  }
}
