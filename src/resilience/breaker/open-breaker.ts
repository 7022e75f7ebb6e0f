import { threadId } from 'node:worker_threads';
import { type Clock, systemClock } from '../../core/clock.js';
import { InvalidBreakerError } from '../../core/errors.js';
import { BREAKER_PROTOCOL, breakerBytes } from '../../shared-memory/breaker-memory.js';
import { BreakerGuard } from './breaker-guard.js';
import type { BreakerHandle } from './breaker-handle.js';
import { type Classify, classifyError } from './classify.js';
import type { Guard, ThrottledCall } from './guard.js';

/** What cannot be posted, and so is given where the breaker is opened. */
export interface OpenOptions {
  /** Must run with the same origin in all threads, as the system's monotonic clock does. */
  readonly clock?: Clock;
  readonly classify?: Classify;
  /** A call was throttled (status 429): for the budget, since it is no failure. */
  readonly onThrottled?: (call: ThrottledCall) => void;
}

/**
 * The guard of a breaker, in any thread.
 *
 * @throws {InvalidBreakerError} if it is no handle, or one of another version.
 */
export function openBreaker(handle: BreakerHandle, options: OpenOptions = {}): Guard {
  const { protocol, memory, settings } = handle;
  if (protocol !== BREAKER_PROTOCOL) {
    throw new InvalidBreakerError(
      `expected the "handle" of a breaker made by the same version of the package (protocol ${BREAKER_PROTOCOL}), found ${String(protocol)}`,
    );
  }
  const bytes = breakerBytes(settings);
  if (!(memory instanceof SharedArrayBuffer) || memory.byteLength !== bytes) {
    throw new InvalidBreakerError(
      `expected ${bytes} bytes of shared memory in the handle of "${handle.name}", found ${memory?.byteLength}`,
    );
  }
  const { clock = systemClock, classify = classifyError, onThrottled } = options;
  return new BreakerGuard(handle, { clock, threadId, classify, onThrottled });
}
