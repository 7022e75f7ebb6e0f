import { randomInt } from 'node:crypto';
import type { InspectionEvent } from 'xstate';
import type { z } from 'zod';
import { systemClock } from '../core/clock.js';
import { formatProblem, InvalidOptionsError } from '../core/errors.js';
import { BreakerOptions, BreakerSaved } from '../settings/breaker-options.js';
import { schemaProblems } from '../settings/schema-problems.js';
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

export type Breaker = CircuitBreaker;

/**
 * A breaker that belongs to this thread; its `handle` opens it in others.
 *
 * @throws {InvalidOptionsError} naming every option that was refused.
 */
export function createBreaker(options: BreakerOptions, more: CreateOptions = {}): Breaker {
  const { clock = systemClock, seed = randomInt(2 ** 31), classify = classifyError } = more;
  const settings = parse('breaker', BreakerOptions, options);
  const saved = more.saved === undefined ? undefined : parse('breaker.saved', BreakerSaved, more.saved);
  const { onThrottled, inspect } = more;
  return new CircuitBreaker(settings, { clock, seed, classify, onThrottled, inspect, saved });
}

function parse<S extends z.ZodType>(section: string, schema: S, input: unknown): z.output<S> {
  const result = schema.safeParse(input, { reportInput: true });
  if (result.success) return result.data;
  throw new InvalidOptionsError(section, schemaProblems(result.error, input).map(formatProblem));
}
