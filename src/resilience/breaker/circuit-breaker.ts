import { threadId } from 'node:worker_threads';
import type { BreakerRefusal } from '../../core/errors.js';
import {
  BREAKER_PROTOCOL,
  type BreakerState,
  breakerBytes,
  stateName,
} from '../../shared-memory/breaker-memory.js';
import type { Breaker, BreakerCall, CallPermit, ExecuteOptions, ThrottledCall } from './breaker-calls.js';
import { BreakerCells } from './breaker-cells.js';
import { BreakerClient } from './breaker-client.js';
import {
  type BreakerEvent,
  BreakerEvents,
  type BreakerListener,
  type EventStreamOptions,
} from './breaker-events.js';
import type { BreakerHandle } from './breaker-handle.js';
import type { BreakerSaved, BreakerSettings } from './breaker-options.js';
import { type CallCounts, readCallCounts, releaseStripes } from './call-counts.js';
import type { Classify } from './classify.js';
import { MachineMirror, type MirrorContext } from './machine-mirror.js';

export interface CircuitBreakerContext extends MirrorContext {
  readonly classify: Classify;
  readonly onThrottled?: ((call: ThrottledCall) => void) | undefined;
}

/** A breaker in the thread that owns it. */
export class CircuitBreaker implements Breaker {
  readonly name: string;
  readonly handle: BreakerHandle;
  readonly #cells: BreakerCells;
  readonly #client: BreakerClient;
  readonly #events: BreakerEvents;
  readonly #mirror: MachineMirror;
  readonly #holds = new Set<symbol>();

  /** @internal `createBreaker` makes them. */
  constructor(settings: BreakerSettings, context: CircuitBreakerContext) {
    const { name } = settings;
    const { clock, classify, onThrottled } = context;
    this.name = name;
    const memory = new SharedArrayBuffer(breakerBytes(settings));
    this.handle = { protocol: BREAKER_PROTOCOL, name, memory, settings };
    this.#cells = new BreakerCells(this.handle);
    this.#events = new BreakerEvents(name);
    this.#mirror = new MachineMirror(this.#cells, settings, this.#events, context);
    const onChange = () => this.#mirror.follow();
    this.#client = new BreakerClient(this.handle, { clock, threadId, classify, onThrottled, onChange });
  }

  get state(): BreakerState {
    this.#mirror.follow();
    return stateName(this.#cells.load());
  }

  /** What calls came to in all threads since the breaker was made. */
  get counts(): CallCounts {
    return readCallCounts(this.#cells.words);
  }

  execute<T>(call: BreakerCall<T>, options?: ExecuteOptions): Promise<T> {
    return this.#client.execute(call, options);
  }

  permit(): CallPermit {
    return this.#client.permit();
  }

  refusal(): BreakerRefusal | undefined {
    return this.#client.refusal();
  }

  whenCallable(signal?: AbortSignal): Promise<void> {
    return this.#client.whenCallable(signal);
  }

  /**
   * @returns A function that removes the listener. A listener that throws changes nothing; the throw is
   *   reported as an `error` event.
   */
  subscribe(listener: BreakerListener): () => void {
    return this.#events.subscribe(listener);
  }

  /** A stream of events. Ends when the signal aborts or the breaker is closed down. */
  events(options?: EventStreamOptions): AsyncGenerator<BreakerEvent, void> {
    return this.#events.stream(options);
  }

  /**
   * Refuses all calls until this hold and all others are released.
   *
   * @returns A function that releases the hold; calling it again does nothing.
   */
  hold(): () => void {
    const hold = Symbol('hold');
    this.#mirror.apply('hold');
    this.#holds.add(hold);
    return () => {
      if (this.#holds.delete(hold) && this.#mirror.isLive) this.#mirror.apply('release');
    };
  }

  /** Releases all holds, including those restored from the saved state of an earlier process. */
  releaseAll(): void {
    this.#holds.clear();
    this.#mirror.apply('release.all');
  }

  /** Lets all calls through and counts nothing, until `enable`. */
  disable(): void {
    this.#mirror.apply('disable');
  }

  /** Ends `disable`: the breaker is closed, or held open if there are holds. */
  enable(): void {
    this.#mirror.apply('enable');
  }

  /** Closes the breaker and forgets its history. A held breaker stays held, a disabled one stays disabled. */
  reset(): void {
    this.#mirror.apply('reset');
  }

  /**
   * Frees what a thread that has ended still holds: its probes and its counter stripes.
   *
   * @returns The number of probes freed.
   */
  reclaim(threadId: number): number {
    releaseStripes(this.#cells.words, threadId);
    return this.#cells.probes.reclaim(threadId);
  }

  /** The state as plain data, from which another process can create the breaker again. */
  save(): BreakerSaved {
    return this.#mirror.save();
  }

  /** Ends its events and timers. From now on, other threads do what `whenBroken` says. */
  close(): void {
    this.#mirror.close();
    this.#events.end();
  }
}
