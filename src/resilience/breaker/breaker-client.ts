import { assertFunction, assertMapping, assertSignal } from '../../core/assert-argument.js';
import { CallSignals } from '../../core/call-signals.js';
import {
  BreakerOpenError,
  type BreakerRefusal,
  InvalidOptionsError,
  isFinalRefusal,
} from '../../core/errors.js';
import { NEVER_ABORTED } from '../../core/never-aborted.js';
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
import { glance } from '../../shared-memory/glance.js';
import { checkGivenNumbers } from '../rate/check-numbers.js';
import type { BreakerCall, CallPermit, ExecuteOptions, OpenedBreaker } from './breaker-calls.js';
import { BreakerCells } from './breaker-cells.js';
import type { BreakerHandle } from './breaker-handle.js';
import { type BreakerRules, currentRules } from './breaker-rules.js';
import { CallCounter, COUNT_CELL } from './call-counts.js';
import { ChangeWatch } from './change-watch.js';
import type { FailureClass } from './classify.js';
import { ErrorJudge, type ErrorJudgeContext } from './judge-error.js';
import type { HeldProbe } from './probes.js';
import type { WindowGuard } from './time-window.js';
import { TimedCall } from './timed-call.js';

export interface BreakerClientContext extends ErrorJudgeContext {
  readonly threadId: number;
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

/** No control word. */
const NONE = -1;

export class BreakerClient implements OpenedBreaker {
  readonly name: string;
  readonly #cells: BreakerCells;
  readonly #words: Int32Array;
  readonly #counter: CallCounter;
  readonly #guard: WindowGuard;
  readonly #watch: ChangeWatch;
  readonly #context: BreakerClientContext;
  readonly #judge: ErrorJudge;
  readonly #signals = new CallSignals();
  #rules: BreakerRules;
  /** The control word for which these are the rules: options change only together with it. */
  #ruledWord = NONE;
  #plain: PlainCalls | undefined;

  constructor({ name, memory }: Pick<BreakerHandle, 'name' | 'memory'>, context: BreakerClientContext) {
    this.name = name;
    this.#context = context;
    this.#cells = new BreakerCells(memory);
    this.#words = this.#cells.words;
    const counter = new CallCounter(this.#words, context.threadId);
    this.#counter = counter;
    const { clock } = context;
    this.#guard = {
      clock,
      get shard() {
        return counter.shard;
      },
    };
    this.#rules = currentRules(this.#cells, { guard: this.#guard });
    this.#watch = new ChangeWatch(this.#words, CHANGE_CELL);
    this.#judge = new ErrorJudge(name, context);
  }

  permit(): CallPermit {
    return this.#admit();
  }

  execute<T>(call: BreakerCall<T>, options?: ExecuteOptions): Promise<T> {
    // A glance: only a breaker that is seen to be closed lets the call through without a further look. A call
    // that comes after the trip sees it; one at the same time may still pass, as if it had come before.
    const word = glance(this.#words, WORD_CELL);
    if (word !== this.#ruledWord) {
      try {
        this.#followRules(word);
      } catch (error) {
        return Promise.reject(error); // the memory was written to
      }
    }
    const { slowNs, timeoutMs } = this.#rules;
    const isPlain = options === undefined && slowNs === undefined && timeoutMs === undefined;
    if (!isPlain || (word & STATE_MASK) !== CLOSED) return this.#executeWithPermit(call, options);
    // Only the word has to be kept for each call, so all calls in one epoch share two functions.
    if (this.#plain?.word !== word) this.#plain = this.#plainCalls(word);
    const { onValue, onError } = this.#plain;
    let outcome: T | PromiseLike<T>;
    try {
      outcome = call(NEVER_ABORTED);
    } catch (error) {
      if (typeof call !== 'function') return this.#executeWithPermit(call); // which refuses it
      this.#settleClosed(this.#judge.judge(error), word, NOT_TIMED);
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
      const word = this.#loadWord();
      if (this.#mayLetThrough(word, now)) return undefined;
      const refusal = this.#describe(word, now);
      if (this.#cells.load() === word) return refusal;
    }
  }

  async whenCallable(signal?: AbortSignal): Promise<void> {
    assertSignal('breaker.whenCallable', signal);
    while (!signal?.aborted) {
      const seen = this.#watch.seen();
      const refusal = this.refusal();
      if (!refusal) return;
      if (isFinalRefusal(refusal)) throw new BreakerOpenError(refusal);
      const { clock } = this.#context;
      await this.#watch.changed(seen, { clock, timeoutMs: refusal.retryAfterMs, signal });
    }
  }

  close(): void {
    this.#counter.release();
    this.#rules.conditions.close();
  }

  /** Counts the outcome of a permit. Called once for each permit. */
  settle(outcome: Outcome, word: number, startedAt: Nanos, probe: HeldProbe | undefined): void {
    if (stateOf(word) === CLOSED) {
      const { slowNs, conditions } = this.#rules;
      const isPlain = outcome === 'succeeded' && slowNs === undefined;
      if (isPlain && conditions.succeedQuietly(word)) this.#counter.count(SUCCEEDED_CELL);
      else this.#settleClosed(outcome, word, startedAt);
    } else if (probe) {
      this.#settleProbe(outcome, word, startedAt, probe);
    }
  }

  #admit(): AdmittedCall {
    const word = this.#loadWord();
    if ((word & STATE_MASK) !== CLOSED) return this.#admitUnlessOpen();
    return new AdmittedCall(this, word, this.#startTime(), undefined);
  }

  #admitUnlessOpen(): AdmittedCall {
    const { clock, threadId } = this.#context;
    const now = clock.now();
    for (;;) {
      const word = this.#loadWord();
      switch (stateOf(word)) {
        case CLOSED:
        case DISABLED:
          return new AdmittedCall(this, word, this.#startTime(), undefined);
        case OPEN:
          if (!this.#cells.beginProbing(word, now)) throw this.#refuse(word, now);
          this.#context.onChange?.();
          break;
        case HALF_OPEN: {
          const probe = this.#rules.probes.claim(word, now, threadId);
          if (probe) return new AdmittedCall(this, word, this.#startTime(), probe);
          if (this.#cells.load() === word) throw this.#refuse(word, now);
          break;
        }
        default:
          throw this.#refuse(word, now);
      }
    }
  }

  async #executeWithPermit<T>(call: BreakerCall<T>, options: ExecuteOptions = {}): Promise<T> {
    assertFunction('breaker.execute', call);
    assertMapping('breaker.execute', options);
    const { signal: outer, timeoutMs: ownMs } = options;
    checkGivenNumbers('breaker.execute', { timeoutMs: ownMs });
    assertSignal('breaker.execute', outer);
    if (ownMs !== undefined && ownMs < 1) {
      throw new InvalidOptionsError('breaker.execute', [`timeoutMs: expected 1 or more, found ${ownMs}`]);
    }
    outer?.throwIfAborted();
    const permit = this.#admit();
    const timeoutMs = ownMs ?? this.#rules.timeoutMs;
    const { clock } = this.#context;
    const timed =
      timeoutMs === undefined
        ? undefined
        : new TimedCall({ breaker: this.name, timeoutMs, outer }, this.#signals, clock);
    const signal = timed?.signal ?? outer;
    try {
      const value = await (timed ? timed.run(call) : call(signal ?? NEVER_ABORTED));
      permit.succeed();
      return value;
    } catch (error) {
      permit.settle(this.#judge.judge(error, signal));
      throw error;
    }
  }

  #plainCalls(word: number): PlainCalls {
    // Locals of the closure: for nearly every call, the work is a few glances and a count.
    const { conditions } = this.#rules;
    const counter = this.#counter;
    return {
      word,
      onValue: (value) => {
        if (conditions.succeedQuietly(word)) counter.count(SUCCEEDED_CELL);
        else this.#settleClosed('succeeded', word, NOT_TIMED);
        return value;
      },
      onError: (error) => {
        this.#settleClosed(this.#judge.judge(error), word, NOT_TIMED);
        throw error;
      },
    };
  }

  #settleClosed(outcome: Outcome, word: number, startedAt: Nanos): void {
    if (Atomics.load(this.#words, WORD_CELL) !== word) {
      this.#counter.count(COUNT_CELL.late);
      return;
    }
    this.#counter.count(CELL_OF[outcome]);
    if (outcome === 'ignored' || outcome === 'throttled') return;
    const failed = outcome === 'failure';
    const { slowNs, conditions } = this.#rules;
    let now = slowNs !== undefined || conditions.needsEnd ? this.#context.clock.now() : NOT_TIMED;
    const slow = this.#countSlow(startedAt, now);
    const reason = conditions.record(epochOf(word), failed, slow, now);
    if (reason === 0) return;
    if (now === NOT_TIMED) now = this.#context.clock.now();
    if (this.#cells.trip(word, reason, now)) this.#context.onChange?.();
  }

  #settleProbe(outcome: Outcome, word: number, startedAt: Nanos, probe: HeldProbe): void {
    const decides = outcome === 'succeeded' || outcome === 'failure';
    const isInTime = decides
      ? this.#rules.probes.report(probe, word, outcome === 'succeeded')
      : this.#rules.probes.giveBack(probe);
    this.#counter.count(isInTime ? CELL_OF[outcome] : COUNT_CELL.late);
    if (!decides || !isInTime) return;
    if (this.#rules.slowNs !== undefined) this.#countSlow(startedAt, this.#context.clock.now());
    this.#context.onChange?.();
  }

  #countSlow(startedAt: Nanos, now: Nanos): boolean {
    const { slowNs } = this.#rules;
    if (slowNs === undefined || now - startedAt < slowNs) return false;
    this.#counter.count(COUNT_CELL.slow);
    return true;
  }

  #startTime(): Nanos {
    return this.#rules.slowNs === undefined ? NOT_TIMED : this.#context.clock.now();
  }

  #loadWord(): number {
    const word = Atomics.load(this.#words, WORD_CELL);
    if (word !== this.#ruledWord) this.#followRules(word);
    return word;
  }

  /** The state has changed, and with it perhaps the options. */
  #followRules(word: number): void {
    const { conditions } = this.#rules;
    this.#rules = currentRules(this.#cells, { known: this.#rules, guard: this.#guard });
    if (this.#rules.conditions !== conditions) conditions.close();
    this.#ruledWord = word;
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
          this.#rules.probes.verdict(epochOf(word)) === 'undecided' &&
          this.#rules.probes.isAvailable(epochOf(word), now)
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
            ? this.#rules.probes.msUntilNext(epochOf(word), now)
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
