import type { Clock } from '../core/clock.js';
import { invariant } from '../core/invariant.js';
import type { Resilience } from '../resilience/resilience-client.js';
import type { Logger } from '../telemetry/logger.js';
import type { SourceGateSettings } from '../wire/resolved-spec.js';
import { ProviderGate } from './provider-gate.js';

export interface GateContext {
  readonly resilience: Resilience;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Creates the gate that a spec asks for in front of its source.
 *
 * @throws {ScopeUnknownError} `SCOPE_UNKNOWN` and
 * @throws {BreakerUnknownError} `BREAKER_UNKNOWN` for a name that is not declared, or no longer.
 */
export function createGate(
  { budget, breaker }: SourceGateSettings,
  { resilience, clock, log }: GateContext,
): ProviderGate {
  const provider = budget?.provider ?? breaker;
  invariant(provider !== undefined, 'a gate names a budget, a breaker or both');
  // A provider that asks for a pause means the endpoint, if that is metered on its own.
  const asked = { provider, endpoint: budget?.endpoint };
  return new ProviderGate({
    provider,
    budget: budget && { limiter: resilience.limiter(budget), cost: budget.cost },
    breaker: breaker === undefined ? undefined : resilience.breaker(breaker),
    throttled: (retryAfterMs) => resilience.throttled(asked, retryAfterMs),
    clock,
    log,
  });
}
