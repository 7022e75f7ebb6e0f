import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/core/random.js';
import { openRemoteResilience } from '../../../src/resilience/remote/remote-resilience.js';
import { ResilienceServer } from '../../../src/resilience/remote/resilience-server.js';
import {
  ResilienceCoordinator,
  type ResilienceCoordinatorOptions,
} from '../../../src/resilience/resilience-coordinator.js';
import { linkedEnds } from '../../support/linked-ends.js';
import { SimulatedClock } from '../../support/simulated-clock.js';
import { drain } from '../rate/coordinator-rig.js';

const BREAKER = { failuresInRow: 2, openMs: 1_000, openJitter: 0, probes: 1 };

/** A process with budgets and breakers, and others that it serves. */
function startServer(options: ResilienceCoordinatorOptions, delayMsMax = 5) {
  const clock = new SimulatedClock({ now: 1_000_000_000n });
  const here = new ResilienceCoordinator({ clock, seed: 1, ...options });
  const server = new ResilienceServer(here, { clock });
  const problems: unknown[] = [];
  const start = () => {
    const way = linkedEnds(clock, { random: new Random(1), delayMsMax });
    const handle = structuredClone(server.handle());
    const leave = server.serve(handle.owner, way.parent);
    const child = openRemoteResilience({
      handle,
      link: way.child,
      clock,
      onProblem: ({ error }) => void problems.push(error),
    });
    return {
      child,
      fall: way.cut,
      kill() {
        way.cut();
        child.close();
        leave();
      },
    };
  };
  return { clock, here, server, start, problems };
}

const fail = (breaker: { permit(): { fail(): void } }) => breaker.permit().fail();

describe('budgets and breakers of another process', () => {
  it('grant a share of a budget once it is used, and nothing that was not declared', async () => {
    const { clock, start, problems } = startServer({
      providers: { x: { permits: 100, endpoints: { history: { permits: 10 } } } },
      tenants: { research: { permits: 50 } },
    });
    const { child } = start();
    const limiter = child.limiter({ provider: 'x', endpoint: 'history', tenant: 'research' });
    expect(limiter.tryAcquire()).toBe(Number.POSITIVE_INFINITY);
    await clock.advance(3_000);
    expect(limiter.tryAcquire()).toBe(0);
    expect(() => child.limiter({ provider: 'y' })).toThrow(
      expect.objectContaining({ code: 'SCOPE_UNKNOWN' }),
    );
    expect(problems).toEqual([]);
  });

  it('wait as at a budget of nothing once the other process is silent, and say why', async () => {
    const { clock, start } = startServer({ providers: { x: { permits: 100 } } });
    const { child, fall } = start();
    const limiter = child.limiter({ provider: 'x' });
    await clock.advance(2_000);
    fall();
    await clock.advance(2_100);
    expect(limiter.tryAcquire()).toBe(Number.POSITIVE_INFINITY);
    const waiting = expect(limiter.acquire({ timeoutMs: 1_000 })).rejects.toThrow('was not renewed');
    await clock.advance(1_100);
    await waiting;
  });

  it('give back what a process has that was killed, once its time is over', async () => {
    const { clock, here, start } = startServer({ providers: { x: { permits: 100 } } });
    const { child, kill } = start();
    drain(child.limiter({ provider: 'x' }));
    await clock.advance(2_000);
    kill();
    await clock.advance(5_000);
    expect(drain(here.limiter({ provider: 'x' }))).toBe(100);
  });

  it('open all breakers of a provider where one of them trips, and close them where its probes succeed', async () => {
    const { clock, here, start } = startServer({ breakers: { x: BREAKER } });
    const [one, two] = [start(), start()];
    const breakers = [one.child.breaker('x'), two.child.breaker('x'), here.breaker('x')];
    await clock.advance(10);
    fail(breakers[0]!);
    fail(breakers[0]!);
    await clock.advance(20);
    for (const breaker of breakers) expect(breaker.refusal()).toBeDefined();
    await clock.advance(1_020);
    for (const breaker of breakers) expect(breaker.refusal()).toBeUndefined();
    breakers[1]!.permit().succeed();
    await clock.advance(20);
    expect(here.breaker('x').state).toBe('closed');
    fail(breakers[0]!);
    expect(breakers[0]!.refusal()).toBeUndefined(); // closed, not on trial
  });

  it('open again all breakers of a provider where the probe of one fails', async () => {
    const { clock, here, start } = startServer({ breakers: { x: BREAKER } });
    const { child } = start();
    await clock.advance(10);
    fail(here.breaker('x'));
    fail(here.breaker('x'));
    await clock.advance(1_100);
    expect(child.breaker('x').refusal()).toBeUndefined();
    fail(child.breaker('x'));
    await clock.advance(20);
    expect(here.breaker('x').state).toBe('open');
  });

  it('refuse calls in a process that starts while the breaker is open, and while it is held', async () => {
    const { clock, here, start } = startServer({ breakers: { x: BREAKER } });
    const release = here.breaker('x').hold();
    const { child } = start();
    await clock.advance(20);
    expect(child.breaker('x').refusal()).toBeDefined();
    await clock.advance(5_000);
    expect(child.breaker('x').refusal()).toBeDefined();
    release();
    await clock.advance(20);
    expect(child.breaker('x').refusal()).toBeUndefined();
  });

  it('tell a cooldown of a call under a breaker to all others', async () => {
    const { clock, here, start } = startServer({
      providers: { x: { permits: 100 } },
      breakers: { x: BREAKER },
    });
    const [one, two] = [start(), start()];
    two.child.limiter({ provider: 'x' });
    await clock.advance(500);
    const throttled = Object.assign(new Error('slow down'), { status: 429, retryAfterMs: 3_000 });
    await one.child
      .breaker('x')
      .execute(() => Promise.reject(throttled))
      .catch(() => {});
    await clock.advance(100);
    expect(here.rates.status({ provider: 'x' }).cooldownMs).toBeGreaterThan(500);
    expect(two.child.limiter({ provider: 'x' }).left()).toBe(0);
  });

  it('count what a provider says was used against a share by its part', async () => {
    const { clock, start } = startServer({ providers: { x: { permits: 100 } } });
    const { child } = start();
    const limiter = child.limiter({ provider: 'x' });
    for (let step = 0; step < 100; step++) {
      await clock.advance(50);
      limiter.tryAcquire();
    }
    await clock.advance(3_000);
    const left = limiter.left();
    expect(left).toBeGreaterThan(4);
    child.observeUsed({ provider: 'x' }, { used: 50 });
    expect(limiter.left()).toBeGreaterThan(0);
    expect(limiter.left()).toBeLessThanOrEqual(Math.ceil(limiter.left() + left / 2));
  });
});

const renewal = {
  ...{ scope: 'provider:x', owner: 'a', request: 1, holds: 0, cooldownMs: 0, inFlight: 0 },
  demand: { permits: 0, isShort: false, wanted: 0 },
};

describe('the process that serves budgets and breakers', () => {
  it.each<[string, unknown]>([
    ['permits that are no number', { ...renewal, demand: { ...renewal.demand, permits: Number.NaN } }],
    ['calls in flight that are no number', { ...renewal, inFlight: Number.NaN }],
    ['a part that it cannot have', { ...renewal, holds: 1e18 }],
    ['a part that it only asks for', { ...renewal, holds: 1 }],
    ['an endless cooldown', { ...renewal, cooldownMs: Number.POSITIVE_INFINITY }],
    ['no scope', { ...renewal, scope: undefined }],
    ['no request', undefined],
  ])('refuses a message with %s, says so once, and serves all others', async (_, request) => {
    const clock = new SimulatedClock({ now: 1_000_000_000n });
    const here = new ResilienceCoordinator({ clock, providers: { x: { permits: 100, inFlight: 10 } } });
    const problems: unknown[] = [];
    const server = new ResilienceServer(here, { clock, onProblem: (problem) => void problems.push(problem) });
    const takers: ((message: unknown) => void)[] = [];
    server.serve('bad', { post: () => {}, onMessage: (take) => void takers.push(take) });
    for (let id = 1; id < 4; id++) takers[0]?.({ type: 'renew', id, request });
    takers[0]?.({ type: 'breaker', provider: 'x', state: 'open', version: Number.NaN });
    takers[0]?.(null);
    expect(problems).toEqual([{ owner: 'bad', error: expect.objectContaining({ code: 'OPTIONS_INVALID' }) }]);
    const way = linkedEnds(clock, { random: new Random(1), delayMsMax: 5 });
    const handle = server.handle();
    server.serve(handle.owner, way.parent);
    const child = openRemoteResilience({ handle, link: way.child, clock, onProblem: () => {} });
    const limiter = child.limiter({ provider: 'x' });
    await clock.advance(3_000);
    expect(limiter.tryAcquire()).toBe(0);
  });

  it('deals a budget together with another one of the same coordinator', async () => {
    const { clock, here, server, start } = startServer({ providers: { x: { permits: 0, burst: 100 } } });
    const other = new ResilienceServer(here, { clock });
    const { child } = start();
    const way = linkedEnds(clock, { random: new Random(2), delayMsMax: 5 });
    const handle = other.handle();
    expect(handle.owner).not.toBe(server.handle().owner);
    other.serve(handle.owner, way.parent);
    const second = openRemoteResilience({ handle, link: way.child, clock, onProblem: () => {} });
    const limiters = [here, child, second].map((each) => each.limiter({ provider: 'x' }));
    let granted = 0;
    for (let step = 0; step < 300; step++) {
      await clock.advance(20);
      for (const limiter of limiters) if (limiter.tryAcquire() === 0) granted++;
    }
    expect(granted).toBeGreaterThan(90);
    expect(granted).toBeLessThanOrEqual(100);
    other.close();
    for (const each of [child, second]) each.close();
  });
});
