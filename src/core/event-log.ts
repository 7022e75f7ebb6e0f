import { assertMapping, assertSignal } from './assert-argument.js';
import { InvalidOptionsError } from './errors.js';
import { describeValue } from './shown-text.js';

const CAPACITY = 256;
const CAPACITY_MAX = 100_000;

/** How events are streamed. */
export interface EventStreamOptions {
  /** How many events are kept for a slow reader, 1 to 100,000. Default: 256. */
  readonly capacity?: number | undefined;
  /** Ends the stream. */
  readonly signal?: AbortSignal | undefined;
}

export interface EventLogSettings<Event> {
  /** The call that opens a stream, in errors. */
  readonly call: string;
  /** Tells a slow reader how many events were dropped, oldest first. */
  missed(count: number): Event;
}

/**
 * The latest events, for streams that read them when they like. It knows only streams that wait for an
 * event at this moment, so a stream that nobody reads holds nothing.
 */
export class EventLog<Event> {
  readonly #settings: EventLogSettings<Event>;
  /** As many as the largest stream so far may fall behind. */
  #capacity = 0;
  readonly #kept: Event[] = [];
  /** Number of the first event that is kept; all are numbered as they occur. */
  #first = 0;
  #isOver = false;
  readonly #wakes = new Set<() => void>();

  constructor(settings: EventLogSettings<Event>) {
    this.#settings = settings;
  }

  add(event: Event): void {
    this.#kept.push(event);
    if (this.#kept.length > this.#capacity) {
      this.#kept.shift();
      this.#first++;
    }
    this.#wakeAll();
  }

  /** Delivers events from this call on, including those that occur before the first read. */
  stream(options: EventStreamOptions = {}): AsyncGenerator<Event, void> {
    const { call } = this.#settings;
    assertMapping(call, options);
    const { capacity = CAPACITY, signal } = options;
    assertSignal(call, signal);
    if (!Number.isSafeInteger(capacity) || capacity < 1 || capacity > CAPACITY_MAX) {
      const found = describeValue(capacity);
      throw new InvalidOptionsError(call, [
        `capacity: expected 1 to ${CAPACITY_MAX.toLocaleString('en-US')} events, found ${found}`,
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

  async *#read(from: number, capacity: number, signal: AbortSignal | undefined): AsyncGenerator<Event, void> {
    let next = from;
    while (!signal?.aborted) {
      const oldest = Math.max(this.#first, this.#end - capacity);
      if (next < oldest) {
        const count = oldest - next;
        next = oldest;
        yield this.#settings.missed(count);
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
