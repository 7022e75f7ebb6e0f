import { assertMapping, assertSignal } from '../../core/assert-argument.js';
import { InvalidOptionsError } from '../../core/errors.js';
import { describeValue } from '../../core/shown-text.js';
import type { BreakerEvent, EventStreamOptions } from './breaker-event.js';

const CAPACITY = 256;

/**
 * The latest events, for streams that read them when they like. It knows only streams that wait for an
 * event at this moment, so a stream that nobody reads holds nothing.
 */
export class EventLog {
  readonly #breaker: string;
  /** As many as the largest stream so far may fall behind. */
  #capacity = 0;
  readonly #kept: BreakerEvent[] = [];
  /** Number of the first event that is kept; all are numbered as they occur. */
  #first = 0;
  #isOver = false;
  readonly #wakes = new Set<() => void>();

  constructor(breaker: string) {
    this.#breaker = breaker;
  }

  add(event: BreakerEvent): void {
    this.#kept.push(event);
    if (this.#kept.length > this.#capacity) {
      this.#kept.shift();
      this.#first++;
    }
    this.#wakeAll();
  }

  /** Delivers events from this call on, including those that occur before the first read. */
  stream(options: EventStreamOptions = {}): AsyncGenerator<BreakerEvent, void> {
    assertMapping('breaker.events', options);
    const { capacity = CAPACITY, signal } = options;
    assertSignal('breaker.events', signal);
    if (!Number.isSafeInteger(capacity) || capacity < 1) {
      const found = describeValue(capacity);
      throw new InvalidOptionsError('breaker.events', [
        `capacity: expected 1 or more events, found ${found}`,
      ]);
    }
    this.#capacity = Math.max(this.#capacity, capacity);
    return this.#read(this.#end, capacity, signal);
  }

  /** Ends all streams; events that are kept can still be read. */
  end(): void {
    this.#isOver = true;
    this.#wakeAll();
  }

  get #end(): number {
    return this.#first + this.#kept.length;
  }

  async *#read(
    from: number,
    capacity: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<BreakerEvent, void> {
    let next = from;
    while (!signal?.aborted) {
      const oldest = Math.max(this.#first, this.#end - capacity);
      if (next < oldest) {
        const count = oldest - next;
        next = oldest;
        yield { type: 'missed', breaker: this.#breaker, count };
      } else if (next < this.#end) {
        yield this.#kept[next++ - this.#first]!;
      } else if (this.#isOver) {
        return;
      } else {
        await this.#changed(signal);
      }
    }
  }

  #changed(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#wakes.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      this.#wakes.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#wakes]) wake();
  }
}
