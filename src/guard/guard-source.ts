import type { Clock } from '../core/clock.js';
import type { Source } from '../pipeline/source.js';
import type { SourceGuard } from '../settings/source-guard-options.js';
import type { Logger } from '../telemetry/logger.js';
import { GuardedSource, type ReadBudget } from './guarded-source.js';
import type { Guards } from './guards.js';

/**
 * Puts what a spec asks for in front of its source.
 *
 * @throws {ScopeUnknownError} `SCOPE_UNKNOWN` and
 * @throws {BreakerUnknownError} `BREAKER_UNKNOWN` for what is not there (any more).
 */
export function guardSource(
  source: Source,
  { budget, breaker }: SourceGuard,
  { guards, clock, log }: { readonly guards: Guards; readonly clock: Clock; readonly log: Logger },
): Source {
  return new GuardedSource({
    source,
    budget: budget && readBudget(budget, guards),
    breaker: breaker === undefined ? undefined : guards.breaker(breaker),
    clock,
    log,
  });
}

function readBudget(budget: NonNullable<SourceGuard['budget']>, guards: Guards): ReadBudget {
  const { provider, endpoint, cost } = budget;
  // A provider that asks for a pause means the endpoint, where that is metered by itself.
  const cooled = endpoint === undefined ? { provider } : { provider, endpoint };
  return { limiter: guards.limiter(budget), cost, cooldown: (ms) => guards.cooldown(cooled, ms) };
}
