import type { Clock } from '../core/clock.js';
import { invariant } from '../core/invariant.js';
import type { Resilience } from '../resilience/resilience-client.js';
import type { Logger } from '../telemetry/logger.js';
import type { SourceGateSettings } from '../wire/resolved-spec.js';
import { ProviderGate } from './provider-gate.js';

export interface GateContext {
  /** Name of the source, for messages about a provider that the spec does not name. */
  readonly use: string;
  /** Required if a budget or a breaker is named. */
  readonly resilience?: Resilience | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Creates the gate in front of a source, with the budget and the breaker that a spec asks for. Without them, a
 * stop still ends the calls in progress, and a call that the provider throttles is made again.
 * @throws {ScopeUnknownError} `SCOPE_UNKNOWN` and
 * @throws {BreakerUnknownError} `BREAKER_UNKNOWN` for a name that is not declared, or no longer.
 */
export function createGate(
  { budget, breaker }: SourceGateSettings,
  { use, resilience, clock, log }: GateContext,
): ProviderGate {
  const named = budget?.provider ?? breaker;
  if (named === undefined) return new ProviderGate({ provider: use, throttled: () => {}, clock, log });
  invariant(resilience !== undefined, 'a spec that names budgets or breakers is made where they are');
  // A provider that asks for a pause means the endpoint, if that is metered on its own.
  const asked = { provider: named, endpoint: budget?.endpoint };
  return new ProviderGate({
    provider: named,
    budget: budget && { limiter: resilience.limiter(budget), cost: budget.cost },
    breaker: breaker === undefined ? undefined : resilience.breaker(breaker),
    throttled: (retryAfterMs) => resilience.throttled(asked, retryAfterMs),
    ...(budget && { observed: (usage) => resilience.observeUsed({ provider: named }, usage) }),
    clock,
    log,
  });
}
