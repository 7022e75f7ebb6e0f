import { randomInt } from 'node:crypto';
import type { InspectionEvent } from 'xstate';
import { systemClock } from '../../core/clock.js';
import { parseOptions } from '../../settings/parse-options.js';
import { BreakerOptions, BreakerSaved } from './breaker-options.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { classifyError } from './classify.js';
import type { OpenOptions } from './open-breaker.js';

/** Options that are not plain data. */
export interface CreateOptions extends OpenOptions {
  /** Seed of the jitter: the same seed gives the same open times. Random if left out. */
  readonly seed?: number;
  /** Called with each step of the machine, as XState reports it. */
  readonly inspect?: (event: InspectionEvent) => void;
  /** The result of `breaker.save()`: continues from there, with the remaining open time. */
  readonly saved?: unknown;
}

/**
 * Creates a breaker that this thread owns; its `handle` opens it in other threads.
 *
 * @throws {InvalidOptionsError} naming every refused option.
 */
export function createBreaker(options: BreakerOptions, more: CreateOptions = {}): CircuitBreaker {
  const { clock = systemClock, seed = randomInt(2 ** 31), classify = classifyError } = more;
  const settings = parseOptions('breaker', BreakerOptions, options);
  const saved =
    more.saved === undefined ? undefined : parseOptions('breaker.saved', BreakerSaved, more.saved);
  const { onThrottled, inspect } = more;
  return new CircuitBreaker(settings, { clock, seed, classify, onThrottled, inspect, saved });
}
