import { randomInt } from 'node:crypto';
import type { InspectionEvent } from 'xstate';
import { systemClock } from '../../core/clock.js';
import { parseOptions } from '../../settings/parse-options.js';
import { BreakerOptions, BreakerSaved } from './breaker-options.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { classifyError } from './classify.js';
import type { OpenOptions } from './open-breaker.js';

/** What goes with the options and is no plain data. */
export interface CreateOptions extends OpenOptions {
  /** Of the jitter; the same seed, the same open times. By chance if left out. */
  readonly seed?: number;
  /** Is shown each step of the machine, as XState tells it. */
  readonly inspect?: (event: InspectionEvent) => void;
  /** Of `breaker.save()`: goes on from there, with what is left of an open time. */
  readonly saved?: unknown;
}

/**
 * A breaker that belongs to this thread; its `handle` opens it in others.
 *
 * @throws {InvalidOptionsError} naming every option that was refused.
 */
export function createBreaker(options: BreakerOptions, more: CreateOptions = {}): CircuitBreaker {
  const { clock = systemClock, seed = randomInt(2 ** 31), classify = classifyError } = more;
  const settings = parseOptions('breaker', BreakerOptions, options);
  const saved =
    more.saved === undefined ? undefined : parseOptions('breaker.saved', BreakerSaved, more.saved);
  const { onThrottled, inspect } = more;
  return new CircuitBreaker(settings, { clock, seed, classify, onThrottled, inspect, saved });
}
