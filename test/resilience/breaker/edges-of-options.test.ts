import { describe, expect, it } from 'vitest';
import { InvalidOptionsError } from '../../../src/core/errors.js';
import type { BreakerChanges } from '../../../src/resilience/breaker/circuit-breaker.js';
import { openBreaker } from '../../../src/resilience/breaker/open-breaker.js';
import { admits, startBreaker, startHalfOpen } from './breaker-fixtures.js';
import { edge } from './edge-rig.js';

describe('breaker, with options that change', () => {
  edge('options changed while closed', () => {
    const { breaker, other, events, fail } = startBreaker({ failuresInRow: 5 });
    const client = other(3);
    fail(2);
    breaker.configure({ failuresInRow: 4 });
    expect(breaker.state).toBe('closed');
    expect(events).toEqual([{ type: 'configured', breaker: 'test' }]);
    expect(breaker.settings.failuresInRow).toBe(4);
    client.permit().fail();
    expect(breaker.state).toBe('closed');
    client.permit().fail();
    expect(breaker.state).toBe('open');
  });

  edge('limit below what is counted', () => {
    const row = startBreaker({ failuresInRow: 5 });
    row.fail(4);
    row.breaker.configure({ failuresInRow: 2 });
    expect(row.breaker.state).toBe('closed');
    row.fail();
    expect(row.breaker.state).toBe('open');

    const rate = startBreaker({ countWindow: { size: 10, minimumVolume: 4, failureRate: 0.9 } });
    rate.fail(2);
    rate.succeed(2);
    rate.breaker.configure({ countWindow: { size: 10, minimumVolume: 4, failureRate: 0.4 } });
    expect(rate.breaker.state).toBe('closed');
    rate.succeed();
    expect(rate.breaker.state).toBe('open');
  });

  edge('window of another size', () => {
    const window = (size: number) => ({ countWindow: { size, minimumVolume: 1, failureRate: 1 } });
    const { breaker, fail, succeed, other } = startBreaker(window(100));
    const client = other(3);
    succeed(30);
    for (let call = 0; call < 3; call++) {
      succeed();
      client.permit().fail();
    }
    breaker.configure(window(4));
    expect(breaker.status().gauges?.countWindow).toMatchObject({ volume: 4, failed: 2 });
    breaker.configure(window(8_192));
    expect(breaker.status().gauges?.countWindow).toMatchObject({ volume: 4, failed: 2 });
    succeed(5_000);
    client.permit().succeed();
    fail(2);
    expect(breaker.status().gauges?.countWindow).toMatchObject({ volume: 5_007, failed: 4 });
  });

  edge('time window of another length', async () => {
    const window = (lengthMs: number) => ({ timeWindow: { lengthMs, minimumVolume: 50, failureRate: 1 } });
    for (const [lengthMs, volume] of [
      [60_000, 5],
      [2_000, 3],
    ] as const) {
      const { breaker, clock, fail } = startBreaker(window(10_000));
      fail(2);
      await clock.advance(5_000);
      fail(3);
      breaker.configure(window(lengthMs));
      expect(breaker.status().gauges?.timeWindow).toMatchObject({ volume });
      await clock.advance(lengthMs);
      expect(breaker.status().gauges?.timeWindow).toMatchObject({ volume: 0 });
    }
  });

  edge('condition added or taken back', () => {
    const { breaker, fail, other } = startBreaker({ failuresInRow: 2 });
    const client = other(3);
    fail();
    breaker.configure({ failuresInRow: undefined, timeWindow: { minimumVolume: 3, failureRate: 1 } });
    expect(breaker.status().gauges).toEqual({ timeWindow: expect.objectContaining({ volume: 0 }) });
    client.permit().fail();
    fail();
    expect(breaker.state).toBe('closed');
    breaker.configure({ failuresInRow: 2 });
    fail();
    expect(breaker.state).toBe('open');
  });

  edge('options changed with calls in flight', () => {
    const { breaker } = startBreaker({ failuresInRow: 1 });
    const [first, second] = [breaker.permit(), breaker.permit()];
    breaker.configure({ slowCallMs: 100 });
    first.fail();
    second.succeed();
    expect(breaker.state).toBe('closed');
    expect(breaker.counts).toMatchObject({ late: 2, failed: 0, succeeded: 0, slow: 0 });
  });

  edge('options changed while open', async () => {
    const { breaker, clock, trip } = startBreaker({ failuresInRow: 1, openMs: 1_000 });
    trip();
    await clock.advance(400);
    breaker.configure({ openMs: 3_000 });
    expect(breaker.status()).toMatchObject({ state: 'open', openLeftMs: 600, reason: 'failuresInRow' });
    expect(breaker.refusal()).toMatchObject({ openForMs: 400, retryAfterMs: 600 });
    await clock.advance(600);
    breaker.permit().fail();
    expect(breaker.status()).toMatchObject({ state: 'open', openLeftMs: 3_000, openings: 2 });
  });

  edge('options changed while half-open', async () => {
    const { breaker, other } = await startHalfOpen({ probes: 3 });
    const client = other(3);
    const inFlight = client.permit();
    client.permit().succeed();
    breaker.configure({ probes: 2 });
    inFlight.succeed();
    expect(breaker.state).toBe('halfOpen');
    expect(breaker.counts.late).toBe(1);
    const probes = [client.permit(), client.permit()];
    expect(admits(client)).toBe(false);
    for (const probe of probes) probe.succeed();
    expect(breaker.state).toBe('closed');
  });

  edge('options changed while held or disabled', () => {
    const { breaker } = startBreaker();
    const release = breaker.hold();
    breaker.configure({ failuresInRow: 1 });
    expect(breaker.state).toBe('heldOpen');
    breaker.disable();
    breaker.configure({ failuresInRow: 2 });
    expect(breaker.state).toBe('disabled');
    release();
    breaker.enable();
    breaker.permit().fail();
    expect(breaker.state).toBe('closed');
    breaker.permit().fail();
    expect(breaker.state).toBe('open');
  });

  edge('options changed to what they are', () => {
    const { breaker, events, fail } = startBreaker({ failuresInRow: 2 });
    const inFlight = breaker.permit();
    breaker.configure({ failuresInRow: 2, openMs: 1_000 });
    expect(events).toEqual([]);
    fail();
    inFlight.fail();
    expect(breaker.state).toBe('open');
  });

  edge('thread that opens the breaker after a change', () => {
    const { breaker, clock } = startBreaker({ failuresInRow: 5 });
    const handle = breaker.handle();
    breaker.configure({ failuresInRow: 1, countWindow: { size: 2_000, failureRate: 1 } });
    openBreaker(structuredClone(handle), { clock }).permit().fail();
    expect(breaker.state).toBe('open');
  });
});

describe('options that cannot be changed to', () => {
  it.each<[string, Record<string, unknown>, RegExp]>([
    ['a rate of 0', { countWindow: { failureRate: 0 } }, /countWindow.failureRate/],
    ['an open time above the cap', { openMs: 70_000 }, /openMsMax: expected no less than "openMs"/],
    ['a misspelt one', { openms: 10 }, /openms: there is no such option/],
    ['another name', { name: 'other' }, /name: cannot be changed/],
  ])('are refused, and change nothing: %s', (_, changes, message) => {
    const { breaker, events } = startBreaker();
    const before = breaker.settings;
    expect(() => breaker.configure(changes as BreakerChanges)).toThrow(InvalidOptionsError);
    expect(() => breaker.configure(changes as BreakerChanges)).toThrow(message);
    expect(breaker.settings).toEqual(before);
    expect(events).toEqual([]);
    breaker.configure({ openMs: 500 }); // what was refused is not kept for the next change
    expect(breaker.settings.openMs).toBe(500);
  });
});
