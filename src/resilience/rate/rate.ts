/**
 * Budgets that all threads of a process share, without a lock. Entry of the sub-path `tickloom/rate`.
 *
 * @module tickloom/rate
 */

export { InvalidHandleError } from '../../core/invalid-handle-error.js';
export type { BudgetInput } from './budget-options.js';
export type { AcquireOptions, Limiter, Reservation, ReserveOptions } from './limiter.js';
export { type OpenedPacer, openPacer, Pacer, type PacerOptions } from './pacer.js';
export type { Permit } from './permit.js';
export {
  type ObservedUsage,
  type OpenRatesOptions,
  openRates,
  type RateClient,
  type ScopeStatus,
} from './rate-client.js';
export { RateCoordinator, type RateCoordinatorOptions } from './rate-coordinator.js';
export {
  BudgetRefusedError,
  CostAboveBurstError,
  InvalidCostError,
  InvalidScopeError,
  RateClosedError,
  RateTableFullError,
  ScopeRemovedError,
  ScopeUnknownError,
} from './rate-errors.js';
export type { RateHandle } from './rate-handle.js';
export type { BudgetsInput, ProviderBudgetInput, RateTableInput } from './rate-settings.js';
export type { ScopeRef, ThrottledScope } from './scope-ref.js';
export type { WaitNs } from './verdict.js';
