import type { ErrorTexts } from './error-text.js';

/** What `tickloom/breaker` refuses. */
export const BREAKER_ERRORS = {
  BREAKER_OPEN: {
    meaning: 'A circuit breaker refused a call, so the call was not made.',
    cause:
      'Too many earlier calls failed or were slow, its probes are still in flight, or somebody holds it open.',
    remedy:
      'Wait with `whenCallable()`, or for `refusal.retryAfterMs`. Look into why the calls before failed; a breaker that is held open waits for its release. With reason `ownerClosed` or `machineBroken`, create the breaker again.',
    retryable: 'depends',
  },
  BREAKER_INVALID: {
    meaning: 'A breaker cannot do what was asked of it.',
    cause:
      'It was closed or has lost its machine, its shared memory was written to, or an inspector called the breaker that it watches.',
    remedy: 'Create the breaker again if it is gone. Let an inspector watch, and act from elsewhere.',
    retryable: 'no',
  },
  CALL_TIMED_OUT: {
    meaning: 'A call under a breaker was given up and counted as a failure.',
    cause: 'It took longer than `timeoutMs` of the breaker or of the call.',
    remedy:
      'Look into why the service is slow, or give it more time. The call may go on in the background if it does not heed its signal.',
    retryable: 'yes',
  },
  BREAKER_UNKNOWN: {
    meaning: 'No breaker was declared for that provider.',
    cause: 'A misspelt name, or a provider without an entry in `breakers`.',
    remedy: 'Declare it in `breakers`. The message names those that there are.',
    retryable: 'no',
  },
} as const satisfies ErrorTexts;
