import type { Clock } from '../../core/clock.js';
import type { InspectMachine } from '../../core/machine-inspection.js';
import type { BreakerSaved } from './breaker-saved.js';

/** What the machine of a breaker is made with. Public declarations reach it, so it needs no types of XState. */
export interface MirrorContext {
  readonly clock: Clock;
  readonly seed: number;
  readonly inspect?: InspectMachine | undefined;
  readonly saved?: BreakerSaved | undefined;
  /** For tests: a `BreakerMachine` with its own actions, and an epoch to begin with. */
  readonly machine?: object;
  readonly epoch?: number;
}
