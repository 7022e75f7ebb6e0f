import { InvalidHandleError } from '../core/invalid-handle-error.js';
import { checkKind } from '../shared-memory/shared-handle.js';
import type { BreakerHandle } from './breaker/breaker-handle.js';
import type { RateHandle } from './rate/rate-handle.js';

const KIND = 'tickloom.resilience';
const PROTOCOL = 1;

/** Budgets and breakers as plain data: may be posted to any thread of the process and opened there. */
export interface ResilienceHandle {
  readonly kind: typeof KIND;
  readonly protocol: typeof PROTOCOL;
  readonly rates: RateHandle;
  /** Breakers by the name of their provider. */
  readonly breakers: Readonly<Record<string, BreakerHandle>>;
}

export const resilienceHandle = (parts: Pick<ResilienceHandle, 'rates' | 'breakers'>): ResilienceHandle => ({
  kind: KIND,
  protocol: PROTOCOL,
  ...parts,
});

/**
 * Checks the handle, but not the handles in it: these are checked as they are opened.
 *
 * @throws {InvalidHandleError} `HANDLE_INVALID` if it is not a handle, or is from another version.
 */
export function checkResilienceHandle(handle: ResilienceHandle): ResilienceHandle {
  const what = 'budgets and breakers';
  checkKind(handle, { what, kind: KIND, protocol: PROTOCOL });
  const { breakers } = handle;
  if (typeof breakers !== 'object' || breakers === null) {
    throw new InvalidHandleError(what, 'one without breakers');
  }
  return handle;
}
