import type { ErrorTexts } from './error-text.js';

/** What `tickloom/rate` refuses. */
export const BUDGET_ERRORS = {
  SCOPE_UNKNOWN: {
    meaning: 'There is no budget of that name, or it was removed.',
    cause:
      'A misspelt provider, endpoint or tenant, a budget that was not declared, or a call that waited while `remove` was called.',
    remedy: 'Declare the budget before it is spent from. The message names those that there are.',
    retryable: 'no',
  },
  SCOPE_INVALID: {
    meaning: 'A reference does not name one budget.',
    cause:
      'An empty reference, an endpoint without its provider, or a provider and a tenant where one of them is meant.',
    remedy:
      'Name a provider, an endpoint with its provider, or a tenant. A tenant and a provider may stand together only where permits are taken.',
    retryable: 'no',
  },
  COST_INVALID: {
    meaning: 'A cost is not a whole number from 1 on.',
    cause: 'A cost of 0, a negative cost, a fraction, or a value that is not a number.',
    remedy: 'Give a whole number. For budgets in fractions, scale budget and costs by the same factor.',
    retryable: 'no',
  },
  COST_ABOVE_BURST: {
    meaning: 'A call costs more permits than the budget can ever hold at once.',
    cause:
      'The cost is above `burst`, above the permits of a rolling window, or above 1,000,000, which is the most that a call may cost.',
    remedy: 'Split the call, or raise the burst.',
    retryable: 'no',
  },
  BUDGET_SPENT: {
    meaning: 'The budget has given all that it will ever give.',
    cause: 'Its rate is 0, and the burst is gone.',
    remedy: 'Set another rate with `set`, if more calls are to be made.',
    retryable: 'no',
  },
  ACQUIRE_TIMED_OUT: {
    meaning: 'There was no permit within `timeoutMs`, or it was clear that there would be none.',
    cause:
      'More calls than the budget allows, a cooldown, or a time-out shorter than the wait for one permit.',
    remedy: 'Try again later, make fewer calls, or raise `timeoutMs` or the budget.',
    retryable: 'yes',
  },
  WAITERS_FULL: {
    meaning: 'Too many calls of this thread already wait for permits.',
    cause: 'Calls are made faster than the budget allows, and nothing slows them down.',
    remedy: 'Await earlier calls before making more, or raise `waitersMax`.',
    retryable: 'yes',
  },
  RATE_TABLE_FULL: {
    meaning:
      'The shared table of budgets has no room for another budget, thread, rolling window or in-flight limit.',
    cause:
      'More of them than the coordinator was made for, or ended threads that were not attached and never left.',
    remedy:
      'The message names the setting: raise `scopesMax`, `threadsMax`, `seatsMax`, `rollingPermitsMax` or `inFlightPlacesMax`. Attach workers, so that what they hold comes back.',
    retryable: 'no',
  },
  RATE_CLOSED: {
    meaning: 'The budgets were closed in this thread.',
    cause: 'A call after `close()`, or one that waited while `close()` was called.',
    remedy: 'Close last, or open the budgets again.',
    retryable: 'no',
  },
  HANDLE_INVALID: {
    meaning: 'What was opened is not a handle of budgets or breakers.',
    cause:
      'Something else was posted to the thread, a handle of another version of the package, or memory that was cut short or overwritten.',
    remedy: 'Post what `handle()` returns, as it is, and use one version of Tickloom in all threads.',
    retryable: 'no',
  },
} as const satisfies ErrorTexts;
