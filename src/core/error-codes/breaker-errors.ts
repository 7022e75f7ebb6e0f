import type { ErrorTexts } from './error-text.js';

/** What `tickloom/breaker` refuses. */
export const BREAKER_ERRORS = {
  BREAKER_OPEN: {
    meaning: 'A circuit breaker refused a call, so the call was not made.',
    cause:
      'Too many earlier calls failed or were slow, its probes are still in flight, or somebody holds it open.',
    remedy:
      'Wait with `whenCallable()`, or for `refusal.retryAfterMs`. Look into why the calls before failed; a breaker that is held open waits for its release.',
    retryable: 'yes',
  },
  BREAKER_INVALID: {
    meaning: 'A breaker cannot do what was asked of it.',
    cause:
      'It was closed or has lost its machine; the handle that was opened is not one of a breaker, or of another version; or an inspector called the breaker that it watches.',
    remedy:
      'Create the breaker anew where it is gone. Post its `handle`, and use one version of Tickloom in all threads.',
    retryable: 'no',
  },
  BREAKER_UNKNOWN: {
    meaning: 'No breaker was declared for that provider.',
    cause: 'A misspelt name, or a provider without an entry in `breakers`.',
    remedy: 'Declare it in `breakers`. The message names those that there are.',
    retryable: 'no',
  },
} as const satisfies ErrorTexts;
