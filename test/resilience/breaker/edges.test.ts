import { describe, expect } from 'vitest';
import { CircuitBreaker } from '../../../src/resilience/breaker/circuit-breaker.js';
import { classifyError } from '../../../src/resilience/breaker/classify.js';
import { EPOCH_MASK, epochOf, WORD_CELL } from '../../../src/shared-memory/breaker-memory.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { admits, settingsOf, startBreaker, startHalfOpen } from './breaker-fixtures.js';
import { edge, openError } from './edge-rig.js';

describe('breaker, closed', () => {
  edge('threshold met exactly', () => {
    const run = startBreaker({ failuresInRow: 3 });
    run.fail(2);
    expect(run.breaker.state).toBe('closed');
    run.fail();
    expect(run.breaker.state).toBe('open');

    // 3 of 30 is the double 0.1, though 0.1 × 30 is more than 3.
    const rate = startBreaker({ countWindow: { size: 30, failureRate: 0.1 } });
    rate.succeed(27);
    rate.fail(2);
    expect(rate.breaker.state).toBe('closed');
    rate.fail();
    expect(rate.breaker.state).toBe('open');
  });

  edge('success among failures in a row', () => {
    const { breaker, fail, succeed } = startBreaker({ failuresInRow: 3 });
    fail(2);
    succeed();
    fail(2);
    expect(breaker.state).toBe('closed');
  });

  edge('success that completes the volume', () => {
    const count = startBreaker({ countWindow: { size: 10, minimumVolume: 4, failureRate: 0.5 } });
    count.fail(2);
    count.succeed();
    expect(count.breaker.state).toBe('closed');
    count.succeed();
    expect(count.breaker.state).toBe('open');

    const time = startBreaker({ timeWindow: { lengthMs: 1_000, minimumVolume: 4, failureRate: 0.5 } });
    time.fail(2);
    time.succeed();
    expect(time.breaker.state).toBe('closed');
    time.succeed();
    expect(time.breaker.state).toBe('open');
  });

  edge('success after which a time window has moved on', async () => {
    const { breaker, clock, fail, succeed } = startBreaker({
      timeWindow: { lengthMs: 1_000, minimumVolume: 4, failureRate: 0.5 },
    });
    succeed(10);
    await clock.advance(500);
    fail(3);
    expect(breaker.state).toBe('closed');
    // The ten successes have left the window: three failures and this one are what is in it.
    await clock.advance(600);
    succeed();
    expect(breaker.state).toBe('open');
  });

  edge('volume not reached', () => {
    const { breaker, fail } = startBreaker({ countWindow: { size: 10, minimumVolume: 5, failureRate: 0.1 } });
    fail(4);
    expect(breaker.state).toBe('closed');
  });

  edge('calls in flight', () => {
    const { breaker, fail, succeed } = startBreaker({
      countWindow: { size: 10, minimumVolume: 4, failureRate: 0.5 },
    });
    const inFlight = Array.from({ length: 20 }, () => breaker.permit());
    succeed(2);
    fail(2);
    expect(breaker.state).toBe('open');
    for (const permit of inFlight) permit.succeed();
    expect(breaker.state).toBe('open');
  });

  edge('window that has passed, however long nobody called', async () => {
    const { breaker, clock, fail, succeed } = startBreaker({
      timeWindow: { lengthMs: 1_000, minimumVolume: 4, failureRate: 0.5 },
    });
    for (const idleMs of [1_000, 3_600_000, 2 ** 31, 2 ** 32, 2 ** 30 * 100, 2 ** 30 * 100 * 5]) {
      fail(3);
      await clock.advance(idleMs);
      succeed();
      succeed();
      expect(breaker.state).toBe('closed');
      await clock.advance(idleMs);
    }
  });

  edge('call as slow as the limit', async () => {
    const { breaker, clock } = startBreaker({
      slowCallMs: 100,
      countWindow: { size: 2, slowCallRate: 0.5 },
    });
    const quick = breaker.permit();
    await clock.advance(99);
    quick.succeed();
    const slow = breaker.permit();
    await clock.advance(100);
    slow.succeed();
    expect(breaker.state).toBe('open');
    expect(breaker.counts).toMatchObject({ succeeded: 2, slow: 1 });
  });

  edge('call that is slow and fails', async () => {
    const { breaker, clock } = startBreaker({
      slowCallMs: 100,
      countWindow: { size: 2, slowCallRate: 1 },
    });
    for (const end of ['fail', 'succeed'] as const) {
      const permit = breaker.permit();
      await clock.advance(100);
      permit[end]();
    }
    expect(breaker.state).toBe('open');
  });

  edge('ignored outcome', async () => {
    const { breaker, clock, fail } = startBreaker({
      failuresInRow: 2,
      slowCallMs: 100,
      countWindow: { size: 4, minimumVolume: 1, slowCallRate: 0.5 },
    });
    fail();
    const permit = breaker.permit();
    await clock.advance(200);
    permit.ignore();
    expect(breaker.state).toBe('closed');
    expect(breaker.counts).toMatchObject({ ignored: 1, slow: 0 });
    fail();
    expect(breaker.state).toBe('open');
  });

  edge('second outcome of one permit', () => {
    const { breaker } = startBreaker({ failuresInRow: 2 });
    const permit = breaker.permit();
    permit.fail();
    permit.fail();
    permit.succeed();
    permit.ignore();
    expect(breaker.state).toBe('closed');
    expect(breaker.counts).toMatchObject({ failed: 1, succeeded: 0, ignored: 0, late: 0 });
    breaker.permit().fail();
    expect(breaker.state).toBe('open');
  });
});

describe('breaker, open', () => {
  edge('open time met exactly', async () => {
    const { breaker, clock, trip } = startBreaker({ failuresInRow: 1 });
    trip();
    await clock.advance(999.999);
    expect(breaker.state).toBe('open');
    expect(openError(breaker).refusal).toMatchObject({ state: 'open', reason: 'failuresInRow' });
    await clock.advance(0.001);
    expect(breaker.state).toBe('halfOpen');
  });

  edge('result of a call that began closed', async () => {
    const { breaker, clock } = startBreaker({ failuresInRow: 1, probes: 1 });
    const early = Array.from({ length: 6 }, () => breaker.permit());
    breaker.permit().fail();
    early[0]!.succeed();
    early[1]!.fail();
    expect(breaker.state).toBe('open');
    await clock.advance(1_000);
    early[2]!.succeed();
    early[3]!.fail();
    expect(breaker.state).toBe('halfOpen');
    breaker.permit().succeed();
    expect(breaker.state).toBe('closed');
    early[4]!.fail();
    early[5]!.succeed();
    expect(breaker.state).toBe('closed');
    expect(breaker.counts).toMatchObject({ late: 6, failed: 1, succeeded: 1 });
  });

  edge('refused call', () => {
    const { breaker, trip, events } = startBreaker({ failuresInRow: 1 });
    trip();
    const before = events.length;
    const error = openError(breaker);
    expect(error).toMatchObject({ code: 'BREAKER_OPEN', retryable: true });
    expect(error.refusal).toEqual({
      breaker: 'test',
      state: 'open',
      reason: 'failuresInRow',
      openForMs: 0,
      retryAfterMs: 1_000,
    });
    expect(error.message).toContain('"test" is open (failuresInRow)');
    expect(breaker.counts).toMatchObject({ refused: 1, failed: 1 });
    expect(events.length).toBe(before);
  });

  edge('wall clock set back or forward', async () => {
    class SteppingClock extends SimulatedClock {
      stepNs = 0n;
      override wall() {
        return (super.wall() + this.stepNs) as ReturnType<SimulatedClock['wall']>;
      }
    }
    for (const hours of [-5n, 5n]) {
      const clock = new SteppingClock();
      const { breaker, trip } = startBreaker({ failuresInRow: 1 }, { clock });
      trip();
      clock.stepNs = hours * 3_600_000_000_000n;
      await clock.advance(999);
      expect(breaker.state).toBe('open');
      await clock.advance(1);
      expect(breaker.state).toBe('halfOpen');
    }
  });

  edge('open time at its cap', async () => {
    const { breaker, clock, events, trip } = startBreaker({
      failuresInRow: 1,
      openFactor: 3,
      openMsMax: 5_000,
      openJitter: 1,
    });
    trip();
    for (let round = 0; round < 40; round++) {
      await clock.advance(5_000);
      breaker.permit().fail();
    }
    const times = events.flatMap((event) => (event.type === 'opened' ? [event.openForMs] : []));
    expect(times).toHaveLength(41);
    expect(Math.max(...times)).toBe(5_000);
    expect(new Set(times).size).toBeGreaterThan(2);
  });

  edge('closed after it has grown', async () => {
    const { breaker, clock, events, trip } = startBreaker({ failuresInRow: 1, openFactor: 2 });
    trip();
    await clock.advance(1_000);
    breaker.permit().fail();
    await clock.advance(2_000);
    breaker.permit().succeed();
    trip();
    const opened = events.filter(({ type }) => type === 'opened');
    expect(opened).toMatchObject([
      { openForMs: 1_000, openings: 1, reason: 'failuresInRow' },
      { openForMs: 2_000, openings: 2, reason: 'probesFailed' },
      { openForMs: 1_000, openings: 1, reason: 'failuresInRow' },
    ]);
  });
});

describe('breaker, half-open', () => {
  edge('surplus calls', async () => {
    const { breaker } = await startHalfOpen();
    const probes = [breaker.permit(), breaker.permit()];
    const { refusal } = openError(breaker);
    expect(refusal).toMatchObject({ state: 'halfOpen', retryAfterMs: expect.any(Number) });
    expect(breaker.refusal()).toMatchObject({ state: 'halfOpen' });
    for (const probe of probes) probe.succeed();
    expect(breaker.state).toBe('closed');
  });

  edge('all probes but one', async () => {
    const { breaker } = await startHalfOpen();
    breaker.permit().succeed();
    expect(breaker.state).toBe('halfOpen');
    breaker.permit().succeed();
    expect(breaker.state).toBe('closed');
  });

  edge('probe that fails while others are out', async () => {
    const { breaker, clock } = await startHalfOpen({ probes: 3 });
    const [first, second] = [breaker.permit(), breaker.permit()];
    first.fail();
    expect(breaker.state).toBe('open');
    second.succeed();
    expect(breaker.state).toBe('open');
    expect(breaker.counts.late).toBe(1);
    await clock.advance(1_000);
    expect(breaker.state).toBe('halfOpen');
  });

  edge('share of probes that may fail', async () => {
    const { breaker } = await startHalfOpen({ probes: 4, probeSuccessRate: 0.5 });
    breaker.permit().fail();
    breaker.permit().fail();
    expect(breaker.state).toBe('halfOpen');
    breaker.permit().succeed();
    breaker.permit().succeed();
    expect(breaker.state).toBe('closed');

    const worse = await startHalfOpen({ probes: 4, probeSuccessRate: 0.5 });
    worse.fail(3);
    expect(worse.breaker.state).toBe('open');
  });

  edge('ignored outcome of a probe', async () => {
    const { breaker } = await startHalfOpen({ probes: 1 });
    for (let i = 0; i < 5; i++) {
      const probe = breaker.permit();
      expect(admits(breaker)).toBe(false);
      probe.ignore();
      expect(breaker.state).toBe('halfOpen');
    }
    breaker.permit().succeed();
    expect(breaker.state).toBe('closed');
  });

  edge('probe that never comes back', async () => {
    const { breaker, clock } = await startHalfOpen({ probes: 1, probeMsMax: 500 });
    const lost = breaker.permit();
    await clock.advance(499);
    expect(openError(breaker).refusal.retryAfterMs).toBeLessThanOrEqual(2);
    await clock.advance(2);
    const next = breaker.permit();
    lost.succeed();
    expect(breaker.state).toBe('halfOpen');
    expect(breaker.counts.late).toBe(1);
    next.succeed();
    expect(breaker.state).toBe('closed');
  });

  edge('probe that never comes back, and nobody calls for years', async () => {
    for (const idleDays of [1, 24.9, 26, 49.71, 400, 2_000]) {
      const { breaker, clock } = await startHalfOpen({ probes: 1 });
      breaker.permit();
      await clock.advance(idleDays * 86_400_000);
      expect(breaker.refusal()).toBeUndefined();
      breaker.permit().succeed();
      expect(breaker.state).toBe('closed');
    }
  });

  edge('probe that was taken since a thread read the clock', async () => {
    const { breaker, clock, other } = await startHalfOpen({ probes: 1, probeMsMax: 10 });
    const sleeper = other(3, new SimulatedClock({ now: clock.now() }));
    await clock.advance(60_000);
    breaker.permit();
    expect(admits(sleeper)).toBe(false);
  });

  edge('thread that dies with a probe', async () => {
    const { breaker, other } = await startHalfOpen({ probes: 2 });
    const dead = other(7);
    dead.permit();
    const alive = other(8).permit();
    expect(admits(breaker)).toBe(false);
    expect(breaker.reclaim(7)).toBe(1);
    expect(breaker.reclaim(7)).toBe(0);
    breaker.permit().succeed();
    expect(admits(breaker)).toBe(false);
    alive.succeed();
    expect(breaker.state).toBe('closed');
  });

  edge('slow probe', async () => {
    const { breaker, clock } = await startHalfOpen({
      probes: 1,
      slowCallMs: 10,
      countWindow: { size: 1, slowCallRate: 1 },
    });
    const probe = breaker.permit();
    await clock.advance(50);
    probe.succeed();
    expect(breaker.state).toBe('closed');
    expect(breaker.counts.slow).toBe(1);
  });
});

describe('breaker, by hand', () => {
  edge('hold twice, release once', () => {
    const { breaker } = startBreaker();
    const [first, second] = [breaker.hold(), breaker.hold()];
    first();
    first();
    expect(breaker.state).toBe('heldOpen');
    second();
    expect(breaker.state).toBe('halfOpen');
  });

  edge('held for long', async () => {
    const { breaker, clock } = startBreaker();
    breaker.hold();
    await clock.advance(1e10);
    expect(breaker.state).toBe('heldOpen');
    expect(openError(breaker).refusal).toMatchObject({
      state: 'heldOpen',
      reason: 'heldByHand',
      openForMs: 1e10,
      retryAfterMs: undefined,
    });
    expect(clock.timersPending).toBe(0);
  });

  edge('release after hold', async () => {
    const { breaker, clock, events } = startBreaker({ probes: 1 });
    breaker.hold()();
    expect(breaker.state).toBe('halfOpen');
    breaker.permit().fail();
    expect(breaker.state).toBe('open');
    expect(events.at(-1)).toMatchObject({ type: 'opened', openForMs: 1_000, openings: 1 });
    await clock.advance(1_000);
    breaker.permit().succeed();
    expect(breaker.state).toBe('closed');
  });

  edge('hold while open', async () => {
    const { breaker, clock, trip } = startBreaker({ failuresInRow: 1 });
    trip();
    const release = breaker.hold();
    expect(clock.timersPending).toBe(0);
    await clock.advance(5_000);
    expect(breaker.state).toBe('heldOpen');
    release();
    expect(breaker.state).toBe('halfOpen');
  });

  edge('hold with probes in flight', async () => {
    const { breaker } = await startHalfOpen();
    const [first, second] = [breaker.permit(), breaker.permit()];
    const release = breaker.hold();
    first.fail();
    second.succeed();
    expect(breaker.state).toBe('heldOpen');
    expect(breaker.counts.late).toBe(2);
    release();
    breaker.permit().succeed();
    breaker.permit().succeed();
    expect(breaker.state).toBe('closed');
  });

  edge('reset with calls in flight', () => {
    const { breaker, events } = startBreaker({ failuresInRow: 2 });
    const [first, second] = [breaker.permit(), breaker.permit()];
    breaker.permit().fail();
    breaker.reset();
    first.fail();
    second.fail();
    breaker.permit().fail();
    expect(breaker.state).toBe('closed');
    expect(breaker.counts.late).toBe(2);
    expect(events).toEqual([]);
  });

  edge('reset while closed', () => {
    const { breaker, events, fail } = startBreaker({ failuresInRow: 2 });
    fail();
    breaker.reset();
    fail();
    expect(breaker.state).toBe('closed');
    expect(events).toEqual([]);
  });

  edge('reset while open or half-open', async () => {
    const { breaker, clock, trip, events } = startBreaker({ failuresInRow: 1, openFactor: 2 });
    trip();
    await clock.advance(1_000);
    breaker.permit().fail();
    breaker.reset();
    expect(breaker.state).toBe('closed');
    expect(clock.timersPending).toBe(0);
    trip();
    expect(events.at(-1)).toMatchObject({ type: 'opened', openForMs: 1_000, openings: 1 });
    await clock.advance(1_000);
    breaker.reset();
    expect(breaker.state).toBe('closed');
  });

  edge('reset while held or disabled', () => {
    const { breaker } = startBreaker();
    const release = breaker.hold();
    breaker.reset();
    expect(breaker.state).toBe('heldOpen');
    release();
    breaker.disable();
    breaker.reset();
    expect(breaker.state).toBe('disabled');
  });

  edge('disable, and enable again', () => {
    const { breaker, trip } = startBreaker({ failuresInRow: 2 });
    trip();
    breaker.disable();
    expect(breaker.state).toBe('disabled');
    for (let i = 0; i < 10; i++) breaker.permit().fail();
    expect(breaker.counts.failed).toBe(2);
    const inFlight = breaker.permit();
    breaker.enable();
    expect(breaker.state).toBe('closed');
    inFlight.fail();
    breaker.permit().fail();
    expect(breaker.state).toBe('closed');
  });

  edge('hold while disabled', () => {
    const { breaker } = startBreaker();
    breaker.disable();
    const [first, second] = [breaker.hold(), breaker.hold()];
    expect(breaker.state).toBe('disabled');
    expect(admits(breaker)).toBe(true);
    first();
    breaker.enable();
    expect(breaker.state).toBe('heldOpen');
    second();
    expect(breaker.state).toBe('halfOpen');
  });

  edge('disable while held', () => {
    const { breaker } = startBreaker();
    const release = breaker.hold();
    breaker.disable();
    expect(admits(breaker)).toBe(true);
    release();
    breaker.enable();
    expect(breaker.state).toBe('closed');
  });
});

describe('breaker, over time', () => {
  edge('epoch at its wrap', async () => {
    const clock = new SimulatedClock();
    const settings = settingsOf({
      failuresInRow: 3,
      countWindow: { size: 4, failureRate: 1 },
      timeWindow: { lengthMs: 1_000, minimumVolume: 4, failureRate: 1 },
    });
    const context = { clock, seed: 1, classify: classifyError, epoch: EPOCH_MASK - 4 };
    const breaker = new CircuitBreaker(settings, context);
    const epochs: number[] = [];
    for (let round = 0; round < 200; round++) {
      const late = breaker.permit();
      for (let i = 0; i < 2; i++) breaker.permit().fail();
      expect(breaker.state).toBe('closed');
      breaker.permit().fail();
      expect(breaker.state).toBe('open');
      await clock.advance(1_000);
      late.fail();
      breaker.permit().succeed();
      expect(breaker.state).toBe('closed');
      epochs.push(epochOf(new Int32Array(breaker.handle().memory)[WORD_CELL]!));
    }
    expect(epochs.slice(0, 3)).toEqual([EPOCH_MASK, 2, 5]);
    expect(breaker.counts).toMatchObject({ late: 200, failed: 600, succeeded: 200 });
  });
});
