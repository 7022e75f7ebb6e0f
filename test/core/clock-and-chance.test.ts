import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { sleepUntil, systemClock } from '../../src/core/clock.js';
import { Random } from '../../src/core/random.js';
import { type Nanos, nanos, toMillisCeil } from '../../src/core/units.js';
import { SimulatedClock } from '../support/simulated-clock.js';

describe('the system clock', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('waits for longer than the 2³¹ − 1 ms at which Node fires at once', () => {
    const callback = vi.fn();
    const delay = 3 * 2 ** 31;
    systemClock.setTimeout(callback, delay);
    vi.advanceTimersByTime(delay - 1);
    expect(callback).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(callback).toHaveBeenCalledOnce();
  });

  it('forgets a timer that is cleared, in any of its parts', () => {
    const callback = vi.fn();
    const timer = systemClock.setTimeout(callback, 2 ** 31 + 10);
    vi.advanceTimersByTime(2 ** 31 + 5);
    systemClock.clearTimeout(timer);
    vi.advanceTimersByTime(2 ** 32);
    expect(callback).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a sleep', () => {
  it('ends at its instant, and not before though a timer fires early', async () => {
    const clock = new SimulatedClock();
    let awake = false;
    const early = {
      ...bound(clock),
      setTimeout: (callback: () => void, ms: number) => clock.setTimeout(callback, ms - 0.4),
    };
    const sleeping = sleepUntil(early, 5_000_000n as Nanos).then(() => {
      awake = true;
    });
    await clock.advance(4.5);
    expect(awake).toBe(false);
    await clock.advance(10);
    await sleeping;
  });

  it('ends at once when its signal aborts, and leaves no listener or timer', async () => {
    const clock = new SimulatedClock();
    const abort = new AbortController();
    const remove = vi.spyOn(abort.signal, 'removeEventListener');
    const sleeping = sleepUntil(clock, 1_000_000_000n as Nanos, abort.signal);
    abort.abort();
    await sleeping;
    expect(clock.timersPending).toBe(0);
    expect(remove).toHaveBeenCalled();
  });
});

describe('a delay in milliseconds', () => {
  it('is rounded up, never down', () => {
    expect([-1n, 0n, 1n, 999_999n, 1_000_000n, 1_000_001n].map((ns) => toMillisCeil(nanos(ns)))).toEqual([
      0, 0, 1, 1, 1, 2,
    ]);
  });
});

describe('the random generator', () => {
  it('gives the numbers of sfc32 for a seed', () => {
    // Computed once from the published algorithm: a change would break every recorded seed.
    const random = new Random(42);
    const numbers = Array.from({ length: 4 }, () => random.nextInt32());
    expect(numbers).toEqual(reference(42, 4));
  });

  it('goes on from its state', () => {
    const random = new Random(7);
    random.next();
    const other = new Random(random.state());
    expect(Array.from({ length: 10 }, () => other.next())).toEqual(
      Array.from({ length: 10 }, () => random.next()),
    );
  });

  it('stays within its bound', () => {
    const random = new Random(1);
    const seen = new Set(Array.from({ length: 1_000 }, () => random.below(7)));
    expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });
});

/** sfc32 of PractRand in bigints, seeded as ours is. */
function reference(seed: number, count: number): number[] {
  const mask = 0xffff_ffffn;
  let [a, b, c, counter] = [BigInt(seed) & mask, 0n, 0x9e37_79b9n, 1n];
  const next = () => {
    const sum = (a + b + counter) & mask;
    counter = (counter + 1n) & mask;
    a = b ^ (b >> 9n);
    b = (c + (c << 3n)) & mask;
    c = ((((c << 21n) | (c >> 11n)) & mask) + sum) & mask;
    return Number(BigInt.asIntN(32, sum));
  };
  for (let i = 0; i < 12; i++) next();
  return Array.from({ length: count }, next);
}

const bound = (clock: SimulatedClock) => ({
  now: () => clock.now(),
  wall: () => clock.wall(),
  clearTimeout: (handle: unknown) => clock.clearTimeout(handle),
});
