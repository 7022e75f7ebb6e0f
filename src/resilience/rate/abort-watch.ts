import type { Waiter } from './waiter.js';

/**
 * Listens to the signals of waiters: once a signal, however many wait with it, since Node warns of
 * more than ten listeners. A signal that no waiter has any more is let go of.
 */
export class AbortWatch {
  readonly #watched = new Map<AbortSignal, { readonly waiters: Set<Waiter>; readonly onAbort: () => void }>();
  readonly #giveUp: (waiters: readonly Waiter[], reason: unknown) => void;

  /** @param giveUp - Takes the waiters of a signal that was aborted; has to `delete` each. */
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
