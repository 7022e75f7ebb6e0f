import { randomInt } from 'node:crypto';
import { assertMapping } from '../../core/assert-argument.js';
import { systemClock } from '../../core/clock.js';
import type { InspectMachine } from '../../core/machine-inspection.js';
import { parseOptions } from '../../settings/parse-options.js';
import type { BreakerOptions } from './breaker-options.js';
import { BreakerSaved } from './breaker-saved.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { classifyError } from './classify.js';
import type { OpenOptions } from './open-breaker.js';

/** Options that are not plain data. What callbacks throw is told as an `error` event. */
export interface CreateOptions extends Omit<OpenOptions, 'onCallbackError'> {
  /** Seed of the jitter: the same seed gives the same open times. Random if left out. */
  readonly seed?: number | undefined;
  /** Called with each step of the machine, as XState reports it. */
  readonly inspect?: InspectMachine | undefined;
  /** The result of `breaker.save()`: continues from there, with the remaining open time. */
  readonly saved?: unknown;
}

/**
 * Creates a breaker that this thread owns; its `handle` opens it in other threads.
 *
 * @throws {InvalidOptionsError} naming the refused options.
 */
export function createBreaker(options: BreakerOptions, more: CreateOptions = {}): CircuitBreaker {
  assertMapping('createBreaker', more);
  const { clock = systemClock, seed = randomInt(2 ** 31), classify = classifyError } = more;
  const saved =
    more.saved === undefined ? undefined : parseOptions('breaker.saved', BreakerSaved, more.saved);
  const { onThrottled, inspect } = more;
  return new CircuitBreaker(options, { clock, seed, classify, onThrottled, inspect, saved });
}
