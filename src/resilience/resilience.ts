/**
 * Budgets and breakers together, shared by all threads of a process. Entry of the sub-path
 * `tickloom/resilience`; each of the two by itself: `tickloom/rate` and `tickloom/breaker`.
 *
 * @module tickloom/resilience
 */
export { BreakerUnknownError } from './breaker-unknown-error.js';
export type { BreakersInput } from './breakers-settings.js';
export { InvalidHandleError } from './invalid-handle-error.js';
export { openResilience, type Resilience, type ResilienceClient } from './resilience-client.js';
export { ResilienceCoordinator, type ResilienceCoordinatorOptions } from './resilience-coordinator.js';
export type { ResilienceHandle } from './resilience-handle.js';
