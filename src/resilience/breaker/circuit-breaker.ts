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

  /** @returns Takes the listener off. One that throws changes nothing, and is told of as `error`. */
  subscribe(listener: BreakerListener): () => void {
    return this.#events.subscribe(listener);
  }

  /** Ends with the signal, or when the breaker is closed down. */
  events(options?: EventStreamOptions): AsyncGenerator<BreakerEvent, void> {
    return this.#events.stream(options);
  }

  /** Refuses all calls until this hold, and all others, are released. @returns Releases, the first time. */
  hold(): () => void {
    const hold = Symbol('hold');
    this.#mirror.apply('hold');
    this.#holds.add(hold);
    return () => {
      if (this.#holds.delete(hold) && this.#mirror.isLive) this.#mirror.apply('release');
    };
  }

  /** Also the holds of an earlier process, of a breaker that was made from a saved state. */
  releaseAll(): void {
    this.#holds.clear();
    this.#mirror.apply('release.all');
  }

  /** Lets all calls through and counts nothing, until `enable`. */
  disable(): void {
    this.#mirror.apply('disable');
  }

  /** Closed again, or held if there are holds. */
  enable(): void {
    this.#mirror.apply('enable');
  }

  /** Closed, and whatever was before is forgotten. A held breaker stays held, a disabled one disabled. */
  reset(): void {
    this.#mirror.apply('reset');
  }

  /** Takes back what a thread that is no more holds: its probes, and its place to count in. @returns How many probes that were. */
  reclaim(threadId: number): number {
    releaseStripes(this.#cells.words, threadId);
    return this.#cells.probes.reclaim(threadId);
  }

  /** Plain data, to make the breaker again in another process. */
  save(): BreakerSaved {
    return this.#mirror.save();
  }

  /** Ends its events and timers. Other threads do from now on what `whenBroken` says. */
  close(): void {
    this.#mirror.close();
    this.#events.end();
  }
}
