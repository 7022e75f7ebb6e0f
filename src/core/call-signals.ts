/** The abort signal of one call. */
export interface CallSignal {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
}

interface Watched {
  readonly calls: Set<CallSignal>;
  readonly onAbort: () => void;
}

/**
 * Abort signals of calls in progress. Each is aborted by the caller's signal or by `abortAll`. A caller's
 * signal gets only one listener however many calls use it, since Node warns about more than ten. No
 * listener is left behind, unlike with `AbortSignal.any`.
 */
export class CallSignals {
  readonly #calls = new Map<CallSignal, AbortSignal | undefined>();
  readonly #watched = new Map<AbortSignal, Watched>();

  /** Opens the signal of a call. Close it when the call is over. */
  open(outer?: AbortSignal): CallSignal {
    const controller = new AbortController();
    const call: CallSignal = {
      signal: controller.signal,
      abort: (reason) => controller.abort(reason),
    };
    this.#calls.set(call, outer);
    if (outer?.aborted) call.abort(outer.reason);
    else if (outer) this.#watch(outer).calls.add(call);
    return call;
  }

  close(call: CallSignal): void {
    const outer = this.#calls.get(call);
    this.#calls.delete(call);
    const watched = outer && this.#watched.get(outer);
    if (!outer || !watched) return;
    watched.calls.delete(call);
    if (watched.calls.size > 0) return;
    outer.removeEventListener('abort', watched.onAbort);
    this.#watched.delete(outer);
  }

  abortAll(reason: unknown): void {
    for (const call of [...this.#calls.keys()]) call.abort(reason);
  }

  #watch(outer: AbortSignal): Watched {
    const known = this.#watched.get(outer);
    if (known) return known;
    const calls = new Set<CallSignal>();
    const onAbort = () => {
      for (const call of [...calls]) call.abort(outer.reason);
    };
    outer.addEventListener('abort', onAbort, { once: true });
    const watched = { calls, onAbort };
    this.#watched.set(outer, watched);
    return watched;
  }
}
