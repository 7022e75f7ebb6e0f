import type { ErrorTexts } from './error-text.js';

/** What a provider of data answers, or that it does not answer: `provider-error-table.ts` says what each does. */
export const PROVIDER_TEXTS = {
  PROVIDER_AUTHENTICATION: {
    meaning: 'The provider does not accept who is asking.',
    cause: 'A key that is wrong, has expired or was revoked (status 401 or 407).',
    remedy: 'Renew the key, and start the job again. It is not tried again by itself.',
    retryable: 'no',
  },
  PROVIDER_ENTITLEMENT: {
    meaning: 'The provider knows who is asking, and does not give this data to them.',
    cause: 'A plan without this feed, symbol or region (status 402, 403 or 451).',
    remedy: 'Change the plan with the provider, or ask for what it covers.',
    retryable: 'no',
  },
  PROVIDER_NOT_FOUND: {
    meaning: 'The provider has nothing of that name.',
    cause: 'A misspelt or delisted symbol, or an address that has moved (status 404 or 410).',
    remedy: 'Look the name up with the provider, and correct the spec.',
    retryable: 'no',
  },
  PROVIDER_INVALID_REQUEST: {
    meaning: 'The provider does not understand what it was asked.',
    cause:
      'A parameter that is out of range, or a client of another version (other statuses from 400 to 499).',
    remedy: 'Correct the request. The message has what the provider said.',
    retryable: 'no',
  },
  PROVIDER_THROTTLED: {
    meaning: 'The provider asks for fewer calls.',
    cause: 'More calls than it allows, often by another process with the same key (status 429 or 418).',
    remedy:
      'Declare its limits as a budget, and name the budget in the spec: then all threads wait for what `Retry-After` says. Share the key with fewer processes.',
    retryable: 'yes',
  },
  PROVIDER_UNAVAILABLE: {
    meaning: 'The provider gave no answer, or said that it cannot.',
    cause: 'An outage, maintenance, a network without a way there, or a time-out (status 408 or from 500).',
    remedy: 'Wait. With a breaker in front of the source, the intake pauses and resumes by itself.',
    retryable: 'yes',
  },
  PROVIDER_DISCONNECTED: {
    meaning: 'A connection to the provider was there, and is gone.',
    cause: 'The provider or something on the way closed it.',
    remedy: 'Wait. With a breaker in front of the source, the call is made again.',
    retryable: 'yes',
  },
  PROVIDER_PROTOCOL: {
    meaning: 'What came from the provider cannot be read.',
    cause: 'A changed format, a proxy in between, or a certificate that does not fit.',
    remedy: 'See the message. Update the client if the format has changed; look at proxies and certificates.',
    retryable: 'yes',
  },
  PROVIDER_UNSUPPORTED: {
    meaning: 'The provider does not offer this.',
    cause: 'A kind of data or a call that it does not have (status 405, 501 or 505).',
    remedy: 'Use another source for it.',
    retryable: 'no',
  },
} as const satisfies ErrorTexts;
