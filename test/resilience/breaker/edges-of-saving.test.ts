import { describe, expect } from 'vitest';
import type { BreakerOptions } from '../../../src/resilience/breaker/breaker-options.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { startBreaker } from './breaker-fixtures.js';
import { edge } from './edge-rig.js';

/** Saves a breaker and restores it in another process, whose clock without steps begins anew. */
function moveOn(
  rig: ReturnType<typeof startBreaker>,
  options: Partial<BreakerOptions>,
  { afterMs = 0, now = 7n } = {},
) {
  const saved: unknown = JSON.parse(JSON.stringify(rig.breaker.save()));
  const wall = rig.clock.wall() + BigInt(afterMs) * 1_000_000n;
  return startBreaker(options, { clock: new SimulatedClock({ now, wall }), saved });
}

describe('breaker, saved and restored', () => {
  edge('failures in a row, saved and restored', () => {
    const options = { failuresInRow: 3 };
    const rig = startBreaker(options);
    rig.fail(2);
    const next = moveOn(rig, options);
    expect(next.breaker.state).toBe('closed');
    next.fail();
    expect(next.breaker.state).toBe('open');
    const other = moveOn(rig, options);
    other.succeed();
    other.fail(2);
    expect(other.breaker.state).toBe('closed');
  });

  edge('count window, saved and restored', async () => {
    const options = { slowCallMs: 10, countWindow: { size: 6, failureRate: 0.5, slowCallRate: 1 } };
    const rig = startBreaker(options);
    rig.succeed(6); // leaves the window
    const slow = [rig.breaker.permit(), rig.breaker.permit()];
    await rig.clock.advance(10);
    slow[0]!.succeed();
    slow[1]!.fail();
    rig.succeed();
    rig.fail();
    rig.succeed(2);
    expect(rig.breaker.save().countWindow).toBe('SFsfss');
    const next = moveOn(rig, options);
    const gauge = { volume: 6, failed: 2, slow: 2, failureRate: 1 / 3, slowCallRate: 1 / 3 };
    expect(next.breaker.status().gauges).toEqual({ countWindow: gauge });
    next.fail();
    expect(next.breaker.state).toBe('open');
  });

  edge('time window, saved and restored', async () => {
    const options = { timeWindow: { lengthMs: 10_000, minimumVolume: 100, failureRate: 1 } };
    const rig = startBreaker(options);
    rig.fail(2);
    await rig.clock.advance(4_000);
    rig.fail(3);
    rig.succeed();
    // 5 s later the first two are 9 s old; 4 s after that only the last four are within the length.
    const next = moveOn(rig, options, { afterMs: 4_000 });
    expect(next.breaker.status().gauges?.timeWindow).toMatchObject({ volume: 6, failed: 5 });
    await next.clock.advance(2_000);
    expect(next.breaker.status().gauges?.timeWindow).toMatchObject({ volume: 4, failed: 3 });
    await next.clock.advance(5_000);
    expect(next.breaker.status().gauges?.timeWindow).toMatchObject({ volume: 0 });
    expect(moveOn(rig, options, { afterMs: 10_000 }).breaker.status().gauges?.timeWindow).toMatchObject({
      volume: 0,
    });
  });

  edge('saved with one set of options, restored with another', () => {
    const rig = startBreaker({ failuresInRow: 5, countWindow: { size: 10, failureRate: 1 } });
    rig.succeed();
    rig.fail(4);
    const next = moveOn(rig, { failuresInRow: 3, countWindow: { size: 2, failureRate: 1 } });
    expect(next.breaker.state).toBe('closed');
    expect(next.breaker.status().gauges).toMatchObject({ failuresInRow: 4, countWindow: { volume: 2 } });
    next.fail();
    expect(next.breaker.state).toBe('open');
    expect(moveOn(rig, { timeWindow: { failureRate: 1 } }).breaker.status().gauges).toEqual({
      timeWindow: expect.objectContaining({ volume: 0 }),
    });
  });

  edge('restored while the wall clock was set back', () => {
    const options = { timeWindow: { lengthMs: 10_000, minimumVolume: 100, failureRate: 1 } };
    const rig = startBreaker(options);
    rig.fail(2);
    const next = moveOn(rig, options, { afterMs: -3_600_000 });
    expect(next.breaker.status().gauges?.timeWindow).toMatchObject({ volume: 2 });
  });
});

describe('breaker, and what its windows hold', () => {
  edge('gauges while closed', () => {
    const { breaker, fail, succeed } = startBreaker({
      failuresInRow: 10,
      countWindow: { size: 4, failureRate: 1 },
      timeWindow: { minimumVolume: 100, failureRate: 1 },
    });
    const none = { volume: 0, failed: 0, slow: 0, failureRate: 0, slowCallRate: 0 };
    expect(breaker.status()).toEqual({
      state: 'closed',
      openings: 0,
      holds: 0,
      gauges: { failuresInRow: 0, countWindow: none, timeWindow: none },
    });
    succeed(6);
    fail(2);
    expect(breaker.status().gauges).toEqual({
      failuresInRow: 2,
      countWindow: { volume: 4, failed: 2, slow: 0, failureRate: 0.5, slowCallRate: 0 },
      timeWindow: { volume: 8, failed: 2, slow: 0, failureRate: 0.25, slowCallRate: 0 },
    });
  });

  edge('gauges of an opening', async () => {
    const { breaker, clock, events, other } = startBreaker({
      failuresInRow: 10,
      timeWindow: { lengthMs: 1_000, minimumVolume: 4, failureRate: 0.5 },
    });
    const client = other(3);
    for (const end of ['succeed', 'succeed', 'fail', 'fail'] as const) client.permit()[end]();
    // However late the owner learns of it: what was counted when it opened.
    await clock.advance(500);
    expect(breaker.state).toBe('open');
    expect(events.at(0)).toMatchObject({
      type: 'opened',
      gauges: {
        failuresInRow: 2,
        timeWindow: { volume: 4, failed: 2, slow: 0, failureRate: 0.5, slowCallRate: 0 },
      },
    });
    expect(breaker.status().gauges).toBeUndefined();
    await clock.advance(500);
    breaker.permit().fail();
    expect(events.at(-1)).toEqual(expect.not.objectContaining({ gauges: expect.anything() }));
  });
});
