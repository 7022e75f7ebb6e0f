import { EventLog, type EventStreamOptions } from '../../core/event-log.js';
import type { BreakerEvent, BreakerListener } from './breaker-event.js';
import { callUser } from './user-callback.js';

/** Delivers events to listeners one at a time, even if a listener throws or causes another event. */
export class BreakerEvents {
  readonly #breaker: string;
  readonly #listeners = new Set<BreakerListener>();
  readonly #log: EventLog<BreakerEvent>;
  readonly #outbox: BreakerEvent[] = [];
  #isTelling = false;

  constructor(breaker: string) {
    this.#breaker = breaker;
    this.#log = new EventLog({
      call: 'breaker.events',
      missed: (count) => ({ type: 'missed', breaker, count }),
    });
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

  /** Reports what a function of the user threw. */
  tellError(from: 'listener' | 'callback', error: unknown): void {
    this.tell({ type: 'error', breaker: this.#breaker, in: from, error });
  }

  stream(options?: EventStreamOptions): AsyncGenerator<BreakerEvent, void> {
    return this.#log.stream(options);
  }

  /** Ends all streams; events already kept can still be read. */
  end(): void {
    this.#log.end();
    this.#listeners.clear();
  }

  #tellAll(event: BreakerEvent): void {
    this.#log.add(event);
    for (const listener of [...this.#listeners]) {
      callUser(
        () => listener(event),
        (error) => {
          // An error that a listener throws while handling an `error` event cannot be reported to anyone.
          if (event.type !== 'error') this.tellError('listener', error);
        },
      );
    }
  }
}
