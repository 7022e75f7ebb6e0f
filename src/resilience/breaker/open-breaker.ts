import { threadId } from 'node:worker_threads';
import { type Clock, systemClock } from '../../core/clock.js';
import { BREAKER_PROTOCOL, breakerBytes } from '../../shared-memory/breaker-memory.js';
import { InvalidHandleError } from '../invalid-handle-error.js';
import type { Breaker, ThrottledCall } from './breaker-calls.js';
import { BreakerClient } from './breaker-client.js';
import type { BreakerHandle } from './breaker-handle.js';
import { type Classify, classifyError } from './classify.js';

/** Options that cannot be posted, so they are set where the breaker is opened. */
export interface OpenOptions {
  /** Must run with the same origin in all threads, as the system's monotonic clock does. */
  readonly clock?: Clock;
  readonly classify?: Classify;
  /** A call was throttled (status 429). It is no failure, but the budget should know. */
  readonly onThrottled?: (call: ThrottledCall) => void;
}

/**
 * Opens a breaker in this thread.
 *
 * @throws {InvalidHandleError} `HANDLE_INVALID` if it is not a handle, or is from another version.
 */
export function openBreaker(handle: BreakerHandle, options: OpenOptions = {}): Breaker {
  const { protocol, memory, settings, name } = (handle ?? {}) as BreakerHandle; // may be anything
  if (protocol !== BREAKER_PROTOCOL) {
    throw new InvalidHandleError('a breaker', `protocol ${String(protocol)}, not ${BREAKER_PROTOCOL}`);
  }
  const bytes = breakerBytes(settings);
  if (!(memory instanceof SharedArrayBuffer) || memory.byteLength !== bytes) {
    const found = `${memory?.byteLength} bytes of shared memory instead of ${bytes}`;
    throw new InvalidHandleError(`the breaker "${name}"`, found);
  }
  const { clock = systemClock, classify = classifyError, onThrottled } = options;
  return new BreakerClient(handle, { clock, threadId, classify, onThrottled });
}
