import { expect } from 'vitest';
import { openRates, type RateClient } from '../../../src/resilience/rate/rate-client.js';
import {
  RateCoordinator,
  type RateCoordinatorOptions,
} from '../../../src/resilience/rate/rate-coordinator.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { START } from './rate-rig.js';

/** Budgets on simulated time, with as many clients as a test opens: each stands for a thread. */
export function startRates(options: RateCoordinatorOptions = {}) {
  const clock = new SimulatedClock({ now: START });
  const rates = new RateCoordinator({ clock, threadsMax: 8, ...options });
  const open = (more: SimulatedClock = clock): RateClient => openRates(rates.handle(), { clock: more });
  return { clock, rates, open };
}

/** A client's clock whose timers never fire: its thread is blocked. */
export class BlockedClock extends SimulatedClock {
  readonly #of: SimulatedClock;

  constructor(of: SimulatedClock) {
    super();
    this.#of = of;
  }

  override now() {
    return this.#of.now();
  }
}

export const provider = { provider: 'x' };
export const code = (name: string) => expect.objectContaining({ code: name });

/** Ms from `START` at which each promise of a list was fulfilled, or the code of its error. */
export function recorder<K>(clock: SimulatedClock) {
  const order: K[] = [];
  const outcomes = new Map<K, number | string>();
  return {
    order,
    outcomes,
    watch(key: K, promise: Promise<unknown>): void {
      promise.then(
        () => {
          order.push(key);
          outcomes.set(key, Number(clock.now() - START) / 1e6);
        },
        (error: { code?: string }) => outcomes.set(key, error.code ?? String(error)),
      );
    },
  };
}

/** Takes all that a limiter gives at once. */
export function drain(limiter: { tryAcquire(): number }): number {
  let taken = 0;
  while (limiter.tryAcquire() === 0) taken++;
  return taken;
}
