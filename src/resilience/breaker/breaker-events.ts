import type { BreakerReason } from '../../shared-memory/breaker-memory.js';

/** What happens to a breaker, as reported to its owner. */
export type BreakerEvent =
  | {
      readonly type: 'opened';
      readonly breaker: string;
      readonly reason: BreakerReason;
      /** How long it stays open, measured from the call that opened it. */
      readonly openForMs: number;
      /** Openings since it was last closed, this one included. */
      readonly openings: number;
    }
  | { readonly type: 'halfOpened'; readonly breaker: string }
  | { readonly type: 'closed'; readonly breaker: string; readonly cause: 'probes' | 'reset' | 'enabled' }
  | { readonly type: 'heldOpen'; readonly breaker: string }
  | { readonly type: 'disabled'; readonly breaker: string }
  /** A probe ended. */
  | {
      readonly type: 'probe';
      readonly breaker: string;
      readonly outcome: 'succeeded' | 'failed';
      /** The lower 20 bits of the id of its thread. */
      readonly thread: number;
    }
  /**
   * `machine`: the machine failed; from now on the breaker does what `whenBroken` says. `listener`: a
   * listener or an inspector threw; nothing else changes.
   */
  | {
      readonly type: 'error';
      readonly breaker: string;
      readonly in: 'machine' | 'listener';
      readonly error: unknown;
    }
  /** A stream's reader was too slow: this many events were dropped, oldest first. */
  | { readonly type: 'missed'; readonly breaker: string; readonly count: number };

/** Is told each event of a breaker, in order. */
export type BreakerListener = (event: BreakerEvent) => void;

/** How events are streamed. */
export interface EventStreamOptions {
  /** How many events are kept for a slow reader. */
  readonly capacity?: number;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

/** Delivers events to listeners one at a time, even if a listener throws or causes another event. */
export class BreakerEvents {
  readonly #breaker: string;
  readonly #listeners = new Set<BreakerListener>();
  readonly #ends = new Set<() => void>();
  readonly #outbox: BreakerEvent[] = [];
  #isTelling = false;

  constructor(breaker: string) {
    this.#breaker = breaker;
  }

  subscribe(listener: BreakerListener): () => void {
    // A wrapper, so that a function can be subscribed twice and each subscription removed on its own.
    const own: BreakerListener = (event) => listener(event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Delivers each event to all listeners before the next one, even if a listener causes another event. */
  tell(event: BreakerEvent): void {
    this.#outbox.push(event);
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let next = this.#outbox.shift(); next; next = this.#outbox.shift()) this.#tellAll(next);
    this.#isTelling = false;
  }

  /** Delivers events from this call on, including those that occur before the first read. */
  stream({ capacity = 256, signal }: EventStreamOptions = {}): AsyncGenerator<BreakerEvent, void> {
    const queue = new EventQueue(this.#breaker, capacity);
    const off = this.subscribe((event) => queue.put(event));
    const end = () => queue.end();
    this.#ends.add(end);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted) end();
    return queue.read(() => {
      off();
      this.#ends.delete(end);
      signal?.removeEventListener('abort', end);
    });
  }

  /** Ends all streams; events already kept can still be read. */
  end(): void {
    for (const end of [...this.#ends]) end();
    this.#listeners.clear();
  }

  #tellAll(event: BreakerEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        // An error that a listener throws while handling an `error` event cannot be reported to anyone.
        if (event.type !== 'error') {
          this.#outbox.push({ type: 'error', breaker: this.#breaker, in: 'listener', error });
        }
      }
    }
  }
}

/** Events on their way to one reader. */
class EventQueue {
  readonly #breaker: string;
  readonly #capacity: number;
  readonly #kept: BreakerEvent[] = [];
  #missed = 0;
  #isOver = false;
  #wake = () => {};

  constructor(breaker: string, capacity: number) {
    this.#breaker = breaker;
    this.#capacity = capacity;
  }

  put(event: BreakerEvent): void {
    this.#kept.push(event);
    if (this.#kept.length > this.#capacity) {
      this.#kept.shift();
      this.#missed++;
    }
    this.#wake();
  }

  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  async *read(release: () => void): AsyncGenerator<BreakerEvent, void> {
    try {
      for (;;) {
        const next = this.#next();
        if (next) {
          yield next;
        } else if (this.#isOver) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      release();
    }
  }

  #next(): BreakerEvent | undefined {
    if (this.#missed === 0) return this.#kept.shift();
    const count = this.#missed;
    this.#missed = 0;
    return { type: 'missed', breaker: this.#breaker, count };
  }
}
