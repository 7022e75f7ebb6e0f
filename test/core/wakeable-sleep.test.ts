import { describe, expect, it } from 'vitest';
import type { Nanos } from '../../src/core/units.js';
import { WakeableSleep } from '../../src/core/wakeable-sleep.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const MS = 1_000_000n;

function sleeper() {
  const clock = new SimulatedClock();
  const sleep = new WakeableSleep(clock);
  const woken: number[] = [];
  const until = (ms: number) =>
    void sleep.until((BigInt(ms) * MS) as Nanos).then(() => woken.push(Number(clock.now() / MS)));
  return { clock, sleep, woken, until };
}

describe('a sleep that can be ended', () => {
  it('ends at its instant, one after another', async () => {
    const { clock, woken, until } = sleeper();
    for (const ms of [10, 10, 25]) {
      until(ms);
      await clock.advance(12);
    }
    await clock.advance(1);
    expect(woken).toEqual([10, 12, 25]);
    expect(clock.timersPending).toBe(0);
  });

  it('goes on sleeping where a timer fires early', async () => {
    const clock = new SimulatedClock();
    const setTimeout = clock.setTimeout.bind(clock);
    clock.setTimeout = (callback, ms) => setTimeout(callback, Math.max(1, ms - 1));
    let wokenAt = -1n;
    void new WakeableSleep(clock).until((10n * MS) as Nanos).then(() => {
      wokenAt = clock.now();
    });
    await clock.advance(9);
    expect(wokenAt).toBe(-1n);
    await clock.advance(1);
    expect(wokenAt).toBe(10n * MS);
  });

  it('ends at once when it is told to, and so do all later ones', async () => {
    const { clock, sleep, woken, until } = sleeper();
    until(1_000);
    await clock.advance(5);
    sleep.end();
    await clock.advance(0);
    until(2_000);
    await clock.advance(0);
    expect(woken).toEqual([5, 5]);
    expect(clock.timersPending).toBe(0);
  });
});
