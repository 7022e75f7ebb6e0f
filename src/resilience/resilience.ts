/**
 * Budgets and breakers together, shared by all threads of a process. Entry of the sub-path
 * `tickloom/resilience`; each of the two by itself: `tickloom/rate` and `tickloom/breaker`.
 *
 * @module tickloom/resilience
 */

export { InvalidHandleError } from '../core/invalid-handle-error.js';
export type { InspectMachine, MachineInspection } from '../core/machine-inspection.js';
export type { MessageLink } from '../core/message-link.js';
export type { BreakerState } from '../shared-memory/breaker-memory.js';
export type { ToldState } from './breaker/told-state.js';
export { BreakerUnknownError } from './breaker-unknown-error.js';
export type { BreakersInput } from './breakers-settings.js';
export { BudgetLeases, type BudgetLeasesParts, type LeasedBudget } from './budget-leases.js';
export { type BudgetPort, type BudgetShare, EmbeddedBudgetPort, type ShareRequest } from './budget-port.js';
export type { BudgetInput } from './rate/budget-options.js';
export type { ScopeRef } from './rate/scope-ref.js';
export type { RemoteResilienceHandle } from './remote/remote-messages.js';
export {
  openRemoteResilience,
  type RemoteResilience,
  type RemoteResilienceParts,
} from './remote/remote-resilience.js';
export {
  ResilienceServer,
  type ResilienceServerOptions,
  type ServerProblem,
} from './remote/resilience-server.js';
export { openResilience, type Resilience, type ResilienceClient } from './resilience-client.js';
export { ResilienceCoordinator, type ResilienceCoordinatorOptions } from './resilience-coordinator.js';
export type { ResilienceHandle } from './resilience-handle.js';
