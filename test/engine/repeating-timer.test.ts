import { describe, expect, it } from 'vitest';
import { turnOfTheLoop } from '../../src/core/clock.js';
import type { Nanos } from '../../src/core/units.js';
import { RepeatingTimer } from '../../src/engine/repeating-timer.js';
import { SimulatedClock } from '../support/simulated-clock.js';

const EVERY_NS = 200_000_000n;

/** Its timer fires when the test says so, on time. */
class HandFiredClock extends SimulatedClock {
  #at = 0n;
  #callback = () => {};

  override now(): Nanos {
    return this.#at as Nanos;
  }

  override setTimeout(callback: () => void) {
    this.#callback = callback;
    return callback;
  }

  fire(): void {
    this.#at += EVERY_NS;
    this.#callback();
  }
}

function startTimer(clock = new SimulatedClock()) {
  const events: (number | string)[] = [];
  const timer = new RepeatingTimer(clock, EVERY_NS, (now) => events.push(Number(now) / 1e6));
  timer.start();
  return { clock, timer, events };
}

describe('a repeating timer', () => {
  it('calls back at each interval, until it is stopped', async () => {
    const { clock, timer, events } = startTimer();
    timer.start(); // it runs already
    await clock.advance(650);
    expect(events).toEqual([200, 400, 600]);
    timer.stop();
    await clock.advance(1_000);
    expect(events).toHaveLength(3);
    expect(clock.timersPending).toBe(0);
  });

  it('lets what has arrived by then have its turn first, and heeds a stop in it', async () => {
    const clock = new HandFiredClock();
    const { timer, events } = startTimer(clock);
    setImmediate(() => events.push('arrived'));
    clock.fire();
    expect(events).toEqual([]);
    await turnOfTheLoop();
    expect(events).toEqual(['arrived', 200]);
    clock.fire();
    timer.stop();
    await turnOfTheLoop();
    await turnOfTheLoop();
    expect(events).toHaveLength(2);
  });

  it('waits for the rest where its clock fires early', async () => {
    class EarlyClock extends SimulatedClock {
      override setTimeout(callback: () => void, delayMs: number) {
        return super.setTimeout(callback, delayMs > 1 ? delayMs - 0.7 : delayMs);
      }
    }
    const { clock, timer, events } = startTimer(new EarlyClock());
    await clock.advance(650);
    timer.stop();
    expect(events).toHaveLength(3);
    events.forEach((at, i) => {
      expect(at as number).toBeGreaterThanOrEqual(200 * (i + 1));
    });
  });
});
