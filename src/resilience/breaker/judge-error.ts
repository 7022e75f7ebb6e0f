import type { Clock } from '../../core/clock.js';
import { isTimeout } from '../../core/provider-error-kind.js';
import { retryAfterMsOf } from '../../core/retry-after.js';
import { cutText } from '../../core/shown-text.js';
import type { ThrottledCall } from './breaker-calls.js';
import type { Classify, FailureClass } from './classify.js';
import { callUser } from './user-callback.js';

const NS_PER_MS = 1e6;
const FAILURE_CLASSES: ReadonlySet<unknown> = new Set<FailureClass>(['failure', 'ignored', 'throttled']);

export interface ErrorJudgeContext {
  readonly clock: Clock;
  readonly classify: Classify;
  readonly onThrottled?: ((call: ThrottledCall) => void) | undefined;
  /** Is told what `classify` and `onThrottled` throw, and an answer that is none. */
  readonly onCallbackError: (error: unknown) => void;
}

/** Says what the error of a call means for the breaker. Never throws, whatever the user's functions do. */
export class ErrorJudge {
  readonly #breaker: string;
  readonly #context: ErrorJudgeContext;

  constructor(breaker: string, context: ErrorJudgeContext) {
    this.#breaker = breaker;
    this.#context = context;
  }

  /** @param signal - The signal that the call was given. */
  judge(error: unknown, signal?: AbortSignal): FailureClass {
    if (signal?.aborted) {
      // Whatever error ended the call: a caller who gave up says nothing about the provider, one who got
      // no answer in time does.
      return isTimeout(signal.reason) ? 'failure' : 'ignored';
    }
    const outcome = this.#classify(error);
    if (outcome === 'throttled') this.#tellThrottled(error);
    return outcome;
  }

  #classify(error: unknown): FailureClass {
    const { classify, onCallbackError } = this.#context;
    let hasThrown = false;
    const answer = callUser(
      () => classify(error),
      (thrown) => {
        hasThrown = true;
        onCallbackError(thrown);
      },
    );
    if (answer !== undefined && FAILURE_CLASSES.has(answer)) return answer;
    if (!hasThrown) {
      const found = typeof answer === 'string' ? JSON.stringify(cutText(`${answer}`, 40)) : typeof answer;
      onCallbackError(
        new TypeError(
          `The "classify" of breaker "${this.#breaker}" answered ${found}; expected "failure", "ignored" or ` +
            '"throttled", so the call counts as a failure',
        ),
      );
    }
    return 'failure';
  }

  #tellThrottled(error: unknown): void {
    const { clock, onThrottled, onCallbackError } = this.#context;
    if (!onThrottled) return;
    callUser(
      () => onThrottled({ retryAfterMs: retryAfterMsOf(error, Number(clock.wall()) / NS_PER_MS), error }),
      onCallbackError,
    );
  }
}
