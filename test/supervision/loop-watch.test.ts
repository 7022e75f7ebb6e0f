import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ThreadTime } from '../../src/hosts/thread-time.js';
import { LoopWatch } from '../../src/supervision/loop-watch.js';
import '../support/property-seed.js';

const timeOf = (ranMs: number, waitedMs: number, isRunnable: boolean): ThreadTime => ({
  ranNs: ranMs * 1e6,
  waitedNs: waitedMs * 1e6,
  isRunnable,
});

/** Looks each second at a thread without a heartbeat. @returns What counts in the end. */
function countedAfter(seconds: number, timeAt: (second: number) => ThreadTime | undefined): number {
  const watch = new LoopWatch();
  watch.look(1, 1_000, () => undefined); // a heartbeat
  for (let second = 0; second < seconds; second++) watch.look(1, 1_000, () => timeAt(second));
  return watch.look(1, 1_000, () => timeAt(seconds))!.countedMs;
}

describe('the watch of an event loop', () => {
  it('counts all of the time of a thread that has a processor and does not turn', () => {
    expect(countedAfter(10, (second) => timeOf(second * 1_000, 0, true))).toBe(10_000);
  });

  it('counts all of the time of a thread that is in a call which does not return', () => {
    expect(countedAfter(10, () => timeOf(5, 5, false))).toBe(10_000);
  });

  it('counts nothing of the time for which a thread waits for a processor, though it gets none at all', () => {
    expect(countedAfter(10, () => timeOf(5, 5, true))).toBe(0);
  });

  it('counts what a thread ran that has a tenth of a processor', () => {
    expect(countedAfter(10, (second) => timeOf(second * 100, second * 900, true))).toBe(1_000);
  });

  it('counts what is left of the time once the wait for a processor is over', () => {
    expect(countedAfter(10, (second) => timeOf(0, Math.min(second, 4) * 1_000, false))).toBe(6_000);
  });

  it('counts a third of the time where the system does not say how it was spent', () => {
    expect(countedAfter(9, () => undefined)).toBeCloseTo(3_000);
  });

  it('counts from nothing after a heartbeat, and after nobody has looked for too long', () => {
    const watch = new LoopWatch();
    const look = (beat: number) => watch.look(beat, 1_000, () => timeOf(0, 0, false))?.countedMs;
    expect([look(1), look(1), look(1), look(1), look(2), look(2), look(2)]).toEqual([
      undefined,
      0,
      1_000,
      2_000,
      undefined,
      0,
      1_000,
    ]);
    watch.startAnew();
    expect([look(2), look(2)]).toEqual([0, 1_000]);
  });

  it('never counts more than has passed, whatever the system says', () => {
    const time = fc.record({
      ranNs: fc.integer({ min: 0, max: 1e13 }),
      waitedNs: fc.integer({ min: 0, max: 1e13 }),
      isRunnable: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(fc.option(time, { nil: undefined }), { minLength: 1 }), (times) => {
        const watch = new LoopWatch();
        watch.look(1, 1_000, () => undefined);
        let before = 0;
        for (const [i, at] of times.entries()) {
          const { countedMs } = watch.look(1, 1_000, () => at)!;
          expect(countedMs).toBeGreaterThanOrEqual(before);
          expect(countedMs).toBeLessThanOrEqual(i * 1_000);
          before = countedMs;
        }
      }),
    );
  });
});
