import type { RateMemory } from '../../shared-memory/rate-memory.js';
import { GcraLimit } from './gcra-permit-swap.js';
import type { Limit, LimitSite } from './limit.js';
import { RollingLimit } from './rolling-permit-swap.js';

export function openLimit(memory: RateMemory, site: LimitSite): Limit {
  return site.parameters.kind === 'rolling' ? new RollingLimit(memory, site) : new GcraLimit(memory, site);
}
