import type { Clock } from '../../core/clock.js';
import { BreakerOpenError, type BreakerRefusal } from '../../core/errors.js';
import { retryAfterMsOf } from '../../core/retry-after.js';
import type { Nanos } from '../../core/units.js';
import {
  CHANGE_CELL,
  CLOSED,
  DISABLED,
  epochOf,
  HALF_OPEN,
  OPEN,
  reasonName,
  STATE_MASK,
  stateName,
  stateOf,
  WORD_CELL,
} from '../../shared-memory/breaker-memory.js';
import type { Breaker, BreakerCall, CallPermit, ExecuteOptions, ThrottledCall } from './breaker-calls.js';
import { BreakerCells } from './breaker-cells.js';
import type { BreakerHandle } from './breaker-handle.js';
import { CallCounter, COUNT_CELL } from './call-counts.js';
import { ChangeWatch } from './change-watch.js';
import type { Classify, FailureClass } from './classify.js';
import type { HeldProbe } from './probes.js';
import { TripConditions } from './trip-conditions.js';

export interface BreakerClientContext {
  readonly clock: Clock;
  readonly threadId: number;
  readonly classify: Classify;
  readonly onThrottled?: ((call: ThrottledCall) => void) | undefined;
  /**
   * Called after this thread changed the state or reported a probe; meant for the thread that owns the
   * machine.
   */
  readonly onChange?: (() => void) | undefined;
}

type Outcome = 'succeeded' | FailureClass;

const SUCCEEDED_CELL = COUNT_CELL.succeeded;
const CELL_OF: Readonly<Record<Outcome, number>> = {
  succeeded: SUCCEEDED_CELL,
  failure: COUNT_CELL.failed,
  ignored: COUNT_CELL.ignored,
  throttled: COUNT_CELL.throttled,
};

const NS_PER_MS = 1e6;
const NOT_TIMED = 0n as Nanos;

export class BreakerClient implements Breaker {
  readonly name: string;
  readonly #cells: BreakerCells;
  readonly #words: Int32Array;
  readonly #conditions: TripConditions;
  readonly #counter: CallCounter;
  readonly #watch: ChangeWatch;
  readonly #context: BreakerClientContext;
  /** `undefined` if slow calls do not matter; then the start of a call need not be timed. */
  readonly #slowNs: bigint | undefined;
  #plain: PlainCalls | undefined;

  constructor(handle: BreakerHandle, context: BreakerClientContext) {
    const { name, settings } = handle;
    this.name = name;
    this.#context = context;
    this.#cells = new BreakerCells(handle);
    this.#words = this.#cells.words;
    this.#conditions = new TripConditions(this.#cells, settings);
    this.#counter = new CallCounter(this.#words, context.threadId);
    this.#watch = new ChangeWatch(this.#words, CHANGE_CELL);
    this.#slowNs =
      settings.slowCallMs === undefined ? undefined : BigInt(Math.ceil(settings.slowCallMs * NS_PER_MS));
  }

  permit(): CallPermit {
    const word = Atomics.load(this.#words, WORD_CELL);
    if ((word & STATE_MASK) !== CLOSED) return this.#permitUnlessOpen();
    return new AdmittedCall(this, word, this.#startTime(), undefined);
  }

  execute<T>(call: BreakerCall<T>, options?: ExecuteOptions): Promise<T> {
    const word = Atomics.load(this.#words, WORD_CELL);
    if (options?.signal || (word & STATE_MASK) !== CLOSED || this.#slowNs !== undefined) {
      return this.#executeWithPermit(call, options?.signal);
    }
    // Only the word has to be kept for each call, so all calls in one epoch share two functions.
    if (this.#plain?.word !== word) this.#plain = this.#plainCalls(word);
    const { onValue, onError } = this.#plain;
    let outcome: T | PromiseLike<T>;
    try {
      outcome = call(undefined);
    } catch (error) {
      this.#settleClosed(this.#classify(error), word, NOT_TIMED);
      return Promise.reject(error);
    }
    // The cast: `onValue` returns its argument.
    if (outcome instanceof Promise) return outcome.then(onValue, onError) as Promise<T>;
    if (isThenable(outcome)) return Promise.resolve(outcome).then(onValue, onError) as Promise<T>;
    this.#settleClosed('succeeded', word, NOT_TIMED);
    return Promise.resolve(outcome);
  }

  refusal(): BreakerRefusal | undefined {
    const now = this.#context.clock.now();
    for (;;) {
      const word = this.#cells.load();
      if (this.#mayLetThrough(word, now)) return undefined;
      const refusal = this.#describe(word, now);
      if (this.#cells.load() === word) return refusal;
    }
  }

  async whenCallable(signal?: AbortSignal): Promise<void> {
    while (!signal?.aborted) {
      const seen = this.#watch.seen();
      const refusal = this.refusal();
      if (!refusal) return;
      const { clock } = this.#context;
      await this.#watch.changed(seen, { clock, timeoutMs: refusal.retryAfterMs, signal });
    }
  }

  /** Counts the outcome of a permit. Called once for each permit. */
  settle(outcome: Outcome, word: number, startedAt: Nanos, probe: HeldProbe | undefined): void {
    if (stateOf(word) === CLOSED) {
      const isPlain = outcome === 'succeeded' && this.#slowNs === undefined;
      if (isPlain && this.#conditions.isQuiet(epochOf(word))) this.#counter.count(SUCCEEDED_CELL);
      else this.#settleClosed(outcome, word, startedAt);
    } else if (probe) {
      this.#settleProbe(outcome, word, startedAt, probe);
    }
  }

  #permitUnlessOpen(): AdmittedCall {
    const { clock, threadId } = this.#context;
    const now = clock.now();
    for (;;) {
      const word = this.#cells.load();
      switch (stateOf(word)) {
        case CLOSED:
        case DISABLED:
          return new AdmittedCall(this, word, this.#startTime(), undefined);
        case OPEN:
          if (!this.#cells.beginProbing(word, now)) throw this.#refuse(word, now);
          this.#context.onChange?.();
          break;
        case HALF_OPEN: {
          const probe = this.#cells.probes.claim(word, now, threadId);
          if (probe) return new AdmittedCall(this, word, this.#startTime(), probe);
          if (this.#cells.load() === word) throw this.#refuse(word, now);
          break;
        }
        default:
          throw this.#refuse(word, now);
      }
    }
  }

  async #executeWithPermit<T>(call: BreakerCall<T>, signal: AbortSignal | undefined): Promise<T> {
    signal?.throwIfAborted();
    const permit = this.permit() as AdmittedCall;
    try {
      const value = await call(signal);
      permit.succeed();
      return value;
    } catch (error) {
      permit.settle(signal?.aborted ? 'ignored' : this.#classify(error));
      throw error;
    }
  }

  #plainCalls(word: number): PlainCalls {
    // Locals of the closure: for nearly every call, the work is two atomic loads and a count.
    const conditions = this.#conditions;
    const counter = this.#counter;
    const epoch = epochOf(word);
    return {
      word,
      onValue: (value) => {
        if (conditions.isQuiet(epoch)) counter.count(SUCCEEDED_CELL);
        else this.#settleClosed('succeeded', word, NOT_TIMED);
        return value;
      },
      onError: (error) => {
        this.#settleClosed(this.#classify(error), word, NOT_TIMED);
        throw error;
      },
    };
  }

  /** Classifies an error and reports a throttled call. The call counts even if the user's functions throw. */
  #classify(error: unknown): FailureClass {
    const { classify, onThrottled, clock } = this.#context;
    try {
      const found = classify(error);
      if (found === 'throttled') {
        onThrottled?.({ retryAfterMs: retryAfterMsOf(error, Number(clock.wall()) / NS_PER_MS), error });
      }
      return found;
    } catch {
      return 'failure';
    }
  }

  #settleClosed(outcome: Outcome, word: number, startedAt: Nanos): void {
    if (Atomics.load(this.#words, WORD_CELL) !== word) {
      this.#counter.count(COUNT_CELL.late);
      return;
    }
    this.#counter.count(CELL_OF[outcome]);
    if (outcome === 'ignored' || outcome === 'throttled') return;
    const failed = outcome === 'failure';
    let now = this.#slowNs !== undefined || this.#conditions.needsEnd ? this.#context.clock.now() : NOT_TIMED;
    const slow = this.#countSlow(startedAt, now);
    const reason = this.#conditions.record(epochOf(word), failed, slow, now);
    if (reason === 0) return;
    if (now === NOT_TIMED) now = this.#context.clock.now();
    if (this.#cells.trip(word, reason, now)) this.#context.onChange?.();
  }

  #settleProbe(outcome: Outcome, word: number, startedAt: Nanos, probe: HeldProbe): void {
    const decides = outcome === 'succeeded' || outcome === 'failure';
    const isInTime = decides
      ? this.#cells.probes.report(probe, word, outcome === 'succeeded')
      : this.#cells.probes.giveBack(probe);
    this.#counter.count(isInTime ? CELL_OF[outcome] : COUNT_CELL.late);
    if (!decides || !isInTime) return;
    if (this.#slowNs !== undefined) this.#countSlow(startedAt, this.#context.clock.now());
    this.#context.onChange?.();
  }

  #countSlow(startedAt: Nanos, now: Nanos): boolean {
    if (this.#slowNs === undefined || now - startedAt < this.#slowNs) return false;
    this.#counter.count(COUNT_CELL.slow);
    return true;
  }

  #startTime(): Nanos {
    return this.#slowNs === undefined ? NOT_TIMED : this.#context.clock.now();
  }

  #mayLetThrough(word: number, now: Nanos): boolean {
    switch (stateOf(word)) {
      case CLOSED:
      case DISABLED:
        return true;
      case OPEN:
        return now >= this.#cells.openUntil();
      case HALF_OPEN:
        return (
          this.#cells.probes.verdict(epochOf(word)) === 'undecided' &&
          this.#cells.probes.isAvailable(epochOf(word), now)
        );
      default:
        return false;
    }
  }

  #refuse(word: number, now: Nanos): BreakerOpenError {
    this.#counter.count(COUNT_CELL.refused);
    return new BreakerOpenError(this.#describe(word, now));
  }

  #describe(word: number, now: Nanos): BreakerRefusal {
    const state = stateName(word);
    return {
      breaker: this.name,
      // Only these three refuse.
      state: state as BreakerRefusal['state'],
      reason: reasonName(word),
      openForMs: Math.max(0, Number(now - this.#cells.openedAt()) / NS_PER_MS),
      retryAfterMs:
        state === 'open'
          ? Math.max(0, Number(this.#cells.openUntil() - now) / NS_PER_MS)
          : state === 'halfOpen'
            ? this.#cells.probes.msUntilNext(epochOf(word), now)
            : undefined,
    };
  }
}

const isThenable = <T>(value: T | PromiseLike<T>): value is PromiseLike<T> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';

/** What `execute` does with calls in the closed state that need no permit of their own. */
interface PlainCalls {
  readonly word: number;
  onValue(value: unknown): unknown;
  onError(error: unknown): never;
}

class AdmittedCall implements CallPermit {
  readonly #client: BreakerClient;
  readonly #word: number;
  readonly #startedAt: Nanos;
  readonly #probe: HeldProbe | undefined;
  #isSettled = false;

  constructor(client: BreakerClient, word: number, startedAt: Nanos, probe: HeldProbe | undefined) {
    this.#client = client;
    this.#word = word;
    this.#startedAt = startedAt;
    this.#probe = probe;
  }

  succeed(): void {
    this.settle('succeeded');
  }
  fail(): void {
    this.settle('failure');
  }
  ignore(): void {
    this.settle('ignored');
  }

  settle(outcome: Outcome): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#client.settle(outcome, this.#word, this.#startedAt, this.#probe);
  }
}
