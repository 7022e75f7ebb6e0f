/** What each kind of a provider's error does. This table is the only place that says so. */

export type ProviderErrorKind =
  | 'authentication'
  | 'entitlement'
  | 'not-found'
  | 'invalid-request'
  | 'throttled'
  | 'unavailable'
  | 'disconnected'
  | 'protocol'
  | 'unsupported';

/** One code for each kind, since only the code of an error crosses threads. */
export type ProviderErrorCode =
  | 'PROVIDER_AUTHENTICATION'
  | 'PROVIDER_ENTITLEMENT'
  | 'PROVIDER_NOT_FOUND'
  | 'PROVIDER_INVALID_REQUEST'
  | 'PROVIDER_THROTTLED'
  | 'PROVIDER_UNAVAILABLE'
  | 'PROVIDER_DISCONNECTED'
  | 'PROVIDER_PROTOCOL'
  | 'PROVIDER_UNSUPPORTED';

export interface ProviderErrorRule {
  readonly code: ProviderErrorCode;
  /** `cooldown`: nobody calls the provider for as long as it asks. */
  readonly budget: 'cooldown' | 'unchanged';
  /** `failure` counts towards opening; `ignored` counts for nothing and gives a probe back. */
  readonly breaker: 'failure' | 'ignored';
  /** Whether the gate makes the same call again. Without a breaker to pace it, only after a cooldown. */
  readonly callAgain: boolean;
  /** Whether a job that failed with it may be started again: `retryable` of the error. */
  readonly restart: boolean;
}

/** The provider was there, and another call would get the same answer. */
const REFUSED = { budget: 'unchanged', breaker: 'ignored', callAgain: false, restart: false } as const;
/** The provider cannot be reached, or does not work. */
const OUTAGE = { budget: 'unchanged', breaker: 'failure', callAgain: true, restart: true } as const;

export const PROVIDER_ERRORS: Readonly<Record<ProviderErrorKind, ProviderErrorRule>> = {
  authentication: { code: 'PROVIDER_AUTHENTICATION', ...REFUSED },
  entitlement: { code: 'PROVIDER_ENTITLEMENT', ...REFUSED },
  'not-found': { code: 'PROVIDER_NOT_FOUND', ...REFUSED },
  'invalid-request': { code: 'PROVIDER_INVALID_REQUEST', ...REFUSED },
  unsupported: { code: 'PROVIDER_UNSUPPORTED', ...REFUSED },
  throttled: {
    code: 'PROVIDER_THROTTLED',
    budget: 'cooldown',
    breaker: 'ignored',
    callAgain: true,
    restart: true,
  },
  unavailable: { code: 'PROVIDER_UNAVAILABLE', ...OUTAGE },
  disconnected: { code: 'PROVIDER_DISCONNECTED', ...OUTAGE },
  protocol: { code: 'PROVIDER_PROTOCOL', ...OUTAGE },
};

const KIND_BY_CODE: ReadonlyMap<unknown, ProviderErrorKind> = new Map(
  (Object.keys(PROVIDER_ERRORS) as ProviderErrorKind[]).map((kind) => [PROVIDER_ERRORS[kind].code, kind]),
);

/** The kind that a code stands for; `undefined` for other codes. */
export const kindOfCode = (code: unknown): ProviderErrorKind | undefined => KIND_BY_CODE.get(code);
