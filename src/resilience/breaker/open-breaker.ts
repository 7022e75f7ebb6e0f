import { threadId } from 'node:worker_threads';
import { assertMapping } from '../../core/assert-argument.js';
import { type Clock, systemClock } from '../../core/clock.js';
import { InvalidHandleError } from '../../core/invalid-handle-error.js';
import { OnceAMinute } from '../../core/once-a-minute.js';
import { BREAKER_BYTES_MIN, BREAKER_PROTOCOL } from '../../shared-memory/breaker-memory.js';
import { checkHandle } from '../../shared-memory/shared-handle.js';
import type { OpenedBreaker, ThrottledCall } from './breaker-calls.js';
import { BreakerCells } from './breaker-cells.js';
import { BreakerClient } from './breaker-client.js';
import { BREAKER_KIND, type BreakerHandle } from './breaker-handle.js';
import { type Classify, classifyError } from './classify.js';
import { areSettings } from './shared-settings.js';
import { callUser } from './user-callback.js';

/** Options that cannot be posted, so they are set where the breaker is opened. */
export interface OpenOptions {
  /** Must run with the same origin in all threads, as the system's monotonic clock does. */
  readonly clock?: Clock | undefined;
  /** If it throws or answers anything else, the call counts as a failure. */
  readonly classify?: Classify | undefined;
  /** A call was throttled (status 429). It is no failure, but the budget should know. */
  readonly onThrottled?: ((call: ThrottledCall) => void) | undefined;
  /**
   * Is told what `classify` and `onThrottled` throw, which changes nothing else. Without it, a warning of
   * the process says so, once a minute at most.
   */
  readonly onCallbackError?: ((error: unknown) => void) | undefined;
}

/**
 * Opens a breaker in this thread.
 *
 * @throws {InvalidHandleError} `HANDLE_INVALID` if it is not a handle, or is from another version.
 */
export function openBreaker(handle: BreakerHandle, options: OpenOptions = {}): OpenedBreaker {
  assertMapping('openBreaker', options);
  const memory = checkHandle(handle, { what: 'a breaker', kind: BREAKER_KIND, protocol: BREAKER_PROTOCOL });
  const { name } = handle;
  if (typeof name !== 'string') throw new InvalidHandleError('a breaker', 'one without its name');
  if (memory.byteLength < BREAKER_BYTES_MIN) {
    const found = `${memory.byteLength} bytes of shared memory, less than ${BREAKER_BYTES_MIN}`;
    throw new InvalidHandleError('a breaker', found);
  }
  // Memory that is none of a breaker's must not be taken for options.
  const { settings } = new BreakerCells(memory).settings.read();
  if (!areSettings(settings, memory.byteLength)) {
    throw new InvalidHandleError(`the breaker "${name}"`, 'memory without its options');
  }
  const { clock = systemClock, classify = classifyError, onThrottled } = options;
  const { onCallbackError = warnOf(name, clock) } = options;
  const tell = (error: unknown) =>
    void callUser(
      () => onCallbackError(error),
      () => {},
    );
  return new BreakerClient(handle, { clock, threadId, classify, onThrottled, onCallbackError: tell });
}

function warnOf(breaker: string, clock: Clock): (error: unknown) => void {
  const warning = new OnceAMinute(clock);
  return (error) => {
    if (!warning.isDue()) return;
    const said = error instanceof Error ? error.message : String(error);
    process.emitWarning(`A callback of breaker "${breaker}" failed: ${said}`, 'BreakerCallbackWarning');
  };
}
