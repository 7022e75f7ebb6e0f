import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Nanos } from '../../../src/core/units.js';
import { BreakerCells } from '../../../src/resilience/breaker/breaker-cells.js';
import { CountWindow } from '../../../src/resilience/breaker/count-window.js';
import { TimeWindow } from '../../../src/resilience/breaker/time-window.js';
import {
  BREAKER_BYTES_MIN,
  breakerBytes,
  HEAD_CELL,
  STRIPES_USED_CELL,
  shardCell,
} from '../../../src/shared-memory/breaker-memory.js';
import { SimulatedClock } from '../../support/simulated-clock.js';

const EPOCH = 7;
const TICK_MS = 10;
const PARTS = 10;
const START = 5_000_000_000n;

interface Rates {
  readonly minimumVolume: number;
  readonly failureRate: number;
  readonly slowCallRate: number;
}
const rates = fc.record({
  minimumVolume: fc.integer({ min: 1, max: 8 }),
  failureRate: fc.constantFrom(0.2, 0.5, 2 / 3, 1),
  slowCallRate: fc.constantFrom(0.3, 0.6, 1),
});
const outcome = fc.record({
  thread: fc.nat({ max: 3 }),
  failed: fc.boolean(),
  slow: fc.constantFrom(false, false, true),
});

/** What a window of these outcomes says. */
function verdictOf(outcomes: readonly { failed: boolean; slow: boolean }[], limits: Rates): string {
  const total = outcomes.length;
  if (total < limits.minimumVolume) return 'none';
  const share = (kind: 'failed' | 'slow') => outcomes.filter((each) => each[kind]).length / total;
  if (share('failed') >= limits.failureRate) return 'failureRate';
  return share('slow') >= limits.slowCallRate ? 'slowCallRate' : 'none';
}

describe('a time window of several threads', () => {
  /** Threads 1 and 2 have a shard each, the others share one. */
  const threadsOn = (memory: SharedArrayBuffer, clock: SimulatedClock, limits: Rates) => {
    const cells = new BreakerCells(memory);
    cells.words[STRIPES_USED_CELL] = 2;
    return [0, 1, 2, 3].map((thread) => {
      const shard = thread === 1 || thread === 2 ? shardCell(thread) : undefined;
      return new TimeWindow(cells, { lengthMs: TICK_MS * PARTS, ...limits }, { shard, clock });
    });
  };

  const step = fc.oneof(
    { weight: 4, arbitrary: outcome },
    { weight: 1, arbitrary: fc.record({ passMs: fc.integer({ min: 0, max: 35 }) }) },
    { weight: 1, arbitrary: fc.record({ passMs: fc.integer({ min: 80, max: 250 }) }) },
  );

  it('decides as a list of all outcomes would, by the tick in which each ended', async () => {
    await fc.assert(
      fc.asyncProperty(rates, fc.array(step, { maxLength: 120 }), async (limits, steps) => {
        const clock = new SimulatedClock({ now: START });
        const windows = threadsOn(new SharedArrayBuffer(BREAKER_BYTES_MIN), clock, limits);
        const tick = () => Math.floor(Number(clock.now()) / 1e6 / TICK_MS);
        const all: { tick: number; failed: boolean; slow: boolean }[] = [];
        for (const each of steps) {
          if ('passMs' in each) {
            await clock.advance(each.passMs);
            continue;
          }
          const { thread, failed, slow } = each;
          const window = windows[thread]!;
          all.push({ tick: tick(), failed, slow });
          const inWindow = all.filter((one) => one.tick > tick() - PARTS);
          const expected = verdictOf(inWindow, limits);
          if (!failed && !slow && window.isQuiet(EPOCH)) {
            window.succeedQuietly();
            // It may only be quiet once the volume was complete: a rate at the limit has decided before.
            expect(inWindow.length).toBeGreaterThanOrEqual(limits.minimumVolume);
          } else {
            const decides = failed || slow || expected === 'none';
            if (decides) expect(window.record(EPOCH, failed, slow, clock.now())).toBe(expected);
            else window.record(EPOCH, failed, slow, clock.now());
          }
          const { volume, failed: failures, slow: slowCalls } = window.gauge(EPOCH, clock.now());
          const count = (kind: 'failed' | 'slow') => inWindow.filter((one) => one[kind]).length;
          expect([volume, failures, slowCalls]).toEqual([inWindow.length, count('failed'), count('slow')]);
        }
        for (const window of windows) window.close();
        expect(clock.timersPending).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('dates at most 31 successes of a thread by its last look at the clock, while no timer has its turn', () => {
    const clock = new SimulatedClock({ now: START });
    const limits = { minimumVolume: 1, failureRate: 1, slowCallRate: 1 };
    const [, window] = threadsOn(new SharedArrayBuffer(BREAKER_BYTES_MIN), clock, limits);
    window!.record(EPOCH, false, false, clock.now());
    clock.leap(1_000 * TICK_MS);
    let early = 0;
    for (; window!.isQuiet(EPOCH); early++) window!.succeedQuietly();
    expect(early).toBe(31);
    expect(window!.gauge(EPOCH, clock.now()).volume).toBe(0);
    window!.record(EPOCH, false, false, clock.now());
    expect(window!.gauge(EPOCH, clock.now()).volume).toBe(1);
    window!.close();
    expect(clock.timersPending).toBe(0);
  });

  it('looks at the clock in the first call after a part is over', async () => {
    const clock = new SimulatedClock({ now: START });
    const limits = { minimumVolume: 1, failureRate: 1, slowCallRate: 1 };
    const [, window] = threadsOn(new SharedArrayBuffer(BREAKER_BYTES_MIN), clock, limits);
    window!.record(EPOCH, false, false, clock.now());
    expect(clock.timersPending).toBe(1);
    await clock.advance(TICK_MS);
    expect(window!.isQuiet(EPOCH)).toBe(false);
    // Nobody calls: nothing is armed again.
    expect(clock.timersPending).toBe(0);
  });

  it('counts for one epoch what ends in it, in shards that were used in another', () => {
    const clock = new SimulatedClock({ now: START });
    const limits = { minimumVolume: 1, failureRate: 1, slowCallRate: 1 };
    const [, window, other] = threadsOn(new SharedArrayBuffer(BREAKER_BYTES_MIN), clock, limits);
    window!.record(EPOCH, false, false, clock.now());
    other!.record(EPOCH + 1, true, false, clock.now());
    window!.record(EPOCH + 1, false, true, clock.now());
    // Late: this thread has come to the next epoch.
    expect(window!.record(EPOCH, true, false, clock.now())).toBe('none');
    expect(window!.gauge(EPOCH + 1, clock.now())).toMatchObject({ volume: 2, failed: 1, slow: 1 });
    expect(window!.gauge(EPOCH, clock.now())).toMatchObject({ volume: 0 });
  });

  it('keeps rates when an epoch begins with more than a bucket holds', () => {
    const clock = new SimulatedClock({ now: START });
    const limits = { minimumVolume: 1, failureRate: 1, slowCallRate: 1 };
    const [window] = threadsOn(new SharedArrayBuffer(BREAKER_BYTES_MIN), clock, limits);
    window!.begin(EPOCH, [{ ageMs: 0, succeeded: 3e9, failed: 1e9, slow: 0 }], START as Nanos);
    expect(window!.gauge(EPOCH, clock.now()).failureRate).toBeCloseTo(0.25, 6);
  });
});

describe('a count window of several threads', () => {
  it('decides as a list of all outcomes would, over laps and where positions begin again', () => {
    fc.assert(
      fc.property(
        rates,
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(0, 100, 2 ** 20 - 70),
        fc.array(outcome, { maxLength: 200 }),
        (limits, size, skipped, outcomes) => {
          const own = { ...limits, size, minimumVolume: Math.min(size, limits.minimumVolume) };
          const memory = new SharedArrayBuffer(breakerBytes({ countWindow: { size } }));
          const windows = [0, 1, 2, 3].map(() => new CountWindow(new BreakerCells(memory), own));
          windows[0]!.begin(EPOCH, '');
          const all: { failed: boolean; slow: boolean }[] = [];
          if (skipped > 0) {
            // As if so many had succeeded: a success writes nothing but the head.
            windows[0]!.record(EPOCH, false, false);
            new BreakerCells(memory).words[HEAD_CELL] = (EPOCH << 20) | skipped;
            for (let i = 0; i < size; i++) all.push({ failed: false, slow: false });
          }
          for (const { thread, failed, slow } of outcomes) {
            all.push({ failed, slow });
            const latest = all.slice(-size);
            const expected = verdictOf(latest, own);
            const window = windows[thread]!;
            if (!failed && !slow && window.succeedQuietly(EPOCH)) {
              // Whatever it is now, it was the same or more without this success.
              if (expected !== 'none') expect(verdictOf(all.slice(0, -1).slice(-size), own)).not.toBe('none');
            } else {
              expect(window.record(EPOCH, failed, slow)).toBe(expected);
            }
            const letter = (one: { failed: boolean; slow: boolean }) =>
              one.failed ? (one.slow ? 'F' : 'f') : one.slow ? 'S' : 's';
            expect(window.outcomes(EPOCH)).toBe(latest.map(letter).join(''));
          }
        },
      ),
    );
  });
});
