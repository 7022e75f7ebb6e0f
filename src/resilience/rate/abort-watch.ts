import type { Waiter } from './waiter.js';

/**
 * Listens to the abort signals of waiters. Each signal gets one listener however many waiters share it,
 * since Node warns about more than ten listeners. The listener is removed once no waiter has the signal
 * any more.
 */
export class AbortWatch {
  readonly #watched = new Map<AbortSignal, { readonly waiters: Set<Waiter>; readonly onAbort: () => void }>();
  readonly #giveUp: (waiters: readonly Waiter[], reason: unknown) => void;

  /** @param giveUp - Receives the waiters of a signal that was aborted; must `delete` each of them. */
  constructor(giveUp: (waiters: readonly Waiter[], reason: unknown) => void) {
    this.#giveUp = giveUp;
  }

  add(waiter: Waiter): void {
    const { signal } = waiter;
    if (signal === undefined) return;
    const known = this.#watched.get(signal);
    if (known !== undefined) {
      known.waiters.add(waiter);
      return;
    }
    const waiters = new Set([waiter]);
    const onAbort = () => this.#giveUp([...waiters], signal.reason);
    this.#watched.set(signal, { waiters, onAbort });
    signal.addEventListener('abort', onAbort, { once: true });
  }

  delete(waiter: Waiter): void {
    const { signal } = waiter;
    if (signal === undefined) return;
    const watched = this.#watched.get(signal);
    if (watched === undefined) return;
    watched.waiters.delete(waiter);
    if (watched.waiters.size > 0) return;
    signal.removeEventListener('abort', watched.onAbort);
    this.#watched.delete(signal);
  }
}
