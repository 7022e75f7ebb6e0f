import type { BreakerReason } from '../../shared-memory/breaker-memory.js';

/** What happens to a breaker, as its owner is told. */
export type BreakerEvent =
  | {
      readonly type: 'opened';
      readonly breaker: string;
      readonly reason: BreakerReason;
      /** What it stays open for, from the call that opened it. */
      readonly openForMs: number;
      /** Openings since it was last closed, this one included. */
      readonly openings: number;
    }
  | { readonly type: 'halfOpened'; readonly breaker: string }
  | { readonly type: 'closed'; readonly breaker: string; readonly cause: 'probes' | 'reset' | 'enabled' }
  | { readonly type: 'heldOpen'; readonly breaker: string }
  | { readonly type: 'disabled'; readonly breaker: string }
  /** A probe ended. `thread` is the lower 20 bits of its `threadId`. */
  | {
      readonly type: 'probe';
      readonly breaker: string;
      readonly outcome: 'succeeded' | 'failed';
      readonly thread: number;
    }
  /**
   * `machine`: it has failed, and the breaker does from now on what `whenBroken` says. `listener`: one
   * threw, or an inspector, and nothing else has changed by it.
   */
  | {
      readonly type: 'error';
      readonly breaker: string;
      readonly in: 'machine' | 'listener';
      readonly error: unknown;
    }
  /** Of a stream whose reader was too slow: so many events were let fall, the oldest first. */
  | { readonly type: 'missed'; readonly breaker: string; readonly count: number };

export type BreakerListener = (event: BreakerEvent) => void;

export interface EventStreamOptions {
  /** Events that are kept for a slow reader. */
  readonly capacity?: number;
  /** Ends the stream. */
  readonly signal?: AbortSignal;
}

/** Tells listeners of events, one event after the other, whatever they do. */
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
    // A wrapper, so that a function may be subscribed twice and each be taken back by itself.
    const own: BreakerListener = (event) => listener(event);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Each event reaches all listeners before the next does, also if they cause one. */
  tell(event: BreakerEvent): void {
    this.#outbox.push(event);
    if (this.#isTelling) return;
    this.#isTelling = true;
    for (let next = this.#outbox.shift(); next; next = this.#outbox.shift()) this.#tellAll(next);
    this.#isTelling = false;
  }

  /** Has events from now on, also those before the first is asked for. */
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

  /** Ends all streams, once they are read to their end. */
  end(): void {
    for (const end of [...this.#ends]) end();
    this.#listeners.clear();
  }

  #tellAll(event: BreakerEvent): void {
    for (const listener of [...this.#listeners]) {
      try {
        listener(event);
      } catch (error) {
        // Of a listener that fails on this very event, nobody can be told.
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
