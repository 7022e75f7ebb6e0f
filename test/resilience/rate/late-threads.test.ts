import { describe, expect, it } from 'vitest';
import type { BudgetInput } from '../../../src/resilience/rate/budget-options.js';
import { openRates, type RateClient } from '../../../src/resilience/rate/rate-client.js';
import {
  RateCoordinator,
  type RateCoordinatorOptions,
} from '../../../src/resilience/rate/rate-coordinator.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { START } from './rate-rig.js';

const provider = { provider: 'x' };

/** A clock per client, so that one can be blocked: its timers do not fire. */
class BlockableClock extends SimulatedClock {
  readonly #shared: SimulatedClock;
  isBlocked = false;

  constructor(shared: SimulatedClock) {
    super();
    this.#shared = shared;
  }

  override now() {
    return this.#shared.now();
  }

  override setTimeout(callback: () => void, delayMs: number) {
    const fire = (): void => {
      if (this.isBlocked) this.#shared.setTimeout(fire, 1);
      else callback();
    };
    return this.#shared.setTimeout(fire, delayMs);
  }

  override clearTimeout(handle: unknown): void {
    this.#shared.clearTimeout(handle);
  }
}

function rig(budget: BudgetInput, more: RateCoordinatorOptions = {}) {
  const clock = new SimulatedClock({ now: START });
  const rates = new RateCoordinator({ clock, providers: { x: budget }, ...more });
  const open = (): { client: RateClient; clock: BlockableClock } => {
    const own = new BlockableClock(clock);
    return { client: openRates(rates.handle(), { clock: own }), clock: own };
  };
  const ms = () => Number(clock.now() - START) / 1e6;
  return { clock, rates, limiter: rates.limiter(provider), open, ms };
}

/** Notes who is served, in order, and when. */
function notes(ms: () => number) {
  const served: string[] = [];
  const failed: string[] = [];
  const note = (name: string, call: Promise<unknown>): void => {
    call.then(
      () => served.push(`${name}@${Math.round(ms())}`),
      (error: { code?: unknown; name: string }) =>
        failed.push(`${name}:${typeof error.code === 'string' ? error.code : error.name}`),
    );
  };
  const names = () => served.map((entry) => entry.split('@')[0]);
  return { served, failed, note, names };
}

describe('a thread that waits in a line', () => {
  it('is not waited for while it is blocked, and loses nothing but its turn', async () => {
    const { clock, limiter, open, ms } = rig({ permits: 10, burst: 1 });
    limiter.tryAcquire();
    const { served, note } = notes(ms);
    const blocked = open();
    note('blocked', blocked.client.limiter(provider).acquire());
    await clock.advance(1);
    note('next', limiter.acquire());
    blocked.clock.isBlocked = true;
    await clock.advance(300);
    expect(served).toHaveLength(1);
    expect(served[0]).toMatch(/^next@1[0-2]/);
    blocked.clock.isBlocked = false;
    await clock.advance(100);
    expect(served).toHaveLength(2);
  });

  it('is passed over when it is blocked at a quota, where permits do not say since when they lie there', async () => {
    const { clock, limiter, open, ms } = rig({ permits: 0, burst: 50, inFlight: 1 });
    limiter.tryAcquire();
    const { served, note } = notes(ms);
    const blocked = open();
    note('blocked', blocked.client.limiter(provider).acquire({ cost: 10 }));
    await clock.advance(5);
    note('next', limiter.acquire());
    blocked.clock.isBlocked = true;
    limiter.release();
    await clock.advance(50);
    expect(served).toHaveLength(1);
    expect(served[0]).toMatch(/^next@/);
  });

  it('keeps its turn where a cap on calls in flight is what it waits for, however busy another is', async () => {
    const { clock, limiter, open, ms } = rig({ inFlight: 1 });
    const busy = open().client.limiter(provider);
    const { note, names } = notes(ms);
    // One thread ends a call and at once wants the next, over and over, with many in its queue.
    const loop = async (): Promise<void> => {
      for (let i = 0; i < 50; i++) {
        const permit = await busy.acquire();
        await new Promise<void>((resolve) => clock.setTimeout(resolve, 5));
        permit.release();
      }
    };
    const loops = [loop(), loop(), loop(), loop()];
    await clock.advance(20);
    note('other', limiter.acquire());
    await clock.advance(150);
    expect(names()).toEqual(['other']);
    limiter.releaseAll();
    await clock.advance(10_000);
    await Promise.all(loops);
  });
});
