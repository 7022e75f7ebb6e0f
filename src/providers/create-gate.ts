import type { Clock } from '../core/clock.js';
import { invariant } from '../core/invariant.js';
import type { Logger } from '../telemetry/logger.js';
import type { SourceGuard } from '../wire/resolved-spec.js';
import type { Guards } from './guards.js';
import { ProviderGate } from './provider-gate.js';

export interface GateContext {
  readonly guards: Guards;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The gate that a spec asks for in front of its source.
 *
 * @throws {ScopeUnknownError} `SCOPE_UNKNOWN` and
 * @throws {BreakerUnknownError} `BREAKER_UNKNOWN` for what is not there (any more).
 */
export function createGate(
  { budget, breaker }: SourceGuard,
  { guards, clock, log }: GateContext,
): ProviderGate {
  const provider = budget?.provider ?? breaker;
  invariant(provider !== undefined, 'a guard names a budget, a breaker or both');
  // A provider that asks for a pause means the endpoint, where that is metered by itself.
  const asked = { provider, endpoint: budget?.endpoint };
  return new ProviderGate({
    provider,
    budget: budget && { limiter: guards.limiter(budget), cost: budget.cost },
    breaker: breaker === undefined ? undefined : guards.breaker(breaker),
    throttled: (retryAfterMs) => guards.throttled(asked, retryAfterMs),
    clock,
    log,
  });
}
