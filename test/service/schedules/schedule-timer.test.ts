import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Clock, TimerHandle } from '../../../src/core/clock.js';
import { type Nanos, nanos } from '../../../src/core/units.js';
import { intervalInstants } from '../../../src/service/schedules/interval-instants.js';
import type { ScheduleInstants } from '../../../src/service/schedules/schedule-instants.js';
import type { ScheduleProgress } from '../../../src/service/schedules/schedule-progress.js';
import { ScheduleTimer } from '../../../src/service/schedules/schedule-timer.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const HOUR = 3_600_000;
const BEGIN = Date.parse('2026-06-01T00:00:00Z');
const hourly = intervalInstants({ everyMs: HOUR, fromMs: 0 });

/** A virtual clock whose wall can be set. */
class SettableClock implements Clock {
  readonly #clock = new VirtualClock({ wall: BigInt(BEGIN) * 1_000_000n });
  #setBy = 0n;

  now = () => this.#clock.now();
  wall = (): Nanos => nanos(this.#clock.wall() + this.#setBy);
  setTimeout = (callback: () => void, delayMs: number): TimerHandle =>
    this.#clock.setTimeout(callback, delayMs);
  clearTimeout = (handle: TimerHandle) => this.#clock.clearTimeout(handle);
  advance = (ms: number) => this.#clock.advance(ms);
  get timersPending(): number {
    return this.#clock.timersPending;
  }
  /** Sets the wall clock forward, or back. */
  set(byMs: number): void {
    this.#setBy += BigInt(byMs) * 1_000_000n;
  }
}

function startTimer(instants: ScheduleInstants, progress?: ScheduleProgress, clock = new SettableClock()) {
  const due: string[] = [];
  const timer = new ScheduleTimer(
    clock,
    instants,
    (ms) => due.push(new Date(ms).toISOString().slice(5, 16)),
    progress,
  );
  timer.start();
  return { clock, timer, due };
}

describe('the timer of a schedule', () => {
  it('calls at each instant, and not at the one that it begins at', async () => {
    const { clock, timer, due } = startTimer(hourly);
    await clock.advance(2 * HOUR);
    expect(due).toEqual(['06-01T01:00', '06-01T02:00']);
    expect(timer.nextMs).toBe(BEGIN + 3 * HOUR);
    timer.stop();
    await clock.advance(5 * HOUR);
    expect(due).toHaveLength(2);
    expect(clock.timersPending).toBe(0);
  });

  it('waits for longer than a timer of the system can', async () => {
    const { clock, due } = startTimer(intervalInstants({ everyMs: HOUR, fromMs: BEGIN + 2 ** 31 + HOUR }));
    await clock.advance(2 ** 31 + HOUR - 1);
    expect(due).toEqual([]);
    await clock.advance(1);
    expect(due).toHaveLength(1);
  });

  it('calls once after a time in which nothing ran, with the latest instant that was missed', async () => {
    const before = startTimer(hourly);
    await before.clock.advance(HOUR);
    before.timer.stop();
    const progress = JSON.parse(JSON.stringify(before.timer.progress)) as ScheduleProgress;
    before.clock.set(5.5 * HOUR);
    const { due, clock } = startTimer(hourly, progress, before.clock);
    expect(due).toEqual(['06-01T06:00']);
    await clock.advance(HOUR / 2);
    expect(due).toEqual(['06-01T06:00', '06-01T07:00']);
  });

  it('calls no instant again after a restart within the same moment', () => {
    const before = startTimer(hourly);
    before.clock.set(HOUR);
    const first = startTimer(hourly, before.timer.progress, before.clock);
    expect(first.due).toHaveLength(1);
    expect(startTimer(hourly, first.timer.progress, before.clock).due).toEqual([]);
  });

  it('calls no instant a second time when the clock is set back, and goes on with those that are new', async () => {
    const { clock, due, timer } = startTimer(hourly);
    await clock.advance(2 * HOUR + 60_000);
    clock.set(-HOUR);
    await clock.advance(HOUR);
    expect(due).toEqual(['06-01T01:00', '06-01T02:00']);
    expect(timer.nextMs).toBe(BEGIN + 3 * HOUR);
    await clock.advance(HOUR);
    expect(due.at(-1)).toBe('06-01T03:00');
  });

  it('notices within half a minute that the clock was set forward, and calls for the latest instant', async () => {
    const { clock, due } = startTimer(hourly);
    await clock.advance(60_000);
    clock.set(5 * HOUR);
    await clock.advance(30_000);
    expect(due).toEqual(['06-01T05:00']);
  });

  it('goes on at the right time after the clock was years ahead', async () => {
    const { clock, due } = startTimer(hourly);
    clock.set(3 * 365 * 24 * HOUR);
    await clock.advance(30_000);
    expect(due).toHaveLength(1);
    clock.set(-3 * 365 * 24 * HOUR);
    await clock.advance(HOUR);
    expect(due.slice(1)).toEqual(['06-01T01:00']);
  });

  it('ends when there are no more instants, and still looks at the clock', async () => {
    const only = { next: (ms: number) => (ms < BEGIN + HOUR ? BEGIN + HOUR : undefined) };
    const { clock, due, timer } = startTimer(only);
    await clock.advance(3 * HOUR);
    expect(due).toHaveLength(1);
    expect(timer.nextMs).toBeUndefined();
  });

  it('calls each instant at most once, in whatever way the clock is set, and none that lies ahead of it', async () => {
    const step = fc.oneof(
      fc.record({ advanceMs: fc.nat(3 * HOUR), setMs: fc.constant(0) }),
      fc.record({ advanceMs: fc.nat(60_000), setMs: fc.integer({ min: -50 * HOUR, max: 50 * HOUR }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const clock = new SettableClock();
        const due: number[] = [];
        const timer = new ScheduleTimer(clock, hourly, (ms) => {
          expect(ms).toBeLessThanOrEqual(Number(clock.wall() / 1_000_000n));
          due.push(ms);
        });
        timer.start();
        for (const { advanceMs, setMs } of steps) {
          clock.set(setMs);
          await clock.advance(advanceMs);
        }
        timer.stop();
        expect(new Set(due).size).toBe(due.length);
        expect(timer.progress.dueMs.length).toBeLessThanOrEqual(100);
      }),
      { numRuns: 20 },
    );
  });

  it('remembers a bounded number of instants, and takes older ones for done', async () => {
    const minutely = intervalInstants({ everyMs: 60_000, fromMs: 0 });
    const { clock, timer, due } = startTimer(minutely);
    await clock.advance(150 * 60_000);
    expect(timer.progress.dueMs).toHaveLength(100);
    clock.set(-140 * 60_000);
    await clock.advance(140 * 60_000);
    expect(due).toHaveLength(150);
    await clock.advance(60_000);
    expect(due).toHaveLength(151);
  });
});
