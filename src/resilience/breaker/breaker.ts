/**
 * Circuit breakers that all threads of a process share. Entry of the sub-path `tickloom/breaker`.
 *
 * `createBreaker` creates one in the thread that is to own it; `openBreaker` opens its handle in any
 * other thread.
 *
 * @module tickloom/breaker
 */
export type { Clock } from '../../core/clock.js';
export {
  BreakerOpenError,
  type BreakerRefusal,
  CallTimeoutError,
  InvalidBreakerError,
  InvalidOptionsError,
} from '../../core/errors.js';
export type { EventStreamOptions } from '../../core/event-log.js';
export type { InspectMachine, MachineInspection } from '../../core/machine-inspection.js';
export { ProviderError, type ProviderErrorDetails } from '../../core/provider-error.js';
export type { ProviderErrorCode, ProviderErrorKind } from '../../core/provider-error-table.js';
export type { BreakerReason, BreakerState } from '../../shared-memory/breaker-memory.js';
export type {
  Breaker,
  BreakerCall,
  CallPermit,
  ExecuteOptions,
  OpenedBreaker,
  ThrottledCall,
} from './breaker-calls.js';
export type { BreakerEvent, BreakerListener } from './breaker-event.js';
export type { BreakerHandle } from './breaker-handle.js';
export type { BreakerOptions, BreakerSettings } from './breaker-options.js';
export type { BreakerSaved } from './breaker-saved.js';
export type { BreakerStatus } from './breaker-status.js';
export type { CallCounts } from './call-counts.js';
export { type BreakerChanges, CircuitBreaker } from './circuit-breaker.js';
export { type Classify, classifyError, type FailureClass } from './classify.js';
export { type CreateOptions, createBreaker } from './create-breaker.js';
export { type OpenOptions, openBreaker } from './open-breaker.js';
export type { WindowGauge } from './rate-limits.js';
export type { ToldState } from './told-state.js';
export type { BreakerGauges } from './trip-conditions.js';
