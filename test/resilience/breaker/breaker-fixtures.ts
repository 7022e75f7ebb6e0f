import { expect } from 'vitest';
import type { CallPermit } from '../../../src/resilience/breaker/breaker-calls.js';
import { BreakerClient } from '../../../src/resilience/breaker/breaker-client.js';
import type { BreakerEvent } from '../../../src/resilience/breaker/breaker-event.js';
import type { BreakerHandle } from '../../../src/resilience/breaker/breaker-handle.js';
import {
  type BreakerOptions,
  BreakerOptions as Schema,
} from '../../../src/resilience/breaker/breaker-options.js';
import { classifyError } from '../../../src/resilience/breaker/classify.js';
import { type CreateOptions, createBreaker } from '../../../src/resilience/breaker/create-breaker.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

/** Options that make the figures of a test plain: opens for a second, without jitter or growth. */
export const PLAIN = {
  name: 'test',
  openMs: 1_000,
  openFactor: 1,
  openJitter: 0,
  openMsMax: 60_000,
} as const;

export const settingsOf = (options: Partial<BreakerOptions> = {}) => Schema.parse({ ...PLAIN, ...options });

export function startBreaker(options: Partial<BreakerOptions> = {}, more: CreateOptions = {}) {
  const clock = (more.clock as SimulatedClock | undefined) ?? new SimulatedClock({ now: 5_000_000_000n });
  const breaker = createBreaker({ ...PLAIN, ...options }, { clock, seed: 1, ...more });
  const events: BreakerEvent[] = [];
  breaker.subscribe((event) => events.push(event));
  return {
    breaker,
    clock,
    events,
    types: () => events.map(({ type }) => type),
    fail: (times = 1) => repeat(times, () => breaker.permit().fail()),
    succeed: (times = 1) => repeat(times, () => breaker.permit().succeed()),
    /** Opens it, whatever its conditions: `failuresInRow` at most 10. */
    trip: () => {
      while (breaker.state === 'closed') breaker.permit().fail();
    },
    other: (threadId: number, itsClock = clock) => clientOf(breaker, itsClock, threadId),
  };
}

/** A breaker whose open time has just passed. */
export async function startHalfOpen(options: Partial<BreakerOptions> = {}) {
  const rig = startBreaker({ failuresInRow: 1, probes: 2, ...options });
  rig.trip();
  await rig.clock.advance(1_000);
  expect(rig.breaker.state).toBe('halfOpen');
  return rig;
}

/** The client of another thread. */
export function clientOf(breaker: { handle(): BreakerHandle }, clock: SimulatedClock, threadId: number) {
  return new BreakerClient(breaker.handle(), {
    clock,
    threadId,
    classify: classifyError,
    onCallbackError: rethrow,
  });
}

/** For clients whose callbacks do not fail. */
export function rethrow(error: unknown): never {
  throw error;
}

/** What became of a request for a permit. */
export function admits(client: { permit(): CallPermit }): boolean {
  try {
    client.permit().ignore();
    return true;
  } catch {
    return false;
  }
}

function repeat(times: number, work: () => void): void {
  for (let i = 0; i < times; i++) work();
}
