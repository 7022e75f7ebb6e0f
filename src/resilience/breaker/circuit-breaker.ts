import { threadId } from 'node:worker_threads';
import { assertFunction, assertMapping } from '../../core/assert-argument.js';
import { type BreakerRefusal, InvalidOptionsError } from '../../core/errors.js';
import type { EventStreamOptions } from '../../core/event-log.js';
import { parseOptions } from '../../settings/parse-options.js';
import {
  BREAKER_PROTOCOL,
  type BreakerState,
  breakerBytes,
  makeBreakerMemory,
  stateName,
} from '../../shared-memory/breaker-memory.js';
import { checkNumbers } from '../rate/check-numbers.js';
import type { Breaker, BreakerCall, CallPermit, ExecuteOptions, ThrottledCall } from './breaker-calls.js';
import { BreakerCells } from './breaker-cells.js';
import { BreakerClient } from './breaker-client.js';
import type { BreakerEvent, BreakerListener } from './breaker-event.js';
import { BreakerEvents } from './breaker-events.js';
import { BREAKER_KIND, type BreakerHandle } from './breaker-handle.js';
import { BreakerOptions, type BreakerSettings } from './breaker-options.js';
import type { BreakerSaved } from './breaker-saved.js';
import type { BreakerStatus } from './breaker-status.js';
import { type CallCounts, readCallCounts, releaseStripes } from './call-counts.js';
import type { Classify } from './classify.js';
import { MachineMirror } from './machine-mirror.js';
import type { MirrorContext } from './mirror-context.js';
import type { ToldState } from './told-state.js';
import { ToldStateInput } from './told-state-input.js';

export interface CircuitBreakerContext extends MirrorContext {
  readonly classify: Classify;
  readonly onThrottled?: ((call: ThrottledCall) => void) | undefined;
}

/** Options to change. The name stays. */
export type BreakerChanges = Partial<Omit<BreakerOptions, 'name'>>;

/** A breaker in the thread that owns it. */
export class CircuitBreaker implements Breaker {
  readonly name: string;
  readonly #handle: BreakerHandle;
  readonly #cells: BreakerCells;
  readonly #client: BreakerClient;
  readonly #events: BreakerEvents;
  readonly #mirror: MachineMirror;
  readonly #holds = new Set<symbol>();
  /** As given, since what is left out may mean something else beside other options. */
  #options: BreakerOptions;

  /** @internal `createBreaker` makes them. */
  constructor(options: BreakerOptions, context: CircuitBreakerContext) {
    const settings = parseOptions('breaker', BreakerOptions, options);
    const { name } = settings;
    const { clock, classify, onThrottled } = context;
    this.name = name;
    this.#options = options;
    const memory = makeBreakerMemory(breakerBytes(settings));
    this.#handle = { kind: BREAKER_KIND, protocol: BREAKER_PROTOCOL, name, memory };
    this.#cells = new BreakerCells(memory);
    this.#events = new BreakerEvents(name);
    this.#mirror = new MachineMirror(this.#cells, settings, this.#events, context);
    this.#client = new BreakerClient(this.#handle, {
      clock,
      threadId,
      classify,
      onThrottled,
      onCallbackError: (error) => this.#events.tellError('callback', error),
      onChange: () => this.#mirror.follow(),
    });
  }

  /** Plain data for another thread, which opens it with `openBreaker`. */
  handle(): BreakerHandle {
    return this.#handle;
  }

  get state(): BreakerState {
    this.#mirror.follow();
    return stateName(this.#cells.load());
  }

  /** @internal Its options now, as they were given, without its name. */
  get options(): Omit<BreakerOptions, 'name'> {
    const { name: _, ...options } = this.#options;
    return options;
  }

  /** Its options now, with defaults. */
  get settings(): BreakerSettings {
    return this.#mirror.settings;
  }

  /** What it is doing now, and what its conditions have counted. */
  status(): BreakerStatus {
    return this.#mirror.status();
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
   * @throws {InvalidOptionsError} if `listener` is not a function.
   */
  subscribe(listener: BreakerListener): () => void {
    assertFunction('breaker.subscribe', listener);
    return this.#events.subscribe(listener);
  }

  /**
   * A stream of events. Ends when the signal aborts or the breaker is closed down.
   *
   * @throws {InvalidOptionsError} if `options` is not an object, or `capacity` is not a whole number of at
   *   least 1.
   */
  events(options?: EventStreamOptions): AsyncGenerator<BreakerEvent, void> {
    return this.#events.stream(options);
  }

  /**
   * Changes options while all threads go on using the breaker; `undefined` takes one back. A window is
   * changed as a whole. The state stays, what the conditions have counted does, too, and decides with the
   * next outcome. Calls in flight and probes are late.
   *
   * @throws {InvalidOptionsError} naming the refused options; then nothing has changed.
   * @throws {InvalidBreakerError} if the breaker was closed down or has lost its machine.
   */
  configure(changes: BreakerChanges): void {
    assertMapping('breaker.configure', changes);
    if ('name' in changes && changes.name !== this.name) {
      throw new InvalidOptionsError('breaker', ['breaker.name: cannot be changed']);
    }
    const options = { ...this.#options, ...changes, name: this.name };
    this.#mirror.configure(parseOptions('breaker', BreakerOptions, options));
    this.#options = options;
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

  /**
   * Goes to a state that was found elsewhere: by the breaker of the same provider in another process. A version that is
   * not higher than the last one is ignored, and so is everything while the breaker is held or disabled by hand. What
   * is found here goes on to count: a breaker that was told to close opens again on failures of its own.
   *
   * @throws {InvalidOptionsError} naming what is wrong with it.
   * @throws {InvalidBreakerError} if the breaker was closed down or has lost its machine.
   */
  told(state: ToldState): void {
    this.#mirror.tell(parseOptions('breaker.told', ToldStateInput, state));
  }

  /** Version of the last state that it was told and went to; 0 before the first. */
  get toldVersion(): number {
    return this.#mirror.toldVersion;
  }

  /** Lets all calls through and counts nothing, until `enable`. */
  disable(): void {
    this.#mirror.apply('disable');
  }

  /** Ends `disable`: the breaker is closed, or held open if there are holds. */
  enable(): void {
    this.#mirror.apply('enable');
  }

  /** Closes the breaker, if it is not, and forgets its history. A held breaker stays held, a disabled one stays disabled. */
  reset(): void {
    this.#mirror.apply('reset');
  }

  /**
   * Frees what a thread that has ended still holds: its probes and its counter stripes.
   *
   * @returns The number of probes freed.
   */
  reclaim(threadId: number): number {
    checkNumbers('breaker.reclaim', { threadId });
    releaseStripes(this.#cells.words, threadId);
    return this.#mirror.reclaimProbes(threadId);
  }

  /** The state as plain data, from which another process can create the breaker again. */
  save(): BreakerSaved {
    return this.#mirror.save();
  }

  /** Ends its events and timers. From now on, other threads do what `whenBroken` says. */
  close(): void {
    this.#mirror.close();
    this.#client.close();
    this.#events.end();
  }
}
