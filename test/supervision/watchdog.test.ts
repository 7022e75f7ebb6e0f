import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Watchdog, type WatchdogSettings } from '../../src/supervision/watchdog.js';
import { type Piece, SimulatedThread } from './busy-machine.js';
import { ManualClock } from './job-fixtures.js';
import '../support/property-seed.js';

const LOOP_MS = 30_000;
const SETTINGS: WatchdogSettings = { loopMs: LOOP_MS, progressMs: 0, onStall: 'warn' };

/** A watchdog over simulated threads, on a clock that a test moves. */
function watch(threads: readonly SimulatedThread[], isDebugged = false) {
  const clock = new ManualClock();
  const watchdog = new Watchdog({
    clock,
    settings: SETTINGS,
    jobs: () => threads,
    isDebugged: () => isDebugged,
    threadTime: (systemId) => threads.find(({ watched }) => watched.run.watch.systemId === systemId)?.time(),
  });
  watchdog.wake();
  return {
    clock,
    /** Lets time pass in which the supervisor has its turns. */
    pass(ms: number, stepMs = 100): void {
      for (let left = ms; left > 0; left -= stepMs) {
        for (const thread of threads) thread.pass(Math.min(left, stepMs));
        clock.advance(Math.min(left, stepMs));
      }
    },
    /** Lets time pass in which the supervisor has none: it is late. */
    sleep(ms: number): void {
      for (const thread of threads) thread.pass(ms);
      clock.leap(ms);
    },
  };
}

describe('the watchdog', () => {
  it.each([
    ['runs without a turn', 'run'],
    ['is in a call that does not return', 'block'],
  ] as const)('finds a thread that %s, once the deadline has passed and soon after it', (_, does) => {
    const thread = new SimulatedThread([{ does, ms: 3_600_000 }]);
    const { pass } = watch([thread]);
    pass(LOOP_MS);
    expect(thread.found).toEqual([]);
    pass(3_000);
    expect(thread.found).toEqual(['stuck']);
  });

  it('leaves a thread alone that gets no processor for an hour', () => {
    const thread = new SimulatedThread([{ does: 'starve', ms: 3_600_000 }]);
    watch([thread]).pass(3_600_000, 1_000);
    expect(thread.found).toEqual([]);
  });

  it('starts anew after it was late itself: the process may have been stopped', () => {
    const thread = new SimulatedThread([{ does: 'run', ms: 3_600_000 }]);
    const { pass, sleep } = watch([thread]);
    pass(29_000);
    sleep(60_000);
    pass(29_000);
    expect(thread.found).toEqual([]);
    pass(5_000);
    expect(thread.found).toEqual(['stuck']);
  });

  it('judges nobody while the process is debugged', () => {
    const thread = new SimulatedThread([{ does: 'block', ms: 3_600_000 }]);
    watch([thread], true).pass(600_000, 1_000);
    expect(thread.found).toEqual([]);
  });

  it('sets no timer without a job, and none where both deadlines are off', () => {
    const clock = new ManualClock();
    const jobs: SimulatedThread[] = [];
    const on = new Watchdog({ clock, settings: SETTINGS, jobs: () => jobs });
    on.wake();
    clock.advance(1_000);
    expect(clock.timersArmed).toBe(0);
    const off = { loopMs: 0, progressMs: 0, onStall: 'warn' } as const;
    new Watchdog({ clock, settings: off, jobs: () => jobs }).wake();
    expect(clock.timersArmed).toBe(0);
  });
});

describe('a busy machine', () => {
  /** A thread that turns its loop now and then: between, it runs or blocks for less than the deadline in all. */
  const healthy = fc
    .array(
      fc.tuple(
        fc.array(fc.tuple(fc.constantFrom('starve', 'run', 'block'), fc.integer({ min: 1, max: 8_000 })), {
          maxLength: 12,
        }),
        fc.integer({ min: 1, max: 500 }),
      ),
      { minLength: 1, maxLength: 12 },
    )
    .map((spans) =>
      spans.flatMap(([pieces, turnMs]) => [...bounded(pieces), { does: 'turn', ms: turnMs } as const]),
    );

  it('never has a healthy thread found, whoever gets a processor when, and however late the supervisor is', () => {
    const delays = fc.array(
      fc.oneof(
        fc.record({ pass: fc.integer({ min: 1, max: 60_000 }) }),
        fc.record({ late: fc.integer({ min: 1, max: 90_000 }) }),
      ),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(fc.array(healthy, { minLength: 1, maxLength: 4 }), delays, (scripts, steps) => {
        const threads = scripts.map((pieces) => new SimulatedThread(pieces));
        const { pass, sleep } = watch(threads);
        for (const step of steps) {
          if ('pass' in step) pass(step.pass, 250);
          else sleep(step.late);
        }
        expect(threads.map(({ found }) => found)).toEqual(threads.map(() => []));
      }),
    );
  });

  it('has a thread found that loops for ever, however small its share, once it has run for the deadline', () => {
    fc.assert(
      fc.property(fc.integer({ min: 50, max: 900 }), (sharePerMille) => {
        const pieces = Array.from({ length: 20_000 }, (_, i): Piece => {
          return i % 2 === 0
            ? { does: 'run', ms: sharePerMille }
            : { does: 'starve', ms: 1_000 - sharePerMille };
        });
        const thread = new SimulatedThread(pieces);
        const { pass } = watch([thread]);
        const neededMs = Math.floor(LOOP_MS / sharePerMille) * 1_000;
        pass(neededMs, 250);
        expect(thread.found).toEqual([]);
        pass(neededMs + 10_000, 250);
        expect(thread.found).toContain('stuck');
      }),
      { numRuns: 10 },
    );
  });
});

/** As long as they leave two looks of room below the deadline, time without a processor aside. */
function bounded(pieces: readonly (readonly ['starve' | 'run' | 'block', number])[]): Piece[] {
  let ownMs = 0;
  return pieces.map(([does, ms]) => {
    if (does === 'starve' || ownMs + ms > LOOP_MS - 2_000) return { does: 'starve', ms };
    ownMs += ms;
    return { does, ms };
  });
}
